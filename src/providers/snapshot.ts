/** What the control plane says of itself when it is asked, as changes of what the extension knows. */
import type { ControlPlaneClient } from '../client/control-plane.ts';
import type { Cluster } from '../protocol/cluster.ts';
import { InternalError, NotFoundError } from '../protocol/errors.ts';
import type { Seat } from '../protocol/workshop.ts';
import { withCluster, withSnapshot, type ModelState } from './model/state.ts';

type Asked = Pick<ControlPlaneClient, 'listWorkshops' | 'listOperations' | 'listSeats' | 'getCluster'>;

/** What an answer does to the state. */
export type Change = (state: ModelState) => ModelState;

/** Asks the control plane for something. */
export type Fetch = (client: Asked, signal: AbortSignal) => Promise<Change>;

/** Everything. Being asked for its cluster, the control plane observes that more often for a while. */
export const fetchAll: Fetch = async (client, signal) => {
  const [lists, cluster] = await Promise.all([fetchLists(client, signal), fetchCluster(client, signal)]);
  return (state) => cluster(lists(state));
};

/** Everything but the cluster. */
export const fetchLists: Fetch = async (client, signal) => {
  const [workshops, operations] = await Promise.all([client.listWorkshops(signal), client.listOperations(signal)]);
  const seats = await Promise.all(workshops.map(({ id }) => seatsOf(client, id, signal)));
  return (state) => withSnapshot(state, { workshops, operations, seats: seats.flat() });
};

/** The cluster alone. */
export const fetchCluster: Fetch = async (client, signal) => {
  const cluster = await clusterOf(client, signal);
  return (state) => (cluster === undefined ? state : withCluster(state, cluster));
};

/** A workshop may be deleted between the two lists. */
async function seatsOf(client: Asked, workshopId: string, signal: AbortSignal): Promise<Seat[]> {
  try {
    return await client.listSeats(workshopId, signal);
  } catch (error) {
    if (error instanceof NotFoundError) return [];
    throw error;
  }
}

/** A control plane of an earlier version has none, and one that cannot tell it still tells the rest. */
async function clusterOf(client: Asked, signal: AbortSignal): Promise<Cluster | undefined> {
  try {
    return await client.getCluster(signal);
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof InternalError) return undefined;
    throw error;
  }
}
