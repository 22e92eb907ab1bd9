/** Resources and events as a control plane tells them. */
import type { CarapaceEvent } from '../../../src/protocol/event.ts';
import { operationSubject, seatSubject, workshopSubject, type Operation } from '../../../src/protocol/operation.ts';
import type { Seat, Workshop } from '../../../src/protocol/workshop.ts';
import type { Translate } from '../../../src/providers/model/translate.ts';

/** English as it stands in the source, with its values. */
export const t: Translate = (message, ...values) =>
  message.replace(/\{(\d+)\}/g, (_match, index: string) => String(values[Number(index)]));

/** Noon, in local time, so that what is shown does not depend on the time zone. */
export const NOON = new Date(2026, 2, 14, 12, 0, 0).getTime();

export function at(offsetMs: number): string {
  return new Date(NOON + offsetMs).toISOString();
}

export function workshop(changes: Partial<Workshop> = {}): Workshop {
  return {
    id: 'ws-one',
    name: 'Intro',
    code: 'ABCD2345',
    seats: 3,
    status: 'running',
    runtime: 'process',
    provider: 'local',
    created_at: at(-60_000),
    expires_at: at(5 * 3_600_000),
    endpoint: 'http://127.0.0.1:9090',
    workers: [],
    price_per_hour: 0,
    error: null,
    ...changes,
  };
}

export function seat(changes: Partial<Seat> = {}): Seat {
  return {
    workshop_id: 'ws-one',
    seat: 1,
    status: 'ready',
    learner: null,
    joined_at: null,
    connected: false,
    worker: 'worker-one',
    ip: null,
    updated_at: at(0),
    error: null,
    ...changes,
  };
}

export function operation(changes: Partial<Operation> = {}): Operation {
  return {
    id: 'op-one',
    kind: 'workshop.create',
    subject: workshopSubject('ws-one'),
    title: 'Create workshop "Intro"',
    status: 'running',
    started_at: at(0),
    ended_at: null,
    deadline: at(600_000),
    error: null,
    ...changes,
  };
}

export function workshopEvent(changes: Partial<Workshop> = {}): CarapaceEvent {
  const resource = workshop(changes);
  return state(workshopSubject(resource.id), { workshop: resource });
}

export function seatEvent(changes: Partial<Seat> = {}): CarapaceEvent {
  const resource = seat(changes);
  return state(seatSubject(resource.workshop_id, resource.seat), { seat: resource });
}

export function operationEvent(changes: Partial<Operation> = {}): CarapaceEvent {
  const resource = operation(changes);
  return state(operationSubject(resource.id), { operation: resource });
}

export function deletedEvent(subject: string): CarapaceEvent {
  return state(subject, { deleted: true });
}

export function progressEvent(phase: string | undefined, message: string, offsetMs: number): CarapaceEvent {
  const event = { timestamp: at(offsetMs), type: 'progress' as const, message, subject: workshopSubject('ws-one') };
  return { ...event, operation_id: 'op-one', ...(phase !== undefined && { phase }) };
}

function state(subject: string, resource: NonNullable<CarapaceEvent['resource']>): CarapaceEvent {
  return { timestamp: at(0), type: 'state', message: '', subject, resource };
}
