/** What the extension knows of the control plane: a snapshot, kept up to date by events. Pure. */
import type { Cluster } from '../../protocol/cluster.ts';
import type { CarapaceEvent, Resource } from '../../protocol/event.ts';
import { operationSubject, seatSubject, workshopSubject, type Operation } from '../../protocol/operation.ts';
import type { Seat, Workshop } from '../../protocol/workshop.ts';
import { Seats } from './seats.ts';

/** One line of an operation's progress; `at` is in milliseconds since 1970. */
export interface ProgressLine {
  readonly phase: string | undefined;
  readonly message: string;
  readonly at: number;
}

/**
 * Everything is keyed by its subject (`workshop/ws-1`, `workshop/ws-1/seat/2`), lines by the operation's id. The cluster
 * is undefined until it has been told of.
 */
export interface ModelState {
  readonly cluster: Cluster | undefined;
  readonly workshops: ReadonlyMap<string, Workshop>;
  readonly seats: Seats;
  readonly operations: ReadonlyMap<string, Operation>;
  readonly lines: ReadonlyMap<string, readonly ProgressLine[]>;
}

/** What the control plane's lists say at one moment. */
export interface Snapshot {
  readonly workshops: readonly Workshop[];
  readonly seats: readonly Seat[];
  readonly operations: readonly Operation[];
}

/** Ended operations that are kept, the newest ones. */
export const MAX_ENDED_OPERATIONS = 50;

export const EMPTY_STATE: ModelState = {
  cluster: undefined,
  workshops: new Map(),
  seats: Seats.of([]),
  operations: new Map(),
  lines: new Map(),
};

/** The state that a snapshot tells; the lines of operations that are still known are kept. */
export function withSnapshot(state: ModelState, snapshot: Snapshot): ModelState {
  const operations = new Map(snapshot.operations.map((one) => [operationSubject(one.id), one]));
  return bounded({
    cluster: state.cluster,
    workshops: new Map(snapshot.workshops.map((one) => [workshopSubject(one.id), one])),
    seats: Seats.of(snapshot.seats),
    operations,
    lines: new Map([...state.lines].filter(([id]) => operations.has(operationSubject(id)))),
  });
}

/** The state with another cluster. */
export function withCluster(state: ModelState, cluster: Cluster): ModelState {
  return { ...state, cluster };
}

/** The state after an event. An event that says nothing new returns the same object. */
export function withEvent(state: ModelState, event: CarapaceEvent): ModelState {
  const withLine = event.type === 'progress' ? withProgress(state, event) : state;
  return event.resource === undefined ? withLine : withResource(withLine, event.subject, event.resource);
}

function withProgress(state: ModelState, event: CarapaceEvent): ModelState {
  const { operation_id: id, message, phase } = event;
  if (id === undefined) return state;
  const line: ProgressLine = { phase, message, at: Date.parse(event.timestamp) };
  const lines = state.lines.get(id) ?? [];
  const known = lines.some((other) => other.at === line.at && other.phase === phase && other.message === message);
  if (known) return state;
  // Lines come late when an operation's past is read on demand.
  const sorted = [...lines, line].sort((one, other) => one.at - other.at);
  return { ...state, lines: new Map(state.lines).set(id, sorted) };
}

function withResource(state: ModelState, subject: string, resource: Resource): ModelState {
  if ('workshop' in resource) return { ...state, workshops: put(state.workshops, subject, resource.workshop) };
  if ('seat' in resource) return { ...state, seats: state.seats.with(resource.seat) };
  if ('cluster' in resource) return withCluster(state, resource.cluster);
  if ('operation' in resource) {
    return bounded({
      ...state,
      operations: put(state.operations, operationSubject(resource.operation.id), resource.operation),
    });
  }
  return without(state, subject);
}

function put<T>(map: ReadonlyMap<string, T>, key: string, value: T): ReadonlyMap<string, T> {
  return new Map(map).set(key, value);
}

/** Removes a subject, and the seats of a workshop with it. */
function without(state: ModelState, subject: string): ModelState {
  const keep = <T>(map: ReadonlyMap<string, T>) => new Map([...map].filter(([key]) => key !== subject));
  const { workshops, seats, operations } = state;
  return { ...state, workshops: keep(workshops), seats: seats.without(subject), operations: keep(operations) };
}

/** Forgets the oldest ended operations and their lines. */
function bounded(state: ModelState): ModelState {
  const ended = [...state.operations.values()].filter((one) => one.status !== 'running');
  if (ended.length <= MAX_ENDED_OPERATIONS) return state;
  const old = new Set(ended.sort(newestFirst).slice(MAX_ENDED_OPERATIONS));
  const operations = new Map([...state.operations].filter(([, one]) => !old.has(one)));
  const lines = new Map([...state.lines].filter(([id]) => operations.has(operationSubject(id))));
  return { ...state, operations, lines };
}

function newestFirst(one: Operation, other: Operation): number {
  return other.started_at.localeCompare(one.started_at) || other.id.localeCompare(one.id);
}

/** Workshops in the order in which they were made. */
export function workshopsOf(state: ModelState): Workshop[] {
  return [...state.workshops.values()].sort(
    (one, other) => one.created_at.localeCompare(other.created_at) || one.id.localeCompare(other.id),
  );
}

export function workshopOf(state: ModelState, workshopId: string): Workshop | undefined {
  return state.workshops.get(workshopSubject(workshopId));
}

/** A workshop's seats by their numbers. */
export function seatsOf(state: ModelState, workshopId: string): Seat[] {
  return state.seats.inWorkshop(workshopId);
}

export function seatOf(state: ModelState, workshopId: string, seat: number): Seat | undefined {
  return state.seats.get(seatSubject(workshopId, seat));
}

/** Operations, the newest first. */
export function operationsOf(state: ModelState): Operation[] {
  return [...state.operations.values()].sort(newestFirst);
}

export function operationOf(state: ModelState, operationId: string): Operation | undefined {
  return state.operations.get(operationSubject(operationId));
}

/** What is under way on a subject; null where nothing is. */
export function runningOperationOf(state: ModelState, subject: string): Operation | null {
  return operationsOf(state).find((one) => one.subject === subject && one.status === 'running') ?? null;
}

export function linesOf(state: ModelState, operationId: string): readonly ProgressLine[] {
  return state.lines.get(operationId) ?? [];
}
