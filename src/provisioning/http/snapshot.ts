/** Where a reader of events comes in: after the last one it has seen, or at a picture of everything as it is now. */
import { CLUSTER_SUBJECT } from '../../protocol/cluster.ts';
import { InvalidInputError } from '../../protocol/errors.ts';
import type { CarapaceEvent, NumberedEvent } from '../../protocol/event.ts';
import { operationSubject, seatSubject, workshopSubject } from '../../protocol/operation.ts';
import { timestamp } from '../clock.ts';
import type { ClusterRecords } from '../cluster/cluster-records.ts';
import { toOperation } from '../operations/journal.ts';
import type { Store } from '../store/store.ts';
import type { Records } from '../workshop/records.ts';

/** What to send first, and the number after which the stream goes on. */
export interface Entrance {
  readonly first: readonly NumberedEvent[];
  readonly after: number;
}

/** Where everything is read from. */
export interface Told {
  readonly store: Store;
  readonly records: Records;
  readonly clusterRecords: ClusterRecords;
}

/** @throws InvalidInputError where the header is no number */
export function parseLastEventId(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const id = typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
  if (id !== undefined) return id;
  throw new InvalidInputError('The header Last-Event-ID is not the number of an event.', { path: 'last-event-id' });
}

/**
 * The entrance for somebody who saw events up to `lastEventId`. Without one, or where it is too old or from another
 * store, everything is told whole after a `reset`.
 * @param workshopId the only workshop that the reader may see
 */
export function entrance(
  { store, records, clusterRecords }: Told,
  lastEventId: number | undefined,
  workshopId?: string,
): Entrance {
  const { oldest, newest } = store.events.bounds();
  const isKept = lastEventId !== undefined && lastEventId >= oldest - 1 && lastEventId <= newest;
  if (isKept) return { first: [], after: lastEventId };
  const events = snapshot({ store, records, clusterRecords }, workshopId);
  // Whoever loses the connection in the middle begins again: only the last frame has a place in the stream.
  const first = events.map((event, index) => ({ id: index === events.length - 1 ? newest : 0, event }));
  return { first, after: newest };
}

function snapshot({ store, records, clusterRecords }: Told, workshopId?: string): CarapaceEvent[] {
  const now = { timestamp: timestamp() };
  const state = { ...now, type: 'state', message: '' } as const;
  const workshops = records.workshops().filter(({ id }) => workshopId === undefined || id === workshopId);
  const operations = workshopId === undefined ? store.operations.all().map(toOperation) : [];
  const cluster = workshopId === undefined ? [clusterRecords.cluster()] : [];
  const reset = { ...now, type: 'reset', message: 'Everything is told anew.', subject: 'carapace' } as const;
  return [
    reset,
    ...operations.map((operation) => ({
      ...state,
      subject: operationSubject(operation.id),
      operation_id: operation.id,
      resource: { operation },
    })),
    ...cluster.map((told) => ({ ...state, subject: CLUSTER_SUBJECT, resource: { cluster: told } })),
    ...workshops.flatMap((workshop) => [
      { ...state, subject: workshopSubject(workshop.id), resource: { workshop } },
      ...records
        .seats(workshop.id)
        .map((seat) => ({ ...state, subject: seatSubject(workshop.id, seat.seat), resource: { seat } })),
    ]),
  ];
}
