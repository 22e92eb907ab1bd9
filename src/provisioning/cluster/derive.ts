/**
 * What the cluster is, going by what SkyPilot says of it. Pure. SkyPilot decides; our own operation says only what is being
 * done, and an error of ours stands until SkyPilot says something else than it did when that error came up.
 */
import type { Cluster, ClusterStatus } from '../../protocol/cluster.ts';
import type { ErrorInfo } from '../../protocol/errors.ts';
import type { ClusterKind } from '../operations/handler.ts';
import type { ClusterRow } from '../store/cluster.ts';
import { costAt, countCost, diskPricePerHour } from './cost.ts';
import { describeMachine, dollars } from './resource.ts';
import type { SkyRecord, SkyRequest, SkyVerb } from './sky/sky.ts';
import { STATUS_DURING } from './state-machine.ts';

/** GB, where the launch did not say. */
const DEFAULT_DISK_GB = 100;
/** SkyPilot's words where machines are missing, stopped or ill (ABNORMAL_STATUS_REASON_PREFIX of its global_user_state). */
const ABNORMAL = 'Cluster is abnormal because';
/** SkyPilot's words after `sky stop` or `sky down` (its core._user_action_event_reason). */
const BY_USER = /^Cluster was (stopped|terminated) by user/;

/** What was heard at one moment. `operation` is ours that runs then. */
export interface Observation {
  readonly record: SkyRecord | undefined;
  readonly requests: readonly SkyRequest[];
  readonly operation: ClusterKind | undefined;
  readonly now: string;
}

/** The row after an observation. */
export function derive(row: ClusterRow, seen: Observation): ClusterRow {
  const standing = standingError(row, seen);
  const status = statusOf(row, seen, standing);
  const error = status === 'error' ? (standing ?? abnormalError(row, seen.record)) : notYetJudged(row, seen);
  const told = { ...row, ...factsOf(row, seen.record), status, error, observed_at: seen.now, unreachable: null };
  const billed = billedFor(seen);
  const next = { ...told, billed, note: noteOf(row, seen, status) };
  const changed = billed !== row.billed || priceChanged(row, next);
  const counted = changed ? { ...next, ...costOf(row, seen.now) } : next;
  return status === 'no_server' ? emptied(counted) : counted;
}

/** SkyPilot's word for the state; `NONE` where it has no record. */
export function skyWord(record: SkyRecord | undefined): string {
  return record?.status ?? 'NONE';
}

/** The error of an operation that failed, for as long as nothing has changed since. */
function standingError({ error }: ClusterRow, { record, requests, operation }: Observation): ErrorInfo | null {
  if (error?.details?.['verb'] === undefined || operation !== undefined || requests.length > 0) return null;
  const then = { left: error.details['left'], launched_at: error.details['launched_at'] };
  const now = { left: skyWord(record), launched_at: record?.launchedAt ?? null };
  // The first observation after the failure says what it left.
  if (then.left === undefined) return { ...error, details: { ...error.details, ...now } };
  return then.left === now.left && then.launched_at === now.launched_at ? error : null;
}

function statusOf(row: ClusterRow, seen: Observation, standing: ErrorInfo | null): ClusterStatus {
  const { record, requests, operation } = seen;
  const isSync = operation === 'cluster.sync';
  if (operation !== undefined && !isSync) return STATUS_DURING[operation];
  const works = (...verbs: SkyVerb[]): boolean => requests.some(({ verb }) => verbs.includes(verb));
  if (works('down')) return 'destroying';
  if (works('stop')) return 'stopping';
  // Mounting files on a server that runs is a launch to SkyPilot.
  if (!isSync && (works('launch', 'start') || record?.status === 'PENDING')) return 'provisioning';
  if (standing !== null) return 'error';
  if (record === undefined) return 'no_server';
  const plain: Readonly<Record<SkyRecord['status'], ClusterStatus>> = {
    UP: 'running',
    STOPPED: 'stopped',
    AUTOSTOPPING: record.toDown ? 'destroying' : 'stopping',
    PENDING: 'provisioning',
    INIT: isSync ? row.status : 'error',
  };
  return plain[record.status];
}

/** The error of an operation that failed a moment ago, while SkyPilot still ends what was asked of it. */
function notYetJudged({ error }: ClusterRow, { requests, operation }: Observation): ErrorInfo | null {
  const isNew = error?.details?.['verb'] !== undefined && error.details['left'] === undefined;
  return isNew && operation === undefined && requests.length > 0 ? error : null;
}

function abnormalError(row: ClusterRow, record: SkyRecord | undefined): ErrorInfo {
  const reason = record?.lastEvent?.split('\n')[0]?.trim() ?? '';
  const said = reason === '' ? '' : ` SkyPilot says: ${/[.!?]$/.test(reason) ? reason : `${reason}.`}`;
  const what = `The server "${row.name}" is only half there.${said}`;
  const advice = 'A machine may be billed. Launch it again to mend it, or destroy it.';
  return { code: 'UNAVAILABLE', message: `${what} ${advice}` };
}

function factsOf(row: ClusterRow, record: SkyRecord | undefined): Partial<ClusterRow> {
  if (record === undefined) return { ip: null, stops_at: null };
  const { cloud, region, zone, instanceType, useSpot, launchedAt, autostopMinutes } = record;
  const isOther = cloud !== row.cloud || region !== row.region || instanceType !== row.instance_type;
  const disk = diskPricePerHour(cloud, row.config.disk_size ?? DEFAULT_DISK_GB);
  return {
    cloud,
    region,
    zone,
    instance_type: instanceType,
    use_spot: useSpot,
    launched_at: launchedAt,
    autostop_minutes: autostopMinutes,
    ip: record.status === 'STOPPED' ? null : record.ip,
    disk_price_per_hour: disk,
    // The price of the machine is looked up again for another one.
    ...(isOther && row.instance_type !== null && { price_per_hour: null }),
    ...(record.status !== 'UP' && { stops_at: null }),
  };
}

/** SkyPilot writes its record before it asks a cloud for anything. */
function billedFor({ record }: Observation): Cluster['billed'] {
  if (record === undefined) return 'nothing';
  if (record.status === 'STOPPED') return 'disk';
  return record.status === 'INIT' && (record.lastEvent ?? '').startsWith(ABNORMAL) ? 'unknown' : 'machine';
}

function priceChanged(before: ClusterRow, after: ClusterRow): boolean {
  return before.price_per_hour !== after.price_per_hour || before.disk_price_per_hour !== after.disk_price_per_hour;
}

function costOf(row: ClusterRow, now: string): Pick<ClusterRow, 'cost' | 'cost_at'> {
  const { cost, cost_at } = countCost(row, now);
  return { cost, cost_at };
}

/** What is known of a server that is gone: its wish, and the line that says how it went. */
function emptied(row: ClusterRow): ClusterRow {
  const gone = { cloud: null, region: null, zone: null, instance_type: null, ip: null, launched_at: null };
  const costless = {
    price_per_hour: null,
    disk_price_per_hour: null,
    billed: 'nothing',
    cost: 0,
    cost_at: null,
  } as const;
  const unused = { synced_at: null, activity_at: null, stops_at: null, autostop_minutes: null, use_spot: false };
  return { ...row, ...gone, ...costless, ...unused };
}

const AUTOSTOPS = 'SkyPilot stops the server by itself: nothing was running on it.';
const AUTODESTROYS = 'SkyPilot destroys the server by itself: nothing was running on it.';

/** The line on what happened behind our back; null where nothing did. */
function noteOf(row: ClusterRow, seen: Observation, status: ClusterStatus): string | null {
  const { record, operation } = seen;
  if (status === row.status && record?.status !== 'AUTOSTOPPING') return row.note;
  if (operation !== undefined) return null;
  if (record?.status === 'AUTOSTOPPING') return status === 'destroying' ? AUTODESTROYS : AUTOSTOPS;
  if (status === 'stopped') return stoppedNote(row, record);
  if (status === 'no_server') return goneNote(row, seen.now);
  return null;
}

function stoppedNote(row: ClusterRow, record: SkyRecord | undefined): string {
  if (row.note === AUTOSTOPS) return 'SkyPilot stopped the server by itself: nothing was running on it.';
  if (BY_USER.test(record?.lastEvent ?? '') || row.status === 'stopping') {
    return 'The server was stopped by SkyPilot’s own command, not by Carapace.';
  }
  const how = row.autostop_minutes === null ? 'in the cloud’s console or by the cloud' : 'by autostop or in the cloud';
  return `The server was stopped ${how}, not by Carapace.`;
}

function goneNote(row: ClusterRow, now: string): string {
  const what = `The server "${row.name}" (${describeMachine(row)}) is gone`;
  const cost = costAt(row, Date.parse(now));
  const spent = cost === null ? '' : ` It has cost about ${dollars(cost)} since its launch.`;
  if (row.note === AUTODESTROYS)
    return `${what}: SkyPilot destroyed it by itself, for nothing was running on it.${spent}`;
  if (row.status === 'destroying')
    return `${what}: it was destroyed by SkyPilot’s own command, not by Carapace.${spent}`;
  const cause = row.use_spot
    ? 'the cloud took the Spot machine back, or it was destroyed elsewhere'
    : 'it was destroyed in the cloud’s console, in another terminal or by the cloud';
  return `${what}: ${cause}.${spent}`;
}
