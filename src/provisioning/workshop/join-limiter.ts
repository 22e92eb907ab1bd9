/** Keeps somebody from finding a join code by trying, and nobody who has one from joining. */
import { SlowDownError } from '../../protocol/errors.ts';
import { addressKey, FailureCounter, FAILURES, forgetOldest } from '../failure-limiter.ts';

/**
 * Failures of one address within the window before wrong codes are refused, and before codes are taken for guesses: a
 * right code may be one, too, so from then on only workshops that somebody at the address has joined stay open to it.
 */
export const JOIN_FAILURES = { ...FAILURES, guesses: 500 } as const;

/** A class shares an address. Joining itself is never counted, and one who types nonsense locks nobody out. */
export class JoinLimiter {
  readonly #failures: FailureCounter;
  readonly #joined = new Map<string, Set<string>>();

  /** @param now milliseconds of a clock that nobody sets: set back, it would shut addresses out for as long */
  constructor(now: () => number = () => performance.now()) {
    this.#failures = new FailureCounter(now);
  }

  /**
   * @param workshopId the workshop that has the code; undefined for a wrong code
   * @throws SlowDownError where the address has failed too often; `retry_after_seconds` says when it may try again
   */
  check(address: string, workshopId: string | undefined): void {
    const waitMs = this.#failures.waitMs(address);
    if (waitMs === 0) return;
    if (workshopId === undefined) this.#failures.refused(address);
    else if (this.#failures.refusals(address) < JOIN_FAILURES.guesses - JOIN_FAILURES.limit) return;
    else if (this.#joined.get(addressKey(address))?.has(workshopId) === true) return;
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    throw new SlowDownError(
      `Too many wrong codes came from your address. Try again in ${Math.ceil(seconds / 60)} minutes.`,
      { retry_after_seconds: seconds },
    );
  }

  failed(address: string): void {
    this.#failures.failed(address);
  }

  joined(address: string, workshopId: string): void {
    const key = addressKey(address);
    const workshops = this.#joined.get(key) ?? new Set();
    this.#joined.set(key, workshops.add(workshopId));
    forgetOldest(this.#joined);
  }
}
