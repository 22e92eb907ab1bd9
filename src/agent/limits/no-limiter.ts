/** Where the kernel cannot bound a group of processes: programs are started as they are. */
import type { Limiter } from './limiter.ts';

/** @param missing why there are no bounds, in a sentence */
export function createNoLimiter(missing: string): Limiter {
  return {
    kind: 'none',
    missing,
    prepare: () => Promise.resolve({ wrap: (command) => command }),
    counters: () => Promise.resolve({}),
    remove: () => Promise.resolve(),
    reap: () => Promise.resolve(),
  };
}
