/** The limit that tells one seat's processes from all others (see hunt.ts). */
import { readProcesses, readQueueLimit } from './process-table.ts';

/** What Linux gives where nothing else is said, in bytes: MQ_BYTES_MAX of mq_overview(7). */
const USUAL_LIMIT = 819_200;

/** Under this there is no room for a limit of its own for each seat. */
const SMALLEST_LIMIT = 10_000;

/**
 * A random limit between half of what this process has and all of it, which no living process has; undefined where the
 * machine leaves no room for that.
 */
export function chooseQueueLimit(): number | undefined {
  const own = readQueueLimit('self') ?? USUAL_LIMIT;
  const least = Math.floor(own / 2);
  if (least < SMALLEST_LIMIT) return undefined;
  const taken = new Set([...readProcesses().keys()].map(readQueueLimit));
  for (;;) {
    const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
    const limit = least + (random % (own - least));
    if (!taken.has(limit)) return limit;
  }
}
