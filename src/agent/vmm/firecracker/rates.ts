/** How much of the worker's disk and network one machine may take; kept by Firecracker itself, also for restored ones. */
import type { RateLimiter, TokenBucket } from './bodies.ts';

const MIB = 1024 * 1024;
const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;

function perSecond(size: number, burstSeconds: number): TokenBucket {
  return { size, refill_time: SECOND_MS, one_time_burst: size * burstSeconds };
}

export const DISK_RATE: RateLimiter = { bandwidth: perSecond(128 * MIB, 4), ops: perSecond(4_000, 4) };

/** Of each direction: 256 Mbit/s, and packets as a flood of small ones would have them. */
export const NETWORK_RATE: RateLimiter = { bandwidth: perSecond(32 * MIB, 2), ops: perSecond(20_000, 2) };

/**
 * The console goes to a file, and a learner with sudo can write to the console for ever. This keeps what a start
 * tells, and then at most so much an hour; the rest is dropped.
 */
export const CONSOLE_RATE: TokenBucket = { size: MIB / 16, refill_time: HOUR_MS, one_time_burst: MIB / 8 };
