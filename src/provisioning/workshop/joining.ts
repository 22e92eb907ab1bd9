/** How people get into seats: learners with a join code, teachers with the control plane's token. */
import { createHash, randomUUID } from 'node:crypto';
import type { Access, Joined, JoinRequest, LearnerView, Role } from '../../protocol/access.ts';
import {
  InvalidInputError,
  NoSeatsError,
  NotFoundError,
  NotRunningError,
  UnauthorizedError,
  UnavailableError,
} from '../../protocol/errors.ts';
import { normaliseCode, randomText } from '../../protocol/names.ts';
import { timestamp } from '../clock.ts';
import { LOOPBACK_ONLY, permitRuntime, type Exposure } from '../exposure.ts';
import type { LearnerRow } from '../store/learners.ts';
import type { SeatRow } from '../store/seats.ts';
import type { Store } from '../store/store.ts';
import type { WorkshopRow } from '../store/workshops.ts';
import type { LocalWorker } from '../workers/local/local-worker.ts';
import type { LocalWorkers } from '../workers/local/local-workers.ts';
import type { JoinLimiter } from './join-limiter.ts';
import type { Records } from './records.ts';
import { seatForLearner, workshopForLearner } from './learner-view.ts';
import { permit } from './state-machine.ts';
import { signLearnerToken, signSeatToken, verifyLearnerToken } from './tokens.ts';

/** Letters of a rejoin code that we make: 31 to the power of 26 of them, more than 128 bits. */
const REJOIN_CODE_LENGTH = 26;
/** The shortest rejoin code that a client may make up: a shorter one could be somebody else's too. */
const MIN_OWN_REJOIN_CODE = 16;
/** How long to wait for a worker whose agent is being started again. */
const WORKER_WAIT_MS = 20_000;

export interface JoiningOptions {
  readonly store: Store;
  readonly records: Records;
  readonly workers: LocalWorkers;
  readonly limiter: JoinLimiter;
  /** Whom seats are given to; default this machine's user. */
  readonly exposure?: Exposure;
}

export class Joining {
  readonly #store: Store;
  readonly #records: Records;
  readonly #workers: LocalWorkers;
  readonly #limiter: JoinLimiter;
  readonly #exposure: Exposure;

  constructor(options: JoiningOptions) {
    this.#store = options.store;
    this.#records = options.records;
    this.#workers = options.workers;
    this.#limiter = options.limiter;
    this.#exposure = options.exposure ?? LOOPBACK_ONLY;
  }

  /**
   * Gives a learner a seat, the same one for the same rejoin code.
   * @param address where the request comes from
   * @throws NotFoundError for a wrong code; NoSeatsError; SlowDownError; NotRunningError; UnavailableError
   */
  async join(request: JoinRequest, address: string): Promise<Joined> {
    const workshop = this.#findByCode(request.code, address);
    this.#permitJoining(workshop);
    // Before a seat is taken: whoever is refused here has taken none.
    await this.#awaitWorker(this.#workers.of(workshop.runtime));
    const rejoinCode = request.rejoin_code ?? randomText(REJOIN_CODE_LENGTH);
    const learner = this.claim(workshop.id, rejoinCode, request.name);
    this.#limiter.joined(address, workshop.id);
    const access = await this.#access(this.#records.seatRow(workshop.id, learner.seat), 'learner', learner.name);
    const learner_token = await signLearnerToken(this.#learnerKey(), learner.id);
    return { ...access, learner_token, workshop_id: workshop.id, seat: learner.seat, rejoin_code: rejoinCode };
  }

  /** The learner with that rejoin code; a new one takes the first free seat. No seat is ever taken twice. */
  claim(workshopId: string, rejoinCode: string, name: string | undefined): LearnerRow {
    const rejoin_hash = createHash('sha256').update(rejoinCode).digest('hex');
    return this.#store.transaction(() => {
      this.#permitJoining(this.#records.workshopRow(workshopId));
      const known = this.#store.learners.findByRejoinHash(workshopId, rejoin_hash);
      if (known !== undefined) {
        if (name !== undefined) this.#records.renameLearner(known, name);
        return { ...known, name: name ?? known.name };
      }
      if (rejoinCode.length < MIN_OWN_REJOIN_CODE) {
        throw new InvalidInputError(
          `"rejoin_code" is not valid: nobody has joined with it, and one that you make up has at least ${MIN_OWN_REJOIN_CODE} characters.`,
          { path: 'rejoin_code' },
        );
      }
      const { seat } = this.#freeSeat(workshopId);
      const joined = { workshop_id: workshopId, seat, name: name ?? `Learner ${seat}`, joined_at: timestamp() };
      const row: LearnerRow = { id: randomUUID(), ...joined, rejoin_hash };
      this.#records.addLearner(row);
      return row;
    });
  }

  /** How somebody gets into a seat without taking it. @throws NotFoundError, NotRunningError, UnavailableError */
  async access(workshopId: string, seat: number, role: Role): Promise<Access> {
    const row = this.#records.seatRow(workshopId, seat);
    const workshop = this.#records.workshopRow(workshopId);
    permit('access', workshop);
    permitRuntime(this.#exposure, workshop.runtime);
    const name = role === 'learner' ? this.#store.learners.findBySeat(workshopId, seat)?.name : undefined;
    if (row.worker !== null) await this.#awaitWorker(this.#workers.named(row.worker));
    return this.#access(this.#records.seatRow(workshopId, seat), role, name);
  }

  /** The learner whom a token names, undefined where there is none (any more). */
  async learnerOf(token: string): Promise<LearnerRow | undefined> {
    const id = await verifyLearnerToken(this.#learnerKey(), token);
    return id === undefined ? undefined : this.#store.learners.find(id);
  }

  /** What a learner may know of their seat. */
  view({ name, workshop_id, seat }: LearnerRow): LearnerView {
    const workshop = workshopForLearner(this.#records.workshop(workshop_id));
    return { name, workshop, seat: seatForLearner(this.#records.seat(workshop_id, seat)) };
  }

  /**
   * A new way into their seat for a learner. @throws NotRunningError, ConflictError, UnavailableError; UnauthorizedError
   * where the seat was taken from them meanwhile
   */
  async learnerAccess({ id, workshop_id, seat }: LearnerRow): Promise<Access> {
    permit('enter', this.#records.workshopRow(workshop_id));
    const access = await this.access(workshop_id, seat, 'learner');
    // While an agent was waited for: the token would be one of whoever has the seat next.
    if (this.#store.learners.find(id) === undefined) throw new UnauthorizedError('Your seat is not yours any more.');
    return access;
  }

  /** @throws NotRunningError, ConflictError, ForbiddenError */
  #permitJoining(workshop: WorkshopRow): void {
    permit('join', workshop);
    permitRuntime(this.#exposure, workshop.runtime);
    if (Date.parse(workshop.expires_at) > Date.now()) return;
    throw new NotRunningError(`The time of the workshop "${workshop.name}" is over. Ask your teacher for more.`);
  }

  /** @throws NotFoundError, SlowDownError */
  #findByCode(typed: string, address: string): WorkshopRow {
    const code = normaliseCode(typed);
    const workshop = code === undefined ? undefined : this.#store.workshops.findByCode(code);
    this.#limiter.check(address, workshop?.id);
    if (workshop !== undefined) return workshop;
    this.#limiter.failed(address);
    throw new NotFoundError('No workshop has this join code. Check it, or ask your teacher for it.');
  }

  #freeSeat(workshopId: string): SeatRow {
    const free = this.#store.seats.firstFree(workshopId);
    if (free !== undefined) return free;
    const isFull = this.#store.learners.of(workshopId).length >= this.#store.seats.of(workshopId).length;
    if (isFull) throw new NoSeatsError('Every seat of this workshop is taken. Ask your teacher for another.');
    throw new UnavailableError('The free seats of this workshop are not ready yet. Try again in a moment.');
  }

  async #access(row: SeatRow, role: Role, name: string | undefined): Promise<Access> {
    if (row.worker === null) {
      throw new NotRunningError(`Seat ${row.seat} is not running yet. Wait until it is ready, or start the workshop.`);
    }
    const worker = this.#store.workers.find(row.worker);
    if (worker?.endpoint === undefined || worker.endpoint === null) {
      throw new UnavailableError('The worker of this seat cannot be reached now. Try again in a moment.');
    }
    const { workshop_id, seat, generation } = row;
    const claims = {
      workshop_id,
      seat,
      role,
      ...(name !== undefined && { name }),
      ...(generation > 0 && { generation }),
    };
    const signed = await signSeatToken(this.#workers.named(worker.name).workspaceTokenSecret(), claims);
    return { ...this.#reached(worker.endpoint, worker.certificate), ...signed };
  }

  /** The agent, or the server for others that relays to it. */
  #reached(endpoint: string, certificate: string | null): Pick<Access, 'endpoint' | 'certificate'> {
    const { site } = this.#exposure;
    const pinned = site === undefined ? (certificate ?? undefined) : site.certificate;
    return { endpoint: site?.url() ?? endpoint, ...(pinned !== undefined && { certificate: pinned }) };
  }

  /** An agent that is being started again may come back at another address. */
  async #awaitWorker(worker: LocalWorker): Promise<void> {
    if (worker.isAlive()) return;
    const signal = AbortSignal.timeout(WORKER_WAIT_MS);
    try {
      await worker.visit(signal, () => Promise.resolve());
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new UnavailableError('The worker of this seat is being started. Try again in a moment.', undefined, {
        cause: error,
      });
    }
  }

  #learnerKey(): string {
    return this.#store.secrets.ensure('learner-token-key');
  }
}
