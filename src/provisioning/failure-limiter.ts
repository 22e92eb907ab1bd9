/** Counts failures per address, so that nobody finds a secret by trying. Bounded in memory. */
import { isIPv6 } from 'node:net';
import { SlowDownError, UnauthorizedError } from '../protocol/errors.ts';

/** Failures of one address within the window before it is refused. */
export const FAILURES = { limit: 20, windowMs: 10 * 60_000 } as const;

/** Addresses that are remembered; with more, those with the oldest failures are forgotten. */
const MAX_ADDRESSES = 10_000;

/** Whose failures count together: an IPv4 address, or the 64 bits of an IPv6 address that its network gives out. */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [before = '', after] = address.split('%', 1)[0]?.split('::') ?? [];
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0');
  const groups = [...head, ...(after === undefined ? [] : zeros), ...tail];
  return groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':');
}

interface History {
  /** The newest failures, at most as many as are tolerated: milliseconds. */
  times: number[];
  /** What was refused since the address is over its limit. */
  refusals: number;
}

/** Failures by address. */
export class FailureCounter {
  readonly #now: () => number;
  readonly #records = new Map<string, History>();

  /** @param now milliseconds of a clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Milliseconds until the address may fail again; 0 where it may. */
  waitMs(address: string): number {
    const times = this.#recent(address).times;
    if (times.length < FAILURES.limit) return 0;
    return (times.at(-FAILURES.limit) ?? 0) + FAILURES.windowMs - this.#now();
  }

  failed(address: string): void {
    const key = addressKey(address);
    const record = this.#recent(address);
    const times = [...record.times, this.#now()].slice(-FAILURES.limit);
    // Set anew, the address is the newest of the map.
    this.#records.delete(key);
    this.#records.set(key, { ...record, times });
    forgetOldest(this.#records);
  }

  /** One more was refused. */
  refused(address: string): void {
    const record = this.#records.get(addressKey(address));
    if (record !== undefined) record.refusals += 1;
  }

  /** How many were refused since the address is over its limit. */
  refusals(address: string): number {
    return this.#recent(address).refusals;
  }

  #recent(address: string): History {
    const after = this.#now() - FAILURES.windowMs;
    const { times = [], refusals = 0 } = this.#records.get(addressKey(address)) ?? {};
    const recent = times.filter((at) => at > after);
    return { times: recent, refusals: recent.length === 0 ? 0 : refusals };
  }
}

/** For tokens that nobody knows: valid ones always pass, so that those who share an address are not locked out. */
export class TokenLimiter {
  readonly #failures: FailureCounter;

  /** @param now milliseconds of a clock */
  constructor(now: () => number = () => performance.now()) {
    this.#failures = new FailureCounter(now);
  }

  /** What to answer to a token that is not valid: that, or that there were too many of them. */
  refusal(address: string, message: string): SlowDownError | UnauthorizedError {
    const waitMs = this.#failures.waitMs(address);
    if (waitMs === 0) {
      this.#failures.failed(address);
      return new UnauthorizedError(message);
    }
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    return new SlowDownError(
      `Too many tokens that are not valid came from your address. Try again in ${Math.ceil(seconds / 60)} minutes.`,
      { retry_after_seconds: seconds },
    );
  }
}

export function forgetOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > MAX_ADDRESSES && oldest !== undefined) map.delete(oldest);
}
