/** How long machines may take. Without KVM all of it is slow, and slower still when several start at once. */

const ACCELERATED = { seatMs: 30_000, bootMs: 25_000, restoreMs: 10_000, syncMs: 10_000, answerMs: 3_000 } as const;
const EMULATED = { seatMs: 180_000, bootMs: 150_000, restoreMs: 60_000, syncMs: 30_000, answerMs: 10_000 } as const;

function deadlines(accelerated: boolean): typeof ACCELERATED | typeof EMULATED {
  return accelerated ? ACCELERATED : EMULATED;
}

/** Making or resetting a seat, with everything that may have to be made first. */
export function seatDeadlineMs(accelerated: boolean): number {
  return deadlines(accelerated).seatMs;
}

/** From power-on until the servers answer. */
export function bootDeadlineMs(accelerated: boolean): number {
  return deadlines(accelerated).bootMs;
}

/** From a snapshot until the servers answer. */
export function restoreDeadlineMs(accelerated: boolean): number {
  return deadlines(accelerated).restoreMs;
}

/** Writing everything to the disk before a machine is ended with its files kept. */
export function syncDeadlineMs(accelerated: boolean): number {
  return deadlines(accelerated).syncMs;
}

/** A question to a seat's servers that run. */
export function answerDeadlineMs(accelerated: boolean): number {
  return deadlines(accelerated).answerMs;
}
