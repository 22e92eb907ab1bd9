/** Workshops, seats, workers and learners as they are told, out of the rows of the store. Pure. */
import type { Learner, Seat, Worker, Workshop } from '../../protocol/workshop.ts';
import { formatJoinLink } from '../../protocol/join-link.ts';
import type { LearnerRow } from '../store/learners.ts';
import type { SeatRow } from '../store/seats.ts';
import type { WorkerRow } from '../store/workers.ts';
import type { WorkshopRow } from '../store/workshops.ts';

/** This machine costs nothing more for a workshop that runs on it. */
const LOCAL_PRICE_PER_HOUR = 0;

/**
 * @param workers those that hold its seats, or get ready to
 * @param publicUrl the address of a server for others, which its clients use in place of the agents'
 */
export function toWorkshop(row: WorkshopRow, workers: readonly WorkerRow[], publicUrl?: string): Workshop {
  const { id, name, code, seats, status, runtime, provider, created_at, expires_at, error } = row;
  const reached = workers.find((worker) => worker.endpoint !== null)?.endpoint ?? null;
  const endpoint = reached === null ? null : (publicUrl ?? reached);
  const join_link = publicUrl === undefined ? {} : { join_link: formatJoinLink(publicUrl, code) };
  const runsOn = { ...join_link, endpoint, workers: workers.map(toWorker), price_per_hour: LOCAL_PRICE_PER_HOUR };
  return { id, name, code, seats, status, runtime, provider, created_at, expires_at, ...runsOn, error };
}

function toWorker({ name, status, accelerated }: WorkerRow): Worker {
  return { name, zone: null, ip: null, status, deadline: null, price_per_hour: LOCAL_PRICE_PER_HOUR, accelerated };
}

export function toSeat(row: SeatRow, learner: LearnerRow | undefined): Seat {
  const { workshop_id, seat, status, connected, worker, ip, updated_at, error } = row;
  const joined = { learner: learner?.name ?? null, joined_at: learner?.joined_at ?? null };
  return { workshop_id, seat, status, ...joined, connected, worker, ip, updated_at, error };
}

export function toLearner({ seat, name, joined_at }: LearnerRow, connected: boolean): Learner {
  return { seat, name, joined_at, connected };
}
