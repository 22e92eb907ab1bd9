/** Following a request to its end, through restarts of SkyPilot's API server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TimedOutError } from '../../../protocol/errors.ts';
import { ConsoleDecoder } from './console.ts';
import { reasonInLine, withReason } from './errors.ts';
import { failureOf, ServerAwayError, type RestRequest, type SkyRest } from './rest.ts';
import type { SkyLine, SkyOutcome } from './sky.ts';

/** Milliseconds. A server that is away is started once after `startAfter`; after `giveUpAfter` following fails. */
export interface FollowTimes {
  readonly firstPause: number;
  readonly longestPause: number;
  readonly startAfter: number;
  readonly giveUpAfter: number;
  /** How long the end is waited for once the stream ended, before it is streamed again. */
  readonly wait: number;
}

export const FOLLOW_TIMES: FollowTimes = {
  firstPause: 250,
  longestPause: 4_000,
  startAfter: 5_000,
  giveUpAfter: 60_000,
  wait: 60_000,
};

export interface Following {
  readonly rest: SkyRest;
  readonly startServer: (signal: AbortSignal) => Promise<void>;
  readonly times: FollowTimes;
}

/** @throws UnavailableError when the server stays away; RestRefusedError where it has no streams */
export async function follow(
  following: Following,
  id: string,
  onLine: (line: SkyLine) => void,
  signal: AbortSignal,
): Promise<SkyOutcome> {
  let reason: string | undefined;
  const decoder = new ConsoleDecoder((line) => {
    reason = reasonInLine(line.text) ?? reason;
    onLine(line);
  });
  const absence = new Absence(following, signal);
  for (;;) {
    try {
      const outcome = await streamOnce(following, id, decoder, () => absence.end(), signal);
      if (outcome?.kind === 'failed') return withReason(outcome, reason);
      if (outcome !== undefined) return outcome;
    } catch (error) {
      // Its reason may be a TimedOutError, too.
      signal.throwIfAborted();
      if (error instanceof TimedOutError) continue;
      if (!(error instanceof ServerAwayError)) throw error;
      await absence.wait(error);
    }
  }
}

async function streamOnce(
  { rest, times }: Following,
  id: string,
  decoder: ConsoleDecoder,
  onConnected: () => void,
  signal: AbortSignal,
): Promise<SkyOutcome | undefined> {
  const stream = await rest.stream(id, signal);
  if (stream === undefined) return { kind: 'lost' };
  onConnected();
  decoder.reconnect();
  for await (const piece of stream) decoder.push(piece);
  const request = await rest.wait(id, times.wait, signal);
  decoder.end();
  return request === undefined ? { kind: 'lost' } : outcomeOf(request);
}

/** How a request ended; undefined where it has not. */
export function outcomeOf(request: RestRequest): SkyOutcome | undefined {
  const failure = failureOf(request);
  if (failure?.type === 'RequestInterruptedError') return { kind: 'lost' };
  if (failure?.type === 'RequestCancelled' || request.status === 'CANCELLED') return { kind: 'cancelled' };
  if (failure !== undefined) return { kind: 'failed', ...failure };
  return request.status === 'SUCCEEDED' ? { kind: 'succeeded' } : undefined;
}

/** The time during which the server does not answer. */
class Absence {
  readonly #following: Following;
  readonly #signal: AbortSignal;
  #since: number | undefined;
  #pause = 0;
  #started = false;

  constructor(following: Following, signal: AbortSignal) {
    this.#following = following;
    this.#signal = signal;
  }

  end(): void {
    this.#since = undefined;
    this.#pause = 0;
    this.#started = false;
  }

  /** Waits before the next attempt. @throws `error` when the server has been away for too long */
  async wait(error: ServerAwayError): Promise<void> {
    const { times } = this.#following;
    this.#since ??= performance.now();
    this.#pause = Math.min(this.#pause * 2 || times.firstPause, times.longestPause);
    const away = performance.now() - this.#since;
    if (away >= times.giveUpAfter) throw error;
    if (away >= times.startAfter && !this.#started) {
      this.#started = true;
      await this.#following.startServer(this.#signal).catch(() => this.#signal.throwIfAborted());
      return;
    }
    await sleep(this.#pause, undefined, { signal: this.#signal }).catch(() => undefined);
    this.#signal.throwIfAborted();
  }
}
