/** Where a reader of events comes in: after the last one it has seen, or at a picture of everything as it is now. */
import { CLUSTER_SUBJECT } from '../../protocol/cluster.ts';
import { InvalidInputError } from '../../protocol/errors.ts';
import type { CarapaceEvent, NumberedEvent } from '../../protocol/event.ts';
import { operationSubject, seatSubject, workshopSubject } from '../../protocol/operation.ts';
import { timestamp } from '../clock.ts';
import type { ClusterRecords } from '../cluster/cluster-records.ts';
import { toOperation } from '../operations/journal.ts';
import type { LearnerRow } from '../store/learners.ts';
import type { Store } from '../store/store.ts';
import { seatForLearner, workshopForLearner } from '../workshop/learner-view.ts';
import type { Records } from '../workshop/records.ts';

/** What to send first, read as it is sent, and the number after which the stream goes on. */
export interface Entrance {
  readonly first: Iterable<NumberedEvent>;
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
 * @param learner who may see only their seat and its workshop; absent: the teacher
 */
export function entrance(
  { store, records, clusterRecords }: Told,
  lastEventId: number | undefined,
  learner?: LearnerRow,
): Entrance {
  const { oldest, newest } = store.events.bounds();
  const isKept = lastEventId !== undefined && lastEventId >= oldest - 1 && lastEventId <= newest;
  if (isKept) return { first: [], after: lastEventId };
  const told = { store, records, clusterRecords };
  const events = learner === undefined ? snapshot(told) : learnerSnapshot(told, learner);
  return { first: numbered(events, newest), after: newest };
}

/** Whoever loses the connection in the middle begins again: only the last frame has a place in the stream. */
function* numbered(events: Iterable<CarapaceEvent>, last: number): Generator<NumberedEvent> {
  let before: CarapaceEvent | undefined;
  for (const event of events) {
    if (before !== undefined) yield { id: 0, event: before };
    before = event;
  }
  if (before !== undefined) yield { id: last, event: before };
}

function beginning() {
  const now = { timestamp: timestamp() };
  const reset = { ...now, type: 'reset', message: 'Everything is told anew.', subject: 'carapace' } as const;
  return { reset, state: { ...now, type: 'state', message: '' } as const };
}

function learnerSnapshot({ records }: Told, { workshop_id, seat }: LearnerRow): CarapaceEvent[] {
  const { reset, state } = beginning();
  const workshop = workshopForLearner(records.workshop(workshop_id));
  const own = seatForLearner(records.seat(workshop_id, seat));
  return [
    reset,
    { ...state, subject: workshopSubject(workshop_id), resource: { workshop } },
    { ...state, subject: seatSubject(workshop_id, seat), resource: { seat: own } },
  ];
}

/**
 * Everything as it is when its turn comes: a reader that takes its time costs no memory. What changes meanwhile is told
 * again by the stream.
 */
function* snapshot({ store, records, clusterRecords }: Told): Generator<CarapaceEvent> {
  const { reset, state } = beginning();
  yield reset;
  for (const operation of store.operations.all().map(toOperation)) {
    const { id } = operation;
    yield { ...state, subject: operationSubject(id), operation_id: id, resource: { operation } };
  }
  yield { ...state, subject: CLUSTER_SUBJECT, resource: { cluster: clusterRecords.cluster() } };
  for (const { id, seats } of store.workshops.all()) {
    if (store.workshops.find(id) === undefined) continue;
    yield { ...state, subject: workshopSubject(id), resource: { workshop: records.workshop(id) } };
    for (let number = 1; number <= seats; number += 1) {
      if (store.seats.find(id, number) === undefined) break;
      yield { ...state, subject: seatSubject(id, number), resource: { seat: records.seat(id, number) } };
    }
  }
}
