/** The seats of this worker: what state each is in, who may change it when, and how many there may be. */
import type { Logger } from 'pino';
import { ConflictError, NoCapacityError, NotFoundError, UnavailableError } from '../../protocol/errors.ts';
import type { Vm, VmStatus } from '../../protocol/agent.ts';
import { isHealthy } from '../seat-health.ts';
import type { RunningSeat, SeatKey, SeatLimits, VmDriver } from '../vmm/driver.ts';
import { KeyedQueue } from './keyed-queue.ts';
import type { Revocations } from './revocations.ts';
import { endVisits, fieldsOf, nameOf, newEntry, vmOf, type SeatEntry } from './seat-entry.ts';
import { told } from './told-error.ts';

export interface SeatRegistryOptions {
  readonly driver: VmDriver;
  readonly log: Logger;
  /** At most this many seats; default what the driver says. */
  readonly capacity?: number;
  /** How long making or resetting a seat may take, in milliseconds; default what the driver says. */
  readonly seatTimeoutMs?: number;
  /** Whose tokens open their seats no more; absent: nobody's can be revoked. */
  readonly revocations?: Revocations;
}

/** How long a seat may take to answer for the first time. */
export const SEAT_TIMEOUT_MS = 30_000;

/** Failed questions in a row after which a seat is unhealthy: one alone may be a busy machine. */
const TOLERATED_FAILURES = 1;

export class SeatRegistry {
  readonly #capacity: number;
  readonly #driver: VmDriver;
  readonly #seatTimeoutMs: number | undefined;
  readonly #revocations: Revocations | undefined;
  readonly #log: Logger;
  readonly #entries = new Map<string, SeatEntry>();
  readonly #queue = new KeyedQueue();

  constructor(options: SeatRegistryOptions) {
    this.#driver = options.driver;
    this.#log = options.log;
    this.#capacity = options.capacity ?? Infinity;
    this.#seatTimeoutMs = options.seatTimeoutMs;
    this.#revocations = options.revocations;
  }

  /** The driver's own limit may change: whether machines are fast is known once its probe has ended. */
  get seatTimeoutMs(): number {
    return this.#seatTimeoutMs ?? this.#driver.seatTimeoutMs ?? SEAT_TIMEOUT_MS;
  }

  /** How many seats there may be; the driver's own bound may change with its probe, too. */
  get capacity(): number {
    return Math.min(this.#capacity, this.#driver.capacity);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Every seat, or those of one workshop, by workshop and number. */
  list(workshopId?: string): Vm[] {
    return [...this.#entries.values()]
      .filter((entry) => workshopId === undefined || entry.key.workshopId === workshopId)
      .sort((a, b) => a.key.workshopId.localeCompare(b.key.workshopId) || a.key.seatId - b.key.seatId)
      .map(vmOf);
  }

  /** @throws NotFoundError */
  get(key: SeatKey): Vm {
    return vmOf(this.#entry(key));
  }

  /** The addresses of a seat that is ready. @throws NotFoundError, UnavailableError */
  ready(key: SeatKey): RunningSeat {
    const { running, status } = this.#entry(key);
    if (status === 'ready' && running !== undefined) return running;
    const details = { retry_after_seconds: 2 };
    throw new UnavailableError(`Seat ${key.seatId} is ${status}. Try again in a moment.`, details);
  }

  /** Aborts, with what to tell, when the seat is reset, deleted or found ended: it says goodbye to nobody. @throws NotFoundError */
  gone(key: SeatKey): AbortSignal {
    return this.#entry(key).life.signal;
  }

  /** Whether the seat takes no learner's token of that generation any more. */
  isRevoked(key: SeatKey, generation: number): boolean {
    return this.#revocations?.isRevoked(key, generation) ?? false;
  }

  /** Counts an open terminal until the returned function is called. */
  countConnection(key: SeatKey): () => void {
    const entry = this.#entry(key);
    entry.connections += 1;
    return () => {
      entry.connections -= 1;
    };
  }

  /** Takes over the seats of an earlier agent; {@link checkHealth} finds out how they are. */
  async adopt(signal: AbortSignal): Promise<void> {
    const seats = await this.#driver.adopt(signal);
    for (const seat of seats) {
      const entry = this.#add(seat.key);
      entry.running = seat;
      entry.status = 'unhealthy';
    }
    await this.checkHealth(signal);
    for (const { key } of seats.filter((seat) => seat.interrupted === true)) {
      // Not waited for: it may take long, and why it failed is in the log.
      this.reset(key).catch(() => undefined);
    }
    if (seats.length > 0) this.#log.info({ seats: seats.length }, 'seats of an earlier agent taken over');
  }

  /**
   * Makes a seat and returns once its servers answer; on failure there is none.
   * @throws ConflictError where it exists, NoCapacityError, TimedOutError, or the driver's error
   */
  async create(key: SeatKey, limits: SeatLimits): Promise<Vm> {
    if (this.#entries.has(nameOf(key))) {
      throw new ConflictError(`Seat ${key.seatId} of workshop ${key.workshopId} exists already on this worker.`);
    }
    if (this.size >= this.capacity) {
      throw new NoCapacityError(`This worker is full: it holds ${this.capacity} seats. Delete a workshop first.`);
    }
    const entry = this.#add(key);
    try {
      await this.#change(entry, 'booting', (signal) => this.#driver.create(key, limits, signal));
    } catch (error) {
      this.#remove(entry);
      throw error;
    }
    return vmOf(entry);
  }

  /**
   * Brings a seat back as new. With a `generation` no learner's token of an earlier one opens it any more, also where the
   * reset itself fails. @throws NotFoundError, or the cause; the seat is unhealthy then
   */
  async reset(key: SeatKey, options: { readonly generation?: number | undefined } = {}): Promise<Vm> {
    const entry = this.#entry(key);
    // Before the reset cuts the open connections: nobody comes back by an old token meanwhile.
    if (options.generation !== undefined) await this.#revocations?.revoke(key, options.generation);
    await this.#change(entry, 'resetting', (signal) => this.#driver.reset(key, signal));
    return vmOf(entry);
  }

  /** Ends a seat, also while it is being made; the same again changes nothing. @throws the driver's error */
  async remove(key: SeatKey, options: { readonly keepFiles: boolean }): Promise<void> {
    this.#entries.get(nameOf(key))?.stop.abort(new ConflictError('The seat is being deleted.'));
    await this.#queue.run(nameOf(key), async () => {
      const entry = this.#entries.get(nameOf(key));
      if (entry !== undefined) Object.assign(entry, { status: 'unhealthy', removing: true });
      // One whose files are kept takes the uploads to their end before it goes.
      if (!options.keepFiles) endVisits(entry, 'is being deleted.');
      try {
        await this.#driver.destroy(key, options, AbortSignal.timeout(this.seatTimeoutMs));
      } catch (error) {
        if (entry !== undefined) Object.assign(entry, { removing: false, stop: new AbortController() });
        throw error;
      } finally {
        endVisits(entry, 'has been stopped.');
      }
      if (!options.keepFiles) await this.#revocations?.forget(key);
      if (entry !== undefined) this.#remove(entry);
    });
    this.#log.info({ ...fieldsOf(key), keep_files: options.keepFiles }, 'seat removed');
  }

  /** Notices seats that have ended by themselves, without asking them anything. */
  noticeEnded(): void {
    for (const entry of this.#entries.values()) {
      if (entry.status !== 'ready' || entry.removing || this.#driver.isRunning(entry.key)) continue;
      this.#turnEnded(entry, 'it has ended by itself');
    }
  }

  /** Asks each seat that should be ready whether it is. */
  async checkHealth(signal: AbortSignal): Promise<void> {
    const settled = [...this.#entries.values()].filter(
      (entry) => (entry.status === 'ready' || entry.status === 'unhealthy') && !entry.removing,
    );
    await Promise.all(settled.map((entry) => this.#checkSeat(entry, signal)));
  }

  /** Ends what is being made, so that nothing half-made stays behind; seats that are made live on. */
  async close(): Promise<void> {
    const changing = [...this.#entries.values()].filter((entry) => ['booting', 'resetting'].includes(entry.status));
    for (const entry of changing) entry.stop.abort(new UnavailableError('The agent is being ended.'));
    await Promise.all(changing.map((entry) => this.#queue.run(nameOf(entry.key), () => Promise.resolve())));
  }

  #entry(key: SeatKey): SeatEntry {
    const entry = this.#entries.get(nameOf(key));
    if (entry !== undefined) return entry;
    throw new NotFoundError(`There is no seat ${key.seatId} of workshop ${key.workshopId} on this worker.`);
  }

  #add(key: SeatKey): SeatEntry {
    const entry = newEntry(key);
    this.#entries.set(nameOf(key), entry);
    return entry;
  }

  #remove(entry: SeatEntry): void {
    if (this.#entries.get(nameOf(entry.key)) === entry) this.#entries.delete(nameOf(entry.key));
  }

  /** Does something to a seat that ends with it running, within the time for that and until it is stopped. */
  async #change(
    entry: SeatEntry,
    status: VmStatus,
    task: (signal: AbortSignal) => Promise<RunningSeat>,
  ): Promise<void> {
    const { key } = entry;
    await this.#queue.run(nameOf(key), async () => {
      // A deletion may have come first.
      if (this.#entry(key) !== entry) throw new NotFoundError(`Seat ${key.seatId} has been deleted.`);
      const limitMs = this.seatTimeoutMs;
      const timeout = AbortSignal.timeout(limitMs);
      const signal = AbortSignal.any([entry.stop.signal, timeout]);
      entry.status = status;
      endVisits(entry, `is ${status}. Try again in a moment.`);
      try {
        entry.running = await task(signal);
        entry.status = 'ready';
        entry.failures = 0;
        this.#log.info({ ...fieldsOf(key), milliseconds: entry.running.startedInMs }, `seat ready after ${status}`);
      } catch (error) {
        entry.status = 'unhealthy';
        this.#log.warn({ ...fieldsOf(key), err: error }, `seat failed while ${status}`);
        throw told(error, key, signal, { timeout, limitMs });
      }
    });
  }

  async #checkSeat(entry: SeatEntry, signal: AbortSignal): Promise<void> {
    const { running, status } = entry;
    const isRunning = this.#driver.isRunning(entry.key);
    const healthy = isRunning && running !== undefined && (await isHealthy(running, signal, this.#driver.answerMs));
    // The seat may have been changed meanwhile.
    if (signal.aborted || entry.running !== running || entry.status !== status || entry.removing) return;
    entry.failures = healthy ? 0 : entry.failures + 1;
    if (healthy) this.#turn(entry, 'ready', 'its servers answer');
    else if (!isRunning) this.#turnEnded(entry, 'it does not run');
    else if (entry.failures > TOLERATED_FAILURES) this.#turn(entry, 'unhealthy', 'its servers do not answer');
  }

  #turnEnded(entry: SeatEntry, reason: string): void {
    this.#turn(entry, 'unhealthy', reason);
    endVisits(entry, 'has ended by itself. Reset it.');
  }

  #turn(entry: SeatEntry, status: VmStatus, reason: string): void {
    if (entry.status === status) return;
    entry.status = status;
    void this.#tell(entry, reason);
  }

  /** Says in the log what became of a seat, with what it said last. */
  async #tell(entry: SeatEntry, reason: string): Promise<void> {
    const { status, key } = entry;
    const lastWords = status === 'ready' ? undefined : await this.#driver.lastWords?.(key).catch(() => undefined);
    const console = lastWords === undefined || lastWords === '' ? {} : { console: lastWords };
    this.#log.warn({ ...fieldsOf(key), status, reason, ...console }, 'seat changed');
  }
}
