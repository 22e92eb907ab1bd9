/** Follows a learner's own seat and its workshop, over as many connections as it takes. */
import type { LearnerView } from '../../protocol/access.ts';
import { CarapaceError, UnauthorizedError, UnavailableError } from '../../protocol/errors.ts';
import { backoffMs } from '../backoff.ts';
import type { LearnerCalls } from '../learner-calls.ts';
import type { Translate } from '../translate.ts';
import {
  certificateTrouble,
  isOver,
  learnerChange,
  tokenEnd,
  type LearnerChange,
  type LearnerStatus,
} from './learner-status.ts';

/** A connection that lived this long is tried again at once, in milliseconds. */
const STEADY_MS = 5_000;

export type LearnerClient = Pick<LearnerCalls, 'learner' | 'learnerAccess' | 'events'>;

/** A wait that can be ended early. */
export interface Waiting {
  /** Ends the wait that is under way, or else the next one. */
  poke(): void;
  /** Waits for a poke, at most for `ms`, not past the signal; tells whether there was a poke. */
  wait(ms: number, signal: AbortSignal): Promise<boolean>;
}

export interface LearnerFollowerOptions {
  readonly learnerToken: string;
  /** What is known already. */
  readonly view?: LearnerView | undefined;
  /** The server with the learner's token. Starts nothing. @throws UnavailableError */
  readonly connect: (signal: AbortSignal) => Promise<LearnerClient>;
  readonly pause: Waiting;
  readonly changed: () => void;
  /** A connection has ended, for this reason. */
  readonly dropped: (told: string) => void;
  readonly t: Translate;
}

export class LearnerFollower {
  readonly #options: LearnerFollowerOptions;
  readonly #lifetime = new AbortController();
  #status: LearnerStatus = { kind: 'connecting' };
  #view: LearnerView | undefined;
  #following: AbortController | undefined;
  #run = new AbortController();

  constructor(options: LearnerFollowerOptions) {
    this.#view = options.view;
    this.#options = options;
  }

  get status(): LearnerStatus {
    return this.#status;
  }

  /** What the server told last; undefined until it has been reached. */
  get view(): LearnerView | undefined {
    return this.#view;
  }

  /** Begins to follow, for as long as there is something to follow. */
  start(): void {
    this.#run.abort();
    this.#run = new AbortController();
    void this.#followForEver(AbortSignal.any([this.#lifetime.signal, this.#run.signal]));
  }

  /** Follows no more, until {@link start}; what was asked is still answered. */
  stop(): void {
    this.#run.abort();
  }

  dispose(): void {
    this.#lifetime.abort();
  }

  /** Looks again now, instead of after the wait that is under way. */
  poke(): void {
    this.#options.pause.poke();
  }

  /** Fetches the view anew; where that fails, the connection is made anew. */
  async refresh(): Promise<void> {
    const following = this.#following;
    if (this.#status.kind !== 'joined' || following === undefined) {
      this.poke();
      return;
    }
    try {
      const client = await this.#options.connect(following.signal);
      this.#take(await client.learner(following.signal));
    } catch (error) {
      following.abort(error);
    }
  }

  /** Asks the server something as the learner, until this is disposed. @throws UnauthorizedError, having noted it */
  async ask<T>(question: (client: LearnerClient, signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const ended = AbortSignal.any([this.#lifetime.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      return await question(await this.#options.connect(ended), ended);
    } catch (error) {
      if (error instanceof UnauthorizedError) this.#refused();
      throw error;
    }
  }

  async #followForEver(signal: AbortSignal): Promise<void> {
    for (let attempt = 1; !signal.aborted && !isOver(this.#status); attempt += 1) {
      const began = performance.now();
      const following = (this.#following = new AbortController());
      const error = await this.#follow(following, signal).catch((cause: unknown) => cause);
      following.abort();
      // A short break is mended before anybody has to read of it.
      const steady = this.#status.kind === 'joined' && performance.now() - began > STEADY_MS;
      this.#drop(error, steady, signal);
      if (steady) attempt = 0;
      else if (await this.#options.pause.wait(backoffMs(attempt, Math.random()), signal)) attempt = 0;
    }
  }

  /** One connection, for as long as it holds. What happened before it is told by the view, which is fetched after it began. */
  async #follow(following: AbortController, lifetime: AbortSignal): Promise<never> {
    const signal = AbortSignal.any([lifetime, following.signal]);
    const client = await this.#options.connect(signal);
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
      following.abort();
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

  #drop(error: unknown, steady: boolean, { aborted }: AbortSignal): void {
    if (aborted || isOver(this.#status)) return;
    const told = error instanceof Error ? error.message : String(error);
    this.#options.dropped(told);
    if (error instanceof UnauthorizedError) this.#refused();
    else if (!steady) this.#lost(error, told);
  }

  #lost(error: unknown, told: string): void {
    const before = this.#status.kind === 'stale' ? this.#status : undefined;
    // It is told once, and again where there is another thing to do about it.
    if (before !== undefined && certificateTrouble(before.error) === certificateTrouble(error)) return;
    const cause = error instanceof CarapaceError ? error : new UnavailableError(told, undefined, { cause: error });
    this.#setStatus({ kind: 'stale', since: before?.since ?? Date.now(), error: cause });
  }

  /** The token is not good any more. */
  #refused(): void {
    if (isOver(this.#status)) return;
    const expired = (tokenEnd(this.#options.learnerToken) ?? Infinity) <= Date.now();
    this.#setStatus({ kind: expired ? 'expired' : 'unknown' });
  }

  #setStatus(status: LearnerStatus): void {
    this.#status = status;
    this.#options.changed();
  }
}
