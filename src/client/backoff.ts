/** How long to wait before trying again. */

/** Bounds of the wait, in milliseconds. */
export const BACKOFF = { minMs: 250, maxMs: 30_000 } as const;

/**
 * A jittered exponential wait in milliseconds: never under the minimum, and anywhere up to twice the minimum for the
 * first attempt, four times for the second, and so on to the maximum. The jitter keeps a class that lost its server at
 * the same moment from coming back at the same moment.
 * @param attempt failures so far, from 0
 * @param random in [0, 1)
 */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(BACKOFF.maxMs, BACKOFF.minMs * 2 ** (attempt + 1));
  return BACKOFF.minMs + random * (ceiling - BACKOFF.minMs);
}
