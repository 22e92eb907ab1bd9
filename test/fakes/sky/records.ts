/** SkyPilot's records of clusters, in the shapes that version 0.14.1 told. They outlive its API server. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { readJson, writeJson } from './files.ts';
import type { Machine } from './cloud.ts';

export type ClusterStatus = 'INIT' | 'UP' | 'STOPPED' | 'AUTOSTOPPING' | 'PENDING';

/** What is kept of a cluster; times in Unix seconds. */
export interface ClusterRecord {
  readonly name: string;
  readonly status: ClusterStatus;
  readonly hash: string;
  readonly machineId: string | null;
  readonly cloud: string;
  readonly region: string;
  readonly instanceType: string;
  readonly cpus: number;
  readonly memory: number;
  readonly diskGb: number;
  readonly spot: boolean;
  readonly launchedAt: number;
  readonly updatedAt: number;
  readonly everUp: boolean;
  readonly autostop: number;
  readonly toDown: boolean;
  readonly lastEvent: string;
  readonly launching: boolean;
  /** The task as it was written, and the command that launched it. */
  readonly yaml: string;
  readonly command: string;
  /** Usage so far, for the cost report. */
  readonly intervals: readonly (readonly [number, number | null])[];
}

export const USER = { hash: 'fcd1e5cf', name: 'root' } as const;

/** An unpickled None; no test reads pickles. */
const NONE_PICKLE = 'gAROLg==';

export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

function path(folder: string): string {
  return join(folder, 'records.json');
}

export function readRecords(folder: string): ClusterRecord[] {
  return readJson<ClusterRecord[]>(path(folder), []);
}

export function findRecord(folder: string, name: string): ClusterRecord | undefined {
  return readRecords(folder).find((record) => record.name === name);
}

export function putRecord(folder: string, record: ClusterRecord): void {
  const others = readRecords(folder).filter(({ name }) => name !== record.name);
  writeJson(path(folder), [...others, record]);
}

export function removeRecord(folder: string, name: string): void {
  const records = readRecords(folder);
  writeJson(
    path(folder),
    records.filter((record) => record.name !== name),
  );
}

export function newRecord(
  facts: Pick<
    ClusterRecord,
    'name' | 'cloud' | 'region' | 'instanceType' | 'cpus' | 'memory' | 'diskGb' | 'spot' | 'yaml' | 'command'
  >,
): ClusterRecord {
  const now = unixSeconds();
  return {
    ...facts,
    status: 'INIT',
    hash: randomUUID(),
    machineId: null,
    launchedAt: now,
    updatedAt: now,
    everUp: false,
    autostop: -1,
    toDown: false,
    lastEvent: `Provisioning on ${facts.cloud.toLowerCase()} in ${facts.region}`,
    launching: true,
    intervals: [],
  };
}

/** A row as `POST /status` answers it without credentials and handle. */
export function restRow(record: ClusterRecord, machine: Machine | undefined): Record<string, unknown> {
  const { region } = record;
  const url = `https://${region}.console.aws.amazon.com/ec2/v2/home?region=${region}#Instances:tag:ray-cluster-name=${record.name}`;
  return {
    name: record.name,
    launched_at: record.launchedAt,
    last_use: record.command,
    status: record.status,
    autostop: record.autostop,
    to_down: record.toDown,
    owner: ['AKIAIOSFODNN7EXAMPLE', '123456789012'],
    metadata: {},
    cluster_hash: record.hash,
    cluster_ever_up: record.everUp,
    status_updated_at: record.updatedAt,
    user_hash: USER.hash,
    user_name: USER.name,
    ...(record.everUp && { config_hash: '26a9e23144e4961b6fcdefdc70c27810903401151461679530e9eafdf7075abe' }),
    workspace: 'default',
    last_creation_yaml: record.yaml,
    last_creation_command: record.command,
    is_managed: false,
    last_event: record.lastEvent,
    ...(record.status === 'INIT' &&
      record.launching && { init_kind: 'launching', init_status_reason: record.lastEvent }),
    ...resourceTexts(record),
    nodes: 1,
    cloud: record.cloud,
    region,
    cpus: `${record.cpus}.0`,
    memory: `${record.memory}.0`,
    labels: {},
    cluster_name_on_cloud: `${record.name}-${USER.hash}`,
    ...(machine !== undefined && { node_names: `sky-${record.name}-${USER.hash}-head` }),
    priority: 0,
    links: record.everUp ? { 'AWS Instances': url } : {},
    handle: NONE_PICKLE,
    storage_mounts_metadata: NONE_PICKLE,
  };
}

/** A row as `sky status -o json` prints it: the same, with null for what the other leaves out, and less told. */
export function commandRow(record: ClusterRecord, machine: Machine | undefined): Record<string, unknown> {
  const rest = restRow(record, machine);
  return {
    name: record.name,
    launched_at: record.launchedAt,
    last_use: '',
    status: record.status,
    autostop: record.autostop,
    to_down: record.toDown,
    owner: null,
    metadata: null,
    cluster_hash: record.hash,
    cluster_ever_up: record.everUp,
    status_updated_at: 0,
    user_hash: USER.hash,
    user_name: USER.name,
    config_hash: null,
    workspace: 'default',
    last_creation_yaml: null,
    last_creation_command: null,
    is_managed: false,
    last_event: null,
    init_kind: rest['init_kind'] ?? null,
    init_status_reason: rest['init_status_reason'] ?? null,
    ...resourceTexts(record),
    nodes: 1,
    cloud: record.cloud,
    region: record.region,
    cpus: rest['cpus'],
    memory: rest['memory'],
    accelerators: null,
    labels: {},
    cluster_name_on_cloud: null,
    node_names: rest['node_names'] ?? null,
    priority: 0,
    priority_class: null,
    links: null,
  };
}

function resourceTexts({ cpus, memory, instanceType, diskGb, spot }: ClusterRecord): Record<string, string> {
  const start = `1x${spot ? '[spot]' : ''}(cpus=${cpus}, mem=${memory}, ${instanceType}`;
  return { resources_str: `${start}, ...)`, resources_str_full: `${start}, disk=${diskGb})` };
}
