/** What SkyPilot does for the other verbs. */
import { CLOUDS } from './behaviour.ts';
import { setMachineState, type Machine } from './cloud.ts';
import { machineOf, type Job } from './job.ts';
import { putRecord, readRecords, removeRecord, restRow, unixSeconds, USER, type ClusterRecord } from './records.ts';
import { SkyError } from './requests.ts';
import { removeSshEntry } from './ssh-entry.ts';
import * as texts from './texts.ts';

/** A status that was refreshed so short a time ago is not asked for again by `AUTO`, in seconds. */
const CACHED_SECONDS = 2;

export async function stop(job: Job): Promise<null> {
  const { cloud, spot } = job.record();
  const failure = job.failure('stop');
  job.change({ lastEvent: `Cluster was stopped by user ${USER.name} (request ID: ${job.request.id}).` });
  await job.phase('stop');
  refuseExpired(job, 'stop');
  if (failure === 'unsupported' || spot) {
    const told = `\u001b[33mStopping cluster '${job.cluster}'... skipped.\u001b[0m\n  ${texts.stopUnsupported(cloud, spot)}.\n  To terminate the cluster instead, run: \u001b[1msky down ${job.cluster}`;
    throw new SkyError('NotSupportedError', told);
  }
  if (failure === 'not_done') return null;
  const machine = job.machine();
  if (machine !== undefined) setMachineState(job.folder, machine.id, 'stopped');
  putRecord(job.folder, asStopped(job.record()));
  removeSshEntry(job.home, job.cluster);
  return null;
}

export async function down(job: Job): Promise<null> {
  const purge = job.request.facts.body['purge'] === true;
  job.record();
  job.change({ lastEvent: `Cluster was terminated by user ${USER.name} (request ID: ${job.request.id}).` });
  await job.phase('down');
  if (!purge) refuseExpired(job, 'down');
  if (job.failure('down') === 'not_done') return null;
  const machine = job.machine();
  const reachable = job.failure('down') !== 'expired';
  if (machine !== undefined && reachable) setMachineState(job.folder, machine.id, 'terminated');
  removeRecord(job.folder, job.cluster);
  removeSshEntry(job.home, job.cluster);
  return null;
}

export async function autostop(job: Job): Promise<null> {
  const { idle_minutes, down: toDown } = job.request.facts.body;
  const record = job.record();
  const minutes = Number(idle_minutes);
  await job.phase('autostop');
  if (record.status !== 'UP') {
    const told = `\u001b[33mScheduling autostop on cluster '${job.cluster}'... skipped (status: ${record.status}).\u001b[0m`;
    throw new SkyError('ClusterNotUpError', told);
  }
  if (job.failure('autostop') === 'not_done') return null;
  if (minutes >= 0 && toDown !== true && (record.spot || job.failure('stop') === 'unsupported')) {
    throw new SkyError('NotSupportedError', `Autostop is not supported on ${record.cloud} - see reason above.`);
  }
  job.change({ autostop: minutes < 0 ? -1 : minutes, toDown: toDown === true });
  return null;
}

export async function check(job: Job): Promise<Record<string, Record<string, string[]>>> {
  await job.phase('check');
  const all = job.behaviour.clouds ?? CLOUDS;
  job.tell(texts.checked(all));
  const clouds = Object.entries(all).filter(([, state]) => state === true);
  return { default: Object.fromEntries(clouds.map(([name]) => [name, ['compute', 'storage']])) };
}

/** @param isLaunching whether a launch runs on a cluster: it is not refreshed then */
export async function status(job: Job, isLaunching: (name: string) => boolean): Promise<Record<string, unknown>[]> {
  const { cluster_names, refresh } = job.request.facts.body;
  const names = Array.isArray(cluster_names) ? cluster_names : undefined;
  const wanted = (): ClusterRecord[] => readRecords(job.folder).filter(({ name }) => names?.includes(name) ?? true);
  await job.phase('status');
  const due = wanted().filter((record) => refresh === 'FORCE' || (refresh === 'AUTO' && isStale(record)));
  if (due.length > 0) await job.phase('refresh');
  if (job.failure('refresh') !== 'expired') {
    for (const { name } of due) if (!isLaunching(name)) refreshRecord(job, name);
  } else if (due.length > 0) {
    for (const { name } of due) job.tell(texts.refreshFailed(name));
  }
  return wanted().map((record) => restRow(record, machineOf(job.folder, record.name)));
}

function isStale(record: ClusterRecord): boolean {
  const { spot, status: state, autostop: minutes, updatedAt } = record;
  const changesByItself = spot || state === 'AUTOSTOPPING' || (state !== 'STOPPED' && minutes >= 0);
  return changesByItself && unixSeconds() - updatedAt >= CACHED_SECONDS;
}

/** What the cloud says decides. */
function refreshRecord(job: Job, name: string): void {
  const record = readRecords(job.folder).find((one) => one.name === name);
  if (record === undefined) return;
  const machine = machineOf(job.folder, name);
  const next = seen(record, machine);
  if (next === undefined) removeRecord(job.folder, name);
  else putRecord(job.folder, { ...next, updatedAt: unixSeconds() });
  if (next?.status !== 'UP' && machine?.state !== 'running') removeSshEntry(job.home, name);
}

function seen(record: ClusterRecord, machine: Machine | undefined): ClusterRecord | undefined {
  if (machine === undefined) return undefined;
  if (machine.state === 'stopped') {
    const lastEvent = 'All nodes stopped, cleaning up the cluster.';
    return record.status === 'STOPPED' ? record : { ...asStopped(record), lastEvent };
  }
  if (machine.state === 'autostopping') {
    const lastEvent = `Cluster is ${record.toDown ? 'autodowning' : 'autostopping'}.`;
    return { ...record, status: 'AUTOSTOPPING', lastEvent };
  }
  if (machine.state === 'running' && (record.status === 'UP' || record.status === 'AUTOSTOPPING')) {
    return asUp(record);
  }
  if (record.status === 'INIT' && machine.prepared && machine.state === 'running') return asUp(record);
  if (record.status === 'INIT') return { ...record, launching: false };
  const lastEvent =
    'Cluster is abnormal because Ray cluster is unhealthy. Transitioned to INIT (details: cluster is unhealthy).';
  return { ...record, status: 'INIT', launching: false, autostop: -1, lastEvent };
}

function asUp(record: ClusterRecord): ClusterRecord {
  const lastEvent = 'All nodes up; SkyPilot runtime healthy.';
  return { ...record, status: 'UP', launching: false, everUp: true, lastEvent };
}

function asStopped(record: ClusterRecord): ClusterRecord {
  const now = unixSeconds();
  const intervals = record.intervals.map(([from, to]) => [from, to ?? now] as const);
  return { ...record, status: 'STOPPED', launching: false, updatedAt: now, intervals };
}

function refuseExpired(job: Job, verb: 'stop' | 'down'): void {
  if (job.failure(verb) === 'expired') throw new SkyError('ClientError', texts.REQUEST_EXPIRED);
}
