/** What the control plane's lists say, fetched at once. */
import type { ControlPlaneClient } from '../client/control-plane.ts';
import { NotFoundError } from '../protocol/errors.ts';
import type { Seat } from '../protocol/workshop.ts';
import type { Snapshot } from './model/state.ts';

type Lists = Pick<ControlPlaneClient, 'listWorkshops' | 'listOperations' | 'listSeats'>;

export async function fetchSnapshot(client: Lists, signal: AbortSignal): Promise<Snapshot> {
  const [workshops, operations] = await Promise.all([client.listWorkshops(signal), client.listOperations(signal)]);
  const seats = await Promise.all(workshops.map(({ id }) => seatsOf(client, id, signal)));
  return { workshops, operations, seats: seats.flat() };
}

/** A workshop may be deleted between the two lists. */
async function seatsOf(client: Lists, workshopId: string, signal: AbortSignal): Promise<Seat[]> {
  try {
    return await client.listSeats(workshopId, signal);
  } catch (error) {
    if (error instanceof NotFoundError) return [];
    throw error;
  }
}
