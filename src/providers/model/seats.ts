/** The seats that the extension knows. Pure. */
import { seatSubject, workshopSubject } from '../../protocol/operation.ts';
import type { Seat } from '../../protocol/workshop.ts';

type OfOne = ReadonlyMap<string, Seat>;

/**
 * Seats by their subjects, such as `workshop/ws-1/seat/2`. Never changes: a change makes another one, which shares what
 * is as before, so that it costs as much as one workshop has seats, not as much as there are.
 */
export class Seats {
  /** By the workshops' subjects; none is empty. */
  readonly groups: ReadonlyMap<string, OfOne>;

  private constructor(groups: ReadonlyMap<string, OfOne>) {
    this.groups = groups;
  }

  static of(seats: readonly Seat[]): Seats {
    const groups = new Map<string, Map<string, Seat>>();
    for (const seat of seats) {
      const key = workshopSubject(seat.workshop_id);
      const group = groups.get(key) ?? new Map<string, Seat>();
      groups.set(key, group.set(seatSubject(seat.workshop_id, seat.seat), seat));
    }
    return new Seats(groups);
  }

  get size(): number {
    return [...this.groups.values()].reduce((sum, { size }) => sum + size, 0);
  }

  get(subject: string): Seat | undefined {
    return this.groups.get(workshopOfSeat(subject))?.get(subject);
  }

  has(subject: string): boolean {
    return this.get(subject) !== undefined;
  }

  *values(): Generator<Seat, void, undefined> {
    for (const group of this.groups.values()) yield* group.values();
  }

  /** A workshop's seats by their numbers. */
  inWorkshop(workshopId: string): Seat[] {
    const group = this.groups.get(workshopSubject(workshopId));
    return [...(group?.values() ?? [])].sort((one, other) => one.seat - other.seat);
  }

  with(seat: Seat): Seats {
    const key = workshopSubject(seat.workshop_id);
    const group = new Map(this.groups.get(key)).set(seatSubject(seat.workshop_id, seat.seat), seat);
    return new Seats(new Map(this.groups).set(key, group));
  }

  /** Without a seat, or without all of a workshop. */
  without(subject: string): Seats {
    const key = workshopOfSeat(subject);
    const groups = new Map(this.groups);
    const group = new Map(groups.get(key));
    if (subject === key) group.clear();
    else group.delete(subject);
    if (group.size === 0) groups.delete(key);
    else groups.set(key, group);
    return new Seats(groups);
  }
}

/** The subject of the workshop that a seat's subject, or a workshop's own, names. */
function workshopOfSeat(subject: string): string {
  return subject.split('/', 2).join('/');
}
