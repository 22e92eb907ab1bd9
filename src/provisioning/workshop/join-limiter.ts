/** Keeps somebody from finding a join code by trying. */
import { SlowDownError } from '../../protocol/errors.ts';

/** Failures of one address within the window before it is refused. */
export const JOIN_FAILURES = { limit: 20, windowMs: 10 * 60_000 } as const;

/** Addresses that are remembered; with more, those with the oldest failures are forgotten. */
const MAX_ADDRESSES = 10_000;

/**
 * Counts failures per address: a class shares one, so joining itself is never counted, and a workshop that somebody
 * at the address has joined stays open to the others there.
 */
export class JoinLimiter {
  readonly #now: () => number;
  readonly #failures = new Map<string, number[]>();
  readonly #joined = new Map<string, Set<string>>();

  /** @param now milliseconds of a clock */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** @throws SlowDownError where the address has failed too often; `retry_after_seconds` says when it may try again */
  check(address: string, workshopId: string | undefined): void {
    const failures = this.#recent(address);
    if (failures.length < JOIN_FAILURES.limit) return;
    if (workshopId !== undefined && this.#joined.get(address)?.has(workshopId) === true) return;
    const waitMs = (failures.at(-JOIN_FAILURES.limit) ?? 0) + JOIN_FAILURES.windowMs - this.#now();
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    throw new SlowDownError(
      `Too many wrong codes came from your address. Try again in ${Math.ceil(seconds / 60)} minutes.`,
      { retry_after_seconds: seconds },
    );
  }

  failed(address: string): void {
    const failures = [...this.#recent(address), this.#now()].slice(-JOIN_FAILURES.limit);
    // Set anew, the address is the newest of the map.
    this.#failures.delete(address);
    this.#failures.set(address, failures);
    forgetOldest(this.#failures);
  }

  joined(address: string, workshopId: string): void {
    const workshops = this.#joined.get(address) ?? new Set();
    this.#joined.set(address, workshops.add(workshopId));
    forgetOldest(this.#joined);
  }

  #recent(address: string): number[] {
    const after = this.#now() - JOIN_FAILURES.windowMs;
    return (this.#failures.get(address) ?? []).filter((at) => at > after);
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > MAX_ADDRESSES && oldest !== undefined) map.delete(oldest);
}
