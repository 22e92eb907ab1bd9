/** Resources and events as a control plane tells them. */
import {
  CLUSTER_SUBJECT,
  type Cluster,
  type ClusterCheck,
  type LaunchPlan,
  type Offer,
  type VaultReport,
} from '../../../src/protocol/cluster.ts';
import type { CarapaceEvent } from '../../../src/protocol/event.ts';
import { operationSubject, seatSubject, workshopSubject, type Operation } from '../../../src/protocol/operation.ts';
import type { Seat, Workshop } from '../../../src/protocol/workshop.ts';
import type { Translate } from '../../../src/client/translate.ts';

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

/** A server that runs. */
export function cluster(changes: Partial<Cluster> = {}): Cluster {
  return {
    name: 'carapace-node',
    status: 'running',
    cloud: 'aws',
    region: 'us-east-1',
    ip: '203.0.113.10',
    launched_at: (NOON - 3_600_000) / 1_000,
    error: null,
    instance_type: 'm6i.xlarge',
    price_per_hour: 0.192,
    disk_price_per_hour: 0.011,
    cost: 0.42,
    autostop_minutes: 30,
    use_spot: false,
    ssh_host: 'carapace-node',
    billed: 'machine',
    note: null,
    stops_at: null,
    vaults: { public: '/home/me/data/public', private: null },
    synced_at: at(-120_000),
    observed_at: at(-5_000),
    unreachable: null,
    ...changes,
  };
}

const NO_FILES = { count: 0, files: [] };

/** A vault as it was synced two minutes ago. */
export function vaultReport(changes: Partial<VaultReport> = {}): VaultReport {
  return {
    vault: 'public',
    path: '/home/me/data/public',
    file_count: 12,
    bytes: 2_048,
    added: NO_FILES,
    changed: NO_FILES,
    removed: NO_FILES,
    ignored: NO_FILES,
    secrets: NO_FILES,
    problem: null,
    synced_at: at(-120_000),
    ...changes,
  };
}

export function offer(changes: Partial<Offer> = {}): Offer {
  return {
    cloud: 'aws',
    region: 'us-east-1',
    instance_type: 'm6i.xlarge',
    cpus: 4,
    memory_gb: 16,
    price_per_hour: 0.192,
    spot_price_per_hour: 0.07,
    ...changes,
  };
}

export function launchPlan(changes: Partial<LaunchPlan> = {}): LaunchPlan {
  return { offer: offer(), price_per_hour: 0.192, disk_price_per_hour: 0.011, vaults: [], warnings: [], ...changes };
}

export function clusterCheck(changes: Partial<ClusterCheck> = {}): ClusterCheck {
  return {
    sky_installed: true,
    sky_version: '0.14.1',
    enabled_clouds: ['aws'],
    disabled_clouds: { gcp: 'no credentials' },
    reason: null,
    install_command: null,
    ...changes,
  };
}

export function clusterEvent(changes: Partial<Cluster> = {}): CarapaceEvent {
  return state(CLUSTER_SUBJECT, { cluster: cluster(changes) });
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
