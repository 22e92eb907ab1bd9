/** What a learner may know: their seat and its workshop, without what is the teacher's alone. Pure. */
import type { ErrorInfo } from '../../protocol/errors.ts';
import type { CarapaceEvent, Resource } from '../../protocol/event.ts';
import type { Seat, Workshop } from '../../protocol/workshop.ts';
import type { LearnerRow } from '../store/learners.ts';

const TROUBLE = 'The workshop has a problem. Ask your teacher.';
const SEAT_TROUBLE = 'Your seat has a problem. Ask your teacher to reset it.';

/** Without its workers, its price, and what went wrong with other seats or with the teacher's machine. */
export function workshopForLearner(workshop: Workshop): Workshop {
  const error: ErrorInfo | null = workshop.error === null ? null : { code: workshop.error.code, message: TROUBLE };
  return { ...workshop, workers: [], price_per_hour: null, error };
}

/** Without where it runs, and with what went wrong in a sentence for them. */
export function seatForLearner(seat: Seat): Seat {
  const error: ErrorInfo | null = seat.error === null ? null : { code: seat.error.code, message: SEAT_TROUBLE };
  return { ...seat, worker: null, error };
}

/**
 * An event as a learner is told it; undefined where it is nothing to them: another seat, or theirs before them.
 * @param isGone whether the seat was taken from them meanwhile: that it is nobody's is the last they are told
 */
export function eventForLearner(event: CarapaceEvent, learner: LearnerRow, isGone: boolean): CarapaceEvent | undefined {
  const { resource } = event;
  const told = resource === undefined ? undefined : resourceForLearner(resource, learner, isGone);
  if (told === undefined) return undefined;
  const { timestamp, type, message, subject } = event;
  return { timestamp, type, message: troubleOf(told) ?? message, subject, resource: told };
}

/** Whether nothing comes after an event for a learner: their workshop is gone, or their seat is nobody's. */
export function isLastForLearner({ resource }: CarapaceEvent): boolean {
  return resource !== undefined && ('deleted' in resource || ('seat' in resource && resource.seat.joined_at === null));
}

function resourceForLearner(resource: Resource, learner: LearnerRow, isGone: boolean): Resource | undefined {
  if ('workshop' in resource) {
    const isTheirs = resource.workshop.id === learner.workshop_id;
    return isTheirs ? { workshop: workshopForLearner(resource.workshop) } : undefined;
  }
  if ('seat' in resource) {
    const { workshop_id, seat, joined_at } = resource.seat;
    const isTheirs = joined_at === learner.joined_at || (isGone && joined_at === null);
    return workshop_id === learner.workshop_id && seat === learner.seat && isTheirs
      ? { seat: seatForLearner(resource.seat) }
      : undefined;
  }
  return 'deleted' in resource ? resource : undefined;
}

/** The line of something that has failed is its error. */
function troubleOf(told: Resource): string | undefined {
  if ('workshop' in told) return told.workshop.error?.message;
  return 'seat' in told ? told.seat.error?.message : undefined;
}
