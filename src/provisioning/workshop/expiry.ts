/** Workshops end by themselves: nothing of them is lost, and they run no longer than somebody wants. */
import type { FastifyBaseLogger } from 'fastify';
import { CarapaceError } from '../../protocol/errors.ts';
import type { Store } from '../store/store.ts';
import type { WorkshopRow } from '../store/workshops.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Whether a workshop holds seats on a worker after its time. Pure. @param now milliseconds since 1970 */
export function isOver(workshop: WorkshopRow, holdsSeats: boolean, now: number): boolean {
  const mayStop = workshop.status === 'running' || (workshop.status === 'error' && holdsSeats);
  return mayStop && Date.parse(workshop.expires_at) <= now;
}

/** Stops every workshop whose time is over; one on which an operation runs is looked at again the next time. */
export function stopExpired(store: Store, lifecycle: Lifecycle, log: FastifyBaseLogger, now = Date.now()): void {
  for (const workshop of store.workshops.all()) {
    if (!isOver(workshop, store.seats.workersOf(workshop.id).length > 0, now)) continue;
    try {
      lifecycle.stop(workshop.id, `Stop workshop "${workshop.name}": its time is over`);
    } catch (error) {
      if (!(error instanceof CarapaceError)) throw error;
      log.info({ workshop_id: workshop.id, code: error.code }, 'an expired workshop cannot be stopped now');
    }
  }
}
