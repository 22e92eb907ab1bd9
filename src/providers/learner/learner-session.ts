/** One joined workshop: follows the learner's own seat, and gets them into it. */
import { backoffMs } from '../../client/backoff.ts';
import type { ControlPlaneClient } from '../../client/control-plane.ts';
import type { Access, LearnerView } from '../../protocol/access.ts';
import { CarapaceError, UnauthorizedError, UnavailableError } from '../../protocol/errors.ts';
import {
  isOver,
  learnerChange,
  learnerProblem,
  tokenEnd,
  type LearnerChange,
  type LearnerStatus,
} from '../model/learner-status.ts';
import type { Translate } from '../model/translate.ts';
import { Pause } from '../pause.ts';
import type { Joined } from './joined-seat.ts';

/** A connection that lived this long is tried again at once, in milliseconds. */
const STEADY_MS = 5_000;

export type LearnerClient = Pick<ControlPlaneClient, 'learner' | 'learnerAccess' | 'events'>;

export interface LearnerSessionOptions {
  readonly record: Joined;
  /** What joining has just told. */
  readonly view?: LearnerView | undefined;
  /** The server with the learner's token. Starts nothing. @throws UnavailableError */
  readonly connect: (record: Joined, signal: AbortSignal) => Promise<LearnerClient>;
  readonly changed: () => void;
  readonly log: { info(message: string): void; warn(message: string): void };
  readonly t: Translate;
}

export class LearnerSession {
  readonly record: Joined;
  readonly #options: LearnerSessionOptions;
  readonly #lifetime = new AbortController();
  readonly #pause = new Pause();
  #status: LearnerStatus = { kind: 'connecting' };
  #view: LearnerView | undefined;
  #following: AbortController | undefined;

  constructor(options: LearnerSessionOptions) {
    this.record = options.record;
    this.#view = options.view;
    this.#options = options;
  }

  get workshopId(): string {
    return this.record.seat.workshop;
  }

  get seat(): number {
    return this.record.seat.number;
  }

  get status(): LearnerStatus {
    return this.#status;
  }

  /** What the server told last; undefined until it has been reached. */
  get view(): LearnerView | undefined {
    return this.#view;
  }

  /** The workshop's name as it is known. */
  get workshopName(): string {
    return this.#view?.workshop.name ?? this.record.seat.workshop_name;
  }

  /** Begins to follow, for as long as there is something to follow. */
  start(): void {
    void this.#followForEver(this.#lifetime.signal);
  }

  dispose(): void {
    this.#lifetime.abort();
  }

  /** Looks again now, instead of after the wait that is under way. */
  poke(): void {
    this.#pause.poke();
  }

  /** Fetches the view anew; where that fails, the connection is made anew. */
  async refresh(): Promise<void> {
    const following = this.#following;
    if (this.#status.kind !== 'joined' || following === undefined) {
      this.poke();
      return;
    }
    try {
      const client = await this.#options.connect(this.record, following.signal);
      this.#take(await client.learner(following.signal));
    } catch (error) {
      following.abort(error);
    }
  }

  /** A new way into the seat. @throws UnauthorizedError where it is not theirs any more; UnavailableError */
  async access(signal?: AbortSignal): Promise<Access> {
    const problem = this.#problem();
    if (problem !== undefined) throw problem;
    const ended = AbortSignal.any([this.#lifetime.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      const client = await this.#options.connect(this.record, ended);
      return await client.learnerAccess(ended);
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      this.#refused();
      throw this.#problem() ?? error;
    }
  }

  #problem(): Error | undefined {
    return learnerProblem(this.#status, this.workshopName, Date.now(), this.#options.t);
  }

  async #followForEver(signal: AbortSignal): Promise<void> {
    for (let attempt = 1; !signal.aborted && !isOver(this.#status); attempt += 1) {
      const began = Date.now();
      const following = (this.#following = new AbortController());
      const error = await this.#follow(AbortSignal.any([signal, following.signal])).catch((cause: unknown) => cause);
      following.abort();
      // A short break is mended before anybody has to read of it.
      const steady = this.#status.kind === 'joined' && Date.now() - began > STEADY_MS;
      this.#drop(error, steady);
      if (steady) attempt = 0;
      else if (await this.#pause.wait(backoffMs(attempt, Math.random()), signal)) attempt = 0;
    }
  }

  /** One connection, for as long as it holds. What happened before it is told by the view, which is fetched after it began. */
  async #follow(signal: AbortSignal): Promise<never> {
    const client = await this.#options.connect(this.record, signal);
    const opened = Promise.withResolvers<undefined>();
    const events = client.events({ signal, onOpen: () => opened.resolve(undefined) })[Symbol.asyncIterator]();
    const first = events.next();
    try {
      await Promise.race([opened.promise, first]);
      this.#take(await client.learner(signal));
      let next = await first;
      while (next.done !== true) {
        const { event } = next.value;
        if (event.type === 'reset') this.#take(await client.learner(signal));
        else if (this.#view !== undefined) this.#take(learnerChange(this.#view, event));
        if (isOver(this.#status)) break;
        next = await events.next();
      }
    } finally {
      this.#following?.abort();
      await first.catch(() => undefined);
      await Promise.resolve(events.return?.()).catch(() => undefined);
    }
    throw new UnavailableError(this.#options.t('The server closed the connection.'));
  }

  #take(change: LearnerChange): void {
    if (change === undefined) return;
    if (typeof change !== 'string') this.#view = change;
    this.#setStatus({ kind: typeof change === 'string' ? change : 'joined' });
  }

  #drop(error: unknown, steady: boolean): void {
    if (this.#lifetime.signal.aborted || isOver(this.#status)) return;
    const told = error instanceof Error ? error.message : String(error);
    this.#options.log.warn(`The connection to the workshop ${this.workshopId} dropped: ${told}`);
    if (error instanceof UnauthorizedError) this.#refused();
    else if (!steady) this.#lost(error, told);
  }

  #lost(error: unknown, told: string): void {
    if (this.#status.kind === 'stale') return;
    const cause = error instanceof CarapaceError ? error : new UnavailableError(told, undefined, { cause: error });
    this.#setStatus({ kind: 'stale', since: Date.now(), error: cause });
  }

  /** The token is not good any more. */
  #refused(): void {
    if (isOver(this.#status)) return;
    const expired = (tokenEnd(this.record.seat.learner_token) ?? Infinity) <= Date.now();
    this.#setStatus({ kind: expired ? 'expired' : 'unknown' });
  }

  #setStatus(status: LearnerStatus): void {
    this.#status = status;
    this.#options.changed();
  }
}
