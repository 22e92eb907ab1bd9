/** Making, ending and resetting the seats of a workshop on their worker; all of it bears repeating. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentClient } from '../../client/agent.ts';
import { runtimeText } from '../../lib/runtime-text.ts';
import type { Vm } from '../../protocol/agent.ts';
import { ConflictError, infoFromError, NotFoundError } from '../../protocol/errors.ts';
import { inParallel, within, type Parallel } from '../operations/abort.ts';
import type { OperationContext } from '../operations/handler.ts';
import type { SeatRow } from '../store/seats.ts';
import type { Store } from '../store/store.ts';
import type { LocalWorker } from '../workers/local/local-worker.ts';
import type { HeldAgent } from '../workers/local/work.ts';
import type { LocalWorkers } from '../workers/local/local-workers.ts';
import { seatsAtOnce } from '../workers/local/worker-times.ts';
import { countSeats, placeSeats } from './placement.ts';
import type { Records } from './records.ts';

const POLL_MS = 100;

export interface SeatWorkOptions {
  readonly store: Store;
  readonly records: Records;
  readonly workers: LocalWorkers;
}

export class SeatWork {
  readonly #store: Store;
  readonly #records: Records;
  readonly #workers: LocalWorkers;

  constructor(options: SeatWorkOptions) {
    this.#store = options.store;
    this.#records = options.records;
    this.#workers = options.workers;
  }

  /** Makes every seat of the workshop that is not ready, over its files where there are some; as a rule up to the first that fails. */
  async makeAll(
    context: OperationContext,
    workshopId: string,
    options: Pick<Parallel, 'keepGoing'> = { keepGoing: false },
  ): Promise<void> {
    const worker = this.#workerOf(workshopId);
    await worker.hold(context, 'make', async (agent) => {
      await context.step('place', () => this.#place(context, worker, agent, workshopId));
      const wanted = this.#store.seats.of(workshopId).filter(({ status, freed }) => status !== 'ready' || freed);
      if (wanted.length > 0)
        context.progress('seats', `Making ${countSeats(wanted.length)}, as ${this.#kindOf(worker)}.`);
      let ready = 0;
      await inParallel(wanted, { limit: this.#atOnce(worker), ...options }, async (row) => {
        await this.#make(context, worker, agent, row);
        ready += 1;
        context.progress('seats', `${ready} of ${countSeats(wanted.length)} ready.`);
      });
    });
  }

  /** Ends every seat of the workshop, and removes its files unless they are kept. */
  async endAll(context: OperationContext, workshopId: string, options: { readonly keepFiles: boolean }): Promise<void> {
    const isThere = ({ worker, has_files }: SeatRow): boolean => worker !== null || (has_files && !options.keepFiles);
    const wanted = this.#store.seats.of(workshopId).filter(isThere);
    if (wanted.length === 0) return;
    context.progress('seats', `${options.keepFiles ? 'Stopping' : 'Removing'} ${countSeats(wanted.length)}.`);
    const worker = this.#workerOf(workshopId);
    await worker.hold(context, 'remove', (agent) =>
      inParallel(wanted, { limit: this.#atOnce(worker), keepGoing: true }, (row) =>
        this.#end(context, agent, row, options.keepFiles),
      ),
    );
    context.progress('seats', `${countSeats(wanted.length)} ${options.keepFiles ? 'stopped' : 'removed'}.`);
  }

  /** Brings one seat back as new. One that was taken from its learner can be joined from then on. */
  async reset(context: OperationContext, workshopId: string, seat: number): Promise<void> {
    const worker = this.#workerOf(workshopId);
    const { resetMs } = worker.times;
    const late = `Seat ${seat} was not ready within ${resetMs / 1000} s.`;
    await worker.hold(context, 'make', async (agent) => {
      await context.step('seat.reset', async () => {
        this.#records.changeSeat(workshopId, seat, { worker: worker.name, has_files: true });
        const { freed, generation } = this.#records.seatRow(workshopId, seat);
        const vm = await within(resetMs, late, context.signal, (signal) =>
          agent.call((client) =>
            freed
              ? makeForAnother(client, workshopId, seat, generation, signal)
              : resetOrMake(client, workshopId, seat, { since: context.operation.started_at, generation }, signal),
          ),
        );
        const fresh = { status: 'ready', error: null, ip: vm.ip, connected: false, freed: false } as const;
        this.#records.changeSeat(workshopId, seat, fresh);
      });
    });
  }

  /** Ends the worker of the workshop where no seat is left on it. */
  async endWorker(context: OperationContext, workshopId: string): Promise<void> {
    const { runtime } = this.#records.workshopRow(workshopId);
    // A workshop that was never started has none.
    if (runtime !== 'auto') await this.#workers.of(runtime).endIfUnused(context);
  }

  #workerOf(workshopId: string): LocalWorker {
    return this.#workers.of(this.#records.workshopRow(workshopId).runtime);
  }

  /** What its seats are, such as `MicroVMs (QEMU, KVM)`. */
  #kindOf({ name, runtime }: LocalWorker): string {
    return runtimeText(runtime, this.#store.workers.find(name)?.accelerated);
  }

  /** How many seats are worked on at once. */
  #atOnce({ name, runtime }: LocalWorker): number {
    return seatsAtOnce(runtime, this.#store.workers.find(name)?.accelerated ?? false);
  }

  /** Gives every seat without a worker its place: from then on whoever reads the store looks for it there. */
  async #place(context: OperationContext, on: LocalWorker, agent: HeldAgent, workshopId: string): Promise<void> {
    const { capacity, runtime } = await agent.call((client) => client.health(context.signal));
    this.#store.transaction(() => {
      const homeless = this.#store.seats.of(workshopId).filter(({ worker }) => worker === null);
      const free = capacity - this.#store.seats.onWorker(on.name).length;
      const places = placeSeats(
        homeless.map(({ seat }) => seat),
        [{ worker: on.name, free }],
      );
      this.#records.changeWorkshop(workshopId, { runtime });
      for (const [seat, worker] of places) {
        this.#records.changeSeat(workshopId, seat, { worker, status: 'pending', error: null });
      }
    });
  }

  async #make(context: OperationContext, on: LocalWorker, agent: HeldAgent, row: SeatRow): Promise<void> {
    const { workshop_id, seat, freed, generation } = row;
    const { seatMs } = on.times;
    const late = `Seat ${seat} was not ready within ${seatMs / 1000} s.`;
    await context.step('seat.intent', () =>
      this.#records.changeSeat(workshop_id, seat, { status: 'booting', has_files: true, error: null }),
    );
    try {
      const vm = await context.step('seat.create', () =>
        within(seatMs, late, context.signal, (signal) =>
          agent.call((client) =>
            freed
              ? makeForAnother(client, workshop_id, seat, generation, signal)
              : findOrMake(client, workshop_id, seat, signal),
          ),
        ),
      );
      const made = { status: 'ready', ip: vm.ip, connected: vm.connections > 0, freed: false } as const;
      this.#records.changeSeat(workshop_id, seat, made);
    } catch (error) {
      context.signal.throwIfAborted();
      const { code, message } = infoFromError(error);
      const told = { code, message: `Seat ${seat} could not be made: ${message}` };
      this.#records.changeSeat(workshop_id, seat, { status: 'unhealthy', error: told });
      throw error;
    }
  }

  async #end(context: OperationContext, agent: HeldAgent, row: SeatRow, keepFiles: boolean): Promise<void> {
    const { workshop_id, seat } = row;
    await context.step(keepFiles ? 'seat.stop' : 'seat.delete', () =>
      agent.call((client, signal) => client.deleteVm(workshop_id, seat, { keepFiles, signal })),
    );
    this.#records.changeSeat(workshop_id, seat, {
      status: keepFiles ? 'stopped' : 'pending',
      has_files: keepFiles,
      worker: null,
      ip: null,
      connected: false,
      error: null,
    });
  }
}

/** The seat as the agent has it already, or a new one; one that is unhealthy is started again over its files. */
async function findOrMake(client: AgentClient, workshopId: string, seat: number, signal: AbortSignal): Promise<Vm> {
  for (;;) {
    try {
      return await client.createVm({ workshop_id: workshopId, seat_id: seat }, signal);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
    const vm = await seen(client, workshopId, seat, signal);
    if (vm?.status === 'ready') return vm;
    if (vm?.status === 'unhealthy') await client.deleteVm(workshopId, seat, { keepFiles: true, signal });
    else await sleep(POLL_MS, undefined, { signal });
  }
}

/**
 * Resets the seat unless that was done since `since`; a seat that the agent has lost is made, without its files. With
 * those it forgets whose tokens open it no more, so where it was taken from somebody before, only a reset is enough.
 */
async function resetOrMake(
  client: AgentClient,
  workshopId: string,
  seat: number,
  { since, generation }: { readonly since: string; readonly generation: number },
  signal: AbortSignal,
): Promise<Vm> {
  const vm = await seen(client, workshopId, seat, signal);
  if (vm === undefined) {
    await client.deleteVm(workshopId, seat, { signal });
    const made = await findOrMake(client, workshopId, seat, signal);
    if (generation === 0) return made;
  } else if (generation === 0 && vm.status === 'ready' && vm.created_at > since) return vm;
  return client.resetVm(workshopId, seat, generation === 0 ? {} : { generation }, signal);
}

/**
 * The seat as new for somebody else: what its learner did is gone, and their tokens open it no more. Done again in any
 * case: only the agent's answer to this says that it was.
 */
async function makeForAnother(
  client: AgentClient,
  workshopId: string,
  seat: number,
  generation: number,
  signal: AbortSignal,
): Promise<Vm> {
  if ((await seen(client, workshopId, seat, signal)) === undefined) await findOrMake(client, workshopId, seat, signal);
  return client.resetVm(workshopId, seat, { generation }, signal);
}

async function seen(
  client: AgentClient,
  workshopId: string,
  seat: number,
  signal: AbortSignal,
): Promise<Vm | undefined> {
  try {
    return await client.getVm(workshopId, seat, signal);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
