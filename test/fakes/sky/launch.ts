/** What SkyPilot does for `launch` and `start`, in its phases and with its words. */
import { parseAllDocuments } from 'yaml';
import { CLOUDS, type Failure } from './behaviour.ts';
import { chooseInstanceType, INSTANCE_TYPES, REGIONS, type InstanceType } from './catalog.ts';
import { createMachine, isOn, machineRoot, prepareMachine, setMachineState, type Machine } from './cloud.ts';
import type { Job } from './job.ts';
import { mountFolder } from './mounts.ts';
import { findRecord, newRecord, putRecord, removeRecord, unixSeconds, type ClusterRecord } from './records.ts';
import { SkyError } from './requests.ts';
import { writeSshEntry } from './ssh-entry.ts';
import * as texts from './texts.ts';

const NAME = /^[a-zA-Z]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const HANDLE = 'gAROLg==';
const DEFAULT_DISK_GB = 256;

/** What is read of a task. */
interface Task {
  readonly resources: Readonly<Record<string, unknown>>;
  readonly fileMounts: Readonly<Record<string, string>>;
  readonly runs: boolean;
  readonly yaml: string;
}

export interface LaunchResult {
  readonly job_id: null;
  readonly handle: string;
}

const RESULT: LaunchResult = { job_id: null, handle: HANDLE };

export async function launch(job: Job): Promise<LaunchResult> {
  const { body } = job.request.facts;
  const task = parseTask(text(body['task']) ?? '');
  const existing = findRecord(job.folder, job.cluster);
  if (body['fast'] === true && existing?.status === 'UP') {
    job.tell(texts.beginPhase('Launching') + texts.updatePhase('Launching', job.cluster) + texts.payload('exit'));
    await mount(job, task);
    finishLaunch(job, task);
    return RESULT;
  }
  const choice = await optimize(job, task, existing);
  if (!NAME.test(job.cluster)) throw new SkyError('InvalidClusterNameError', texts.invalidName(job.cluster));
  if (body['dryrun'] === true || job.failure('launch') === 'not_done') return RESULT;
  if (existing === undefined) putRecord(job.folder, recordOf(job, task, choice));
  await provision(job, existing === undefined);
  await mount(job, task);
  await setUp(job);
  finishLaunch(job, task);
  return RESULT;
}

export async function start(job: Job): Promise<string> {
  const record = job.record();
  if (record.status === 'UP' || job.failure('start') === 'not_done') return HANDLE;
  if (record.autostop > 0) job.tell(texts.restoringAutostop(job.cluster, record.autostop));
  await provision(job, false);
  job.tell(texts.beginPhase('Syncing files') + texts.payload('exit'));
  return HANDLE;
}

function parseTask(yaml: string): Task {
  const documents = parseAllDocuments(yaml).map((document) => document.toJS() as Record<string, unknown> | null);
  const task = documents.at(-1) ?? {};
  return {
    resources: (task['resources'] ?? {}) as Record<string, unknown>,
    fileMounts: (task['file_mounts'] ?? {}) as Record<string, string>,
    runs: task['run'] !== undefined,
    yaml,
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

interface Choice {
  readonly type: InstanceType;
  readonly region: string;
}

async function optimize(job: Job, task: Task, existing: ClusterRecord | undefined): Promise<Choice> {
  job.tell(texts.beginPhase('Optimizing'));
  await job.phase('optimize');
  const clouds = job.behaviour.clouds ?? CLOUDS;
  if (!Object.values(clouds).includes(true)) throw new SkyError('NoCloudAccessError', texts.NO_CLOUD_ACCESS);
  const { instance_type, cpus, memory, infra } = task.resources;
  const region = existing?.region ?? (text(infra) ?? '').split('/')[1] ?? REGIONS[0];
  const wish = { instanceType: text(instance_type), cpus: text(cpus), memory: text(memory) };
  const type =
    INSTANCE_TYPES.find(({ name }) => name === existing?.instanceType) ??
    chooseInstanceType(instance_type === undefined ? wish : { ...wish, cpus: undefined, memory: undefined });
  if (type === undefined || job.failure('launch') === 'no_offer') {
    throw new SkyError('ResourcesUnavailableError', texts.NO_OFFER);
  }
  if (existing === undefined) job.tell(texts.consideredResources('AWS', region, type));
  job.tell(texts.payload('exit'));
  return { type, region };
}

function recordOf(job: Job, task: Task, { type, region }: Choice): ClusterRecord {
  const { name: instanceType, cpus, memory } = type;
  const disk = Number(task.resources['disk_size'] ?? DEFAULT_DISK_GB);
  return newRecord({
    name: job.cluster,
    cloud: 'AWS',
    region,
    instanceType,
    cpus,
    memory,
    diskGb: disk,
    spot: task.resources['use_spot'] === true,
    yaml: task.yaml,
    command: text(job.request.facts.body['entrypoint_command']) ?? '',
  });
}

/** From a record to a cluster that is up, with the machine that it has or with a new one. */
async function provision(job: Job, isNew: boolean): Promise<void> {
  const { cluster } = job;
  const before = job.record();
  const place = `${before.cloud.toLowerCase()} in ${before.region}`;
  job.tell(texts.beginPhase('Launching') + texts.updatePhase('Launching', cluster));
  if (before.status === 'STOPPED') job.tell(texts.restarting(cluster, before.cloud, before.region));
  job.tell(texts.launchingOn(before.cloud, before.region));
  job.change({ status: 'INIT', launching: true, lastEvent: `Provisioning on ${place}`, updatedAt: unixSeconds() });
  await job.phase('provision');
  refuseCapacity(job, before, isNew);
  const machine = bringUp(job, before);
  job.change({ lastEvent: `Instances launched on ${place}`, intervals: [...before.intervals, [unixSeconds(), null]] });
  await job.phase('instance');
  job.tell(texts.updatePhase('Launching - Checking instance status', cluster));
  job.tell(texts.updatePhase('Launching - Waiting for SSH access', cluster));
  await job.phase('ssh');
  job.tell(texts.INSTANCE_IS_UP);
  for (const part of ['1/3 - initializing', '2/3 - dependencies', '3/3 - runtime']) {
    job.tell(texts.updatePhase(`Preparing SkyPilot runtime (${part})`, cluster));
  }
  await job.phase('runtime');
  if (job.failure('launch') === 'runtime' || job.failure('start') === 'runtime') {
    job.change({ launching: false });
    job.tell(texts.runtimeFailedLine(cluster));
    throw new SkyError('RuntimeError', texts.RUNTIME_FAILED);
  }
  declareUp(job, machine);
}

function declareUp(job: Job, machine: Machine): void {
  prepareMachine(job.folder, machine.id);
  const now = unixSeconds();
  const lastEvent = 'Cluster successfully provisioned with 1 nodes';
  job.change({ status: 'UP', launching: false, everUp: true, launchedAt: now, updatedAt: now, lastEvent });
  writeSshEntry(job.home, job.cluster, machine.ip);
  job.tell(texts.updatePhase('Launching - Checking instance status', job.cluster));
  job.tell(texts.clusterLaunched(job.cluster) + texts.payload('exit'));
}

function refuseCapacity(job: Job, record: ClusterRecord, isNew: boolean): void {
  const failure = job.failure(job.request.facts.name === 'sky.start' ? 'start' : 'launch');
  const log = PROVISION_LOGS[failure ?? 'not_done'];
  if (log === undefined) return;
  if (isNew) removeRecord(job.folder, job.cluster);
  else job.change({ status: record.status, launching: false });
  job.tell(log + texts.provisionFailedLine(job.cluster) + texts.payload('exit'));
  const reason = failure === 'expired' ? texts.EXPIRED_REASON : '';
  throw new SkyError('ResourcesUnavailableError', texts.provisionFailed(record.region, reason));
}

/** Ways in which no machine can be had, with what the log says of them. */
const PROVISION_LOGS: Readonly<Partial<Record<Failure, string>>> = {
  no_capacity: texts.NO_CAPACITY_LOG,
  no_quota: texts.NO_QUOTA_LOG,
  expired: texts.EXPIRED_LOG,
};

function bringUp(job: Job, record: ClusterRecord): Machine {
  job.signal.throwIfAborted();
  const machine = job.machine();
  if (machine === undefined) {
    const { name: cluster, cloud, region, instanceType, cpus, memory, diskGb, spot } = record;
    const facts = { cluster, cloud, region, instanceType, cpus, memory, diskGb, spot };
    return createMachine(job.folder, facts, job.behaviour);
  }
  if (machine.state !== 'running') setMachineState(job.folder, machine.id, 'running');
  return job.machine() ?? machine;
}

async function setUp(job: Job): Promise<void> {
  job.tell(texts.beginPhase('Running setup'));
  await job.phase('setup');
  if (job.failure('launch') === 'setup') throw new SkyError('CommandError', texts.SETUP_FAILED);
  job.tell(texts.payload('exit'));
}

/** Autostop and the job of a task, on a cluster that is up. */
function finishLaunch(job: Job, task: Task): void {
  job.change(autostopOf(task));
  job.tell(
    texts.beginPhase('Submitting job') + (task.runs ? texts.JOB_SUBMITTED : texts.NO_RUN) + texts.payload('exit'),
  );
}

async function mount(job: Job, task: Task): Promise<void> {
  const machine = job.machine();
  job.tell(texts.SYNCING_FILES + texts.beginPhase('Syncing files') + texts.SYNCING_MOUNTS);
  await job.phase('mount');
  if (machine === undefined || !isOn(machine)) throw new SkyError('CommandError', texts.MOUNT_FAILED);
  for (const [target, source] of Object.entries(task.fileMounts)) {
    job.signal.throwIfAborted();
    const inTheWay = mountFolder(machineRoot(job.folder, machine.id), target, source);
    if (inTheWay !== undefined) {
      job.tell(texts.pathExists(inTheWay));
      throw new SkyError('CommandError', texts.MOUNT_FAILED);
    }
    job.tell(texts.syncingTo(source, target));
  }
  if (job.failure('launch') === 'mount') throw new SkyError('CommandError', texts.MOUNT_FAILED);
  job.tell(texts.SYNCED_MOUNTS + texts.payload('exit'));
}

function autostopOf({ resources }: Task): Partial<ClusterRecord> {
  const wish = resources['autostop'];
  if (wish === undefined || wish === false) return {};
  if (typeof wish !== 'object' || wish === null) return { autostop: parseInt(text(wish) ?? '', 10), toDown: false };
  const { idle_minutes, down } = wish as { readonly idle_minutes?: number; readonly down?: boolean };
  return { autostop: idle_minutes ?? 5, toDown: down === true };
}
