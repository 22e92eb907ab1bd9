/** How many seats made of processes a machine holds. */

/** The address plan of a worker has no more (contract: 240 slots). */
export const MAX_SEATS = 240;

/** A workspace server takes 60 MB, a shell and the programs in it as much again. */
const BYTES_PER_SEAT = 128 * 1024 * 1024;

/** The other half is for the system and for what people run. */
const MEMORY_SHARE = 0.5;

/** Most seats wait for their learner most of the time. */
const SEATS_PER_CORE = 32;

/** `min(memory / 2 / 128 MiB, cores * 32)`, at least 1 and at most 240. */
export function processCapacity(memoryBytes: number, cores: number): number {
  const byMemory = Math.floor((memoryBytes * MEMORY_SHARE) / BYTES_PER_SEAT);
  return Math.max(1, Math.min(byMemory, cores * SEATS_PER_CORE, MAX_SEATS));
}
