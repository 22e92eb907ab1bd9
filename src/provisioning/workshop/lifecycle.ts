/** What people ask of workshops: each request is checked, recorded and begun, or refused with the reason. */
import { createHash } from 'node:crypto';
import { InvalidInputError, NotFoundError, NotRunningError } from '../../protocol/errors.ts';
import { newCode, newId, showCode } from '../../protocol/names.ts';
import {
  seatSubject,
  workshopSubject,
  type CreatedWorkshop,
  type Operation,
  type OperationKind,
} from '../../protocol/operation.ts';
import { EXPIRES_IN_MINUTES, type CreateWorkshop, type Runtime } from '../../protocol/workshop.ts';
import { inMinutes, timestamp } from '../clock.ts';
import type { OperationEngine } from '../operations/engine.ts';
import { toOperation } from '../operations/journal.ts';
import type { SeatRow } from '../store/seats.ts';
import type { Store } from '../store/store.ts';
import type { WorkshopRow } from '../store/workshops.ts';
import type { RuntimeChoice } from '../workers/local/local-runtimes.ts';
import type { Records } from './records.ts';
import { countSeats } from './placement.ts';
import { permit } from './state-machine.ts';

export interface LifecycleOptions {
  readonly store: Store;
  readonly records: Records;
  readonly engine: OperationEngine;
  readonly chooseRuntime: RuntimeChoice;
}

export class Lifecycle {
  readonly #store: Store;
  readonly #records: Records;
  readonly #engine: OperationEngine;
  readonly #chooseRuntime: RuntimeChoice;

  constructor(options: LifecycleOptions) {
    this.#store = options.store;
    this.#records = options.records;
    this.#engine = options.engine;
    this.#chooseRuntime = options.chooseRuntime;
  }

  /**
   * Makes a workshop and begins to prepare it.
   * @param idempotencyKey a repeated request with the same key answers what the first one did, as JSON text
   * @throws InvalidInputError, UnavailableError where this machine cannot make such seats, ConflictError for a used key
   */
  async create(request: CreateWorkshop, idempotencyKey?: string): Promise<string> {
    refuseUnavailable(request);
    const asked = request.runtime ?? 'auto';
    const possible = await this.#chooseRuntime(asked);
    // One that is started later is decided on then.
    const runtime = request.start === false ? asked : possible;
    const hash = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    return this.#store.transaction(() => {
      const known = idempotencyKey === undefined ? undefined : this.#store.idempotency.find(idempotencyKey, hash);
      if (known !== undefined) return known;
      const row = this.#newWorkshop(request, runtime);
      this.#records.addWorkshop(row, newSeats(row));
      const operation = request.start === false ? null : this.#begin('workshop.create', row);
      const created: CreatedWorkshop = { workshop: this.#records.workshop(row.id), operation };
      const answer = JSON.stringify(created);
      if (idempotencyKey !== undefined) this.#store.idempotency.insert(idempotencyKey, hash, answer, timestamp());
      return answer;
    });
  }

  /** @throws AlreadyRunningError, ConflictError, NotFoundError, UnavailableError where this machine cannot make its seats */
  async start(id: string): Promise<Operation> {
    permit('start', this.#records.workshopRow(id));
    const runtime = await this.#chooseRuntime(this.#records.workshopRow(id).runtime);
    return this.#store.transaction(() => {
      permit('start', this.#records.workshopRow(id));
      return this.#begin('workshop.start', this.#records.changeWorkshop(id, { runtime }));
    });
  }

  /** @throws NotRunningError, ConflictError, NotFoundError */
  stop(id: string, title?: string): Operation {
    const row = this.#records.workshopRow(id);
    permit('stop', row);
    return this.#begin('workshop.stop', row, title);
  }

  /** Cancels what runs on the workshop and removes all of it. @throws NotFoundError */
  delete(id: string): Operation {
    const row = this.#records.workshopRow(id);
    permit('delete', row);
    return this.#begin('workshop.delete', row);
  }

  /** Sets the end of the workshop, counted from now. @throws NotRunningError, ConflictError, NotFoundError */
  extend(id: string, minutes: number): Operation {
    const row = this.#records.workshopRow(id);
    permit('extend', row);
    const request = { kind: 'workshop.extend', subject: workshopSubject(id), scope: id } as const;
    const operation = this.#engine.record({ ...request, title: `Extend workshop "${row.name}"` }, () => {
      const expires_at = inMinutes(minutes);
      this.#records.changeWorkshop(id, { expires_at, expires_in_minutes: minutes });
      return `The workshop "${row.name}" now ends at ${expires_at}.`;
    });
    return toOperation(operation);
  }

  /** @throws NotRunningError, ConflictError, NotFoundError */
  reset(id: string, seat: number): Operation {
    const workshop = this.#records.workshopRow(id);
    const row = this.#records.seatRow(id, seat);
    permit('reset', workshop);
    if (row.worker === null) throw new NotRunningError(`Seat ${seat} is not running. Start the workshop first.`);
    const title = `Reset seat ${seat} of workshop "${workshop.name}"`;
    const request = { kind: 'seat.reset', subject: seatSubject(id, seat), scope: id, seat, title } as const;
    const operation = this.#engine.begin(request, () => {
      this.#records.changeSeat(id, seat, { status: 'resetting', error: null });
    });
    return toOperation(operation);
  }

  /**
   * Takes a seat from its learner, and begins to empty it: until that is done nobody may have it. What runs nowhere is
   * emptied when it is started. The same again while it runs is the same operation.
   * @throws NotFoundError where nobody has the seat; NotRunningError, ConflictError
   */
  free(id: string, seat: number): Operation {
    const workshop = this.#records.workshopRow(id);
    const row = this.#records.seatRow(id, seat);
    const learner = this.#store.learners.findBySeat(id, seat);
    if (learner === undefined && !row.freed) {
      throw new NotFoundError(`Nobody has seat ${seat} of workshop "${workshop.name}".`);
    }
    const running = this.#store.operations.running().find((one) => one.scope === id && one.kind === 'seat.reset');
    if (learner === undefined && running?.seat === seat) return toOperation(running);
    permit('free', workshop);
    const title = `Free seat ${seat} of workshop "${workshop.name}"`;
    const request = { kind: 'seat.reset', subject: seatSubject(id, seat), scope: id, seat, title } as const;
    const forget = (): void => {
      if (learner !== undefined) this.#records.removeLearner(learner);
    };
    if (row.worker === null) {
      const begun = this.#engine.record(request, () => {
        forget();
        return `Seat ${seat} is nobody's any more. It is emptied when the workshop is started.`;
      });
      return toOperation(begun);
    }
    const operation = this.#engine.begin(request, () => {
      forget();
      this.#records.changeSeat(id, seat, { status: 'resetting', error: null });
    });
    return toOperation(operation);
  }

  /** Makes seats again that were lost, over their files. @throws ConflictError, NotFoundError */
  repair(id: string, seats: number): Operation {
    const row = this.#records.workshopRow(id);
    return this.#begin('workshop.repair', row, `Repair ${countSeats(seats)} of workshop "${row.name}"`);
  }

  #begin(kind: keyof typeof BEGINNING, row: WorkshopRow, title = `${BEGINNING[kind].verb} "${row.name}"`): Operation {
    const request = { kind, subject: workshopSubject(row.id), scope: row.id, title };
    const operation = this.#engine.begin(request, () => {
      const { status } = BEGINNING[kind];
      if (status === undefined) return;
      // A workshop that is started again has its whole time before it.
      const renewed = kind === 'workshop.start' ? { expires_at: inMinutes(row.expires_in_minutes) } : {};
      this.#records.changeWorkshop(row.id, { status, error: null, ...renewed });
    });
    return toOperation(operation);
  }

  #newWorkshop(request: CreateWorkshop, runtime: Runtime): WorkshopRow {
    const code = this.#unusedCode();
    const minutes = request.expires_in_minutes ?? EXPIRES_IN_MINUTES.default;
    return {
      id: newId('ws'),
      name: request.name ?? showCode(code),
      code,
      seats: request.seats,
      status: 'created',
      runtime,
      provider: 'local',
      created_at: timestamp(),
      expires_in_minutes: minutes,
      expires_at: inMinutes(minutes),
      error: null,
    };
  }

  #unusedCode(): string {
    for (;;) {
      const code = newCode();
      if (this.#store.workshops.findByCode(code) === undefined) return code;
    }
  }
}

/** What each operation is called, and the state in which it puts the workshop at once. */
const BEGINNING = {
  'workshop.create': { verb: 'Create workshop', status: 'provisioning' },
  'workshop.start': { verb: 'Start workshop', status: 'provisioning' },
  'workshop.stop': { verb: 'Stop workshop', status: 'stopping' },
  'workshop.delete': { verb: 'Delete workshop', status: 'deleting' },
  'workshop.repair': { verb: 'Repair workshop', status: undefined },
} as const satisfies Partial<Record<OperationKind, { verb: string; status: WorkshopRow['status'] | undefined }>>;

function newSeats(workshop: WorkshopRow): SeatRow[] {
  return Array.from({ length: workshop.seats }, (_, index) => ({
    workshop_id: workshop.id,
    seat: index + 1,
    status: 'pending',
    worker: null,
    ip: null,
    connected: false,
    has_files: false,
    freed: false,
    generation: 0,
    updated_at: workshop.created_at,
    error: null,
  }));
}

/** @throws InvalidInputError for what this control plane cannot provide */
function refuseUnavailable({ provider = 'local', region, zone }: CreateWorkshop): void {
  if (provider !== 'local') {
    throw new InvalidInputError(
      `Workers of the provider "${provider}" are not available in this version. Use the provider "local".`,
      { path: 'provider' },
    );
  }
  for (const [path, value] of Object.entries({ region, zone })) {
    if (value === undefined) continue;
    throw new InvalidInputError(`A workshop of the provider "local" has no ${path}. Leave it out.`, { path });
  }
}
