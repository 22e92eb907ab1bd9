/** Which seats go onto which worker. Pure. */
import { NoCapacityError } from '../../protocol/errors.ts';

/** A worker with room for `free` more seats. */
export interface Room {
  readonly worker: string;
  readonly free: number;
}

export function countSeats(count: number): string {
  return count === 1 ? '1 seat' : `${count} seats`;
}

/**
 * Places each seat, filling the workers in order.
 * @throws NoCapacityError where not all fit; nothing is placed then
 */
export function placeSeats(seats: readonly number[], rooms: readonly Room[]): Map<number, string> {
  const places = rooms.flatMap(({ worker, free }) => Array.from({ length: Math.max(0, free) }, () => worker));
  if (places.length < seats.length) {
    throw new NoCapacityError(
      `There is room for ${countSeats(places.length)}, and ${seats.length} are needed. ` +
        'Make a smaller workshop, or stop or delete another one first.',
      { free: places.length, needed: seats.length },
    );
  }
  return new Map(seats.map((seat, index) => [seat, places[index] ?? '']));
}
