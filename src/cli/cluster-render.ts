/** The cloud server as a person reads it. Pure. */
import {
  CLUSTER_DEFAULTS,
  REMOTE_DATA_FOLDER,
  VAULTS,
  type Cluster,
  type ClusterCheck,
  type FileList,
  type LaunchCluster,
  type LaunchPlan,
  type Offer,
  type ServerChange,
  type VaultReport,
} from '../protocol/cluster.ts';
import { localTime, table } from './render.ts';

/** A state that was seen longer ago than this is shown with its time. Milliseconds. */
export const FRESH_MS = 30_000;
/** Files of a list that are named; the others are counted. */
const NAMED_FILES = 10;

type Fact = readonly [label: string, value: string];

/** All of the cluster, a line for each fact. @param now in milliseconds since 1970 */
export function clusterFacts(cluster: Cluster, now: number): string {
  if (cluster.status === 'no_server') return noServer(cluster);
  return lines([
    ['Server', cluster.name],
    ['State', cluster.status + age(cluster, now)],
    ['Where', place(cluster)],
    ['Machine', machine(cluster)],
    ['IP', cluster.ip],
    ['SSH', cluster.ssh_host === null ? null : 'carapace cluster ssh'],
    ['Price', price(cluster)],
    ['Cost', cost(cluster)],
    ['Billed now', BILLED[cluster.billed]],
    ['Autostop', autostop(cluster)],
    ...VAULTS.map((vault) => [`Vault ${vault}`, cluster.vaults[vault]] as const),
    ['Synced', cluster.synced_at === null ? null : localTime(cluster.synced_at)],
    ['Note', cluster.note],
    ['Error', cluster.error?.message ?? null],
    ['SkyPilot', unreachable(cluster)],
  ]);
}

function noServer(cluster: Cluster): string {
  const told = [cluster.note, unreachable(cluster)].filter((line) => line !== null);
  return ['No server. Launch one: carapace cluster launch', ...told].join('\n');
}

function unreachable(cluster: Cluster): string | null {
  return cluster.unreachable === null ? null : `cannot be asked: ${cluster.unreachable}`;
}

/** One line: name, state, place, address, price. */
export function clusterSummary(cluster: Cluster): string {
  if (cluster.status === 'no_server') return `Server "${cluster.name}": there is none.`;
  const facts = [cluster.status, place(cluster), cluster.ip, price(cluster)].filter((fact) => fact !== null);
  return `Server "${cluster.name}": ${facts.join(', ')}`;
}

/** ` (as of 14:02)` where what is shown was seen too long ago. */
function age({ observed_at: observedAt }: Cluster, now: number): string {
  if (observedAt === null) return '';
  const seen = Date.parse(observedAt);
  if (now - seen <= FRESH_MS) return '';
  const time = localTime(observedAt);
  const [, clock = time] = time.split(' ');
  // A time of another day says so.
  const today = localTime(new Date(now).toISOString()).split(' ')[0];
  return ` (as of ${time.startsWith(`${today ?? ''} `) ? clock : time})`;
}

function place({ cloud, region }: Cluster): string | null {
  const known = [cloud, region].filter((word) => word !== null);
  return known.length === 0 ? null : known.join(' ');
}

function machine({ instance_type: type, use_spot: spot }: Cluster): string | null {
  if (type === null) return spot ? 'Spot' : null;
  return spot ? `${type}, Spot` : type;
}

function price({ price_per_hour: hour, disk_price_per_hour: disk }: Cluster): string | null {
  if (hour === null) return null;
  return disk === null ? `${dollars(hour)}/h` : `${dollars(hour)}/h, and ${dollars(disk)}/h for its disk`;
}

function cost({ cost: spent, launched_at: launchedAt }: Cluster): string | null {
  if (spent === null) return null;
  const since = launchedAt === null ? '' : ` since ${localTime(new Date(launchedAt * 1000).toISOString())}`;
  return `about ${dollars(spent)}${since}`;
}

const BILLED: Readonly<Record<Cluster['billed'], string>> = {
  machine: 'the machine and its disk',
  disk: 'the disk',
  nothing: 'nothing',
  unknown: 'not known',
};

function autostop({ autostop_minutes: minutes, stops_at: stopsAt }: Cluster): string | null {
  if (minutes === null) return null;
  const when = minutes === 0 ? 'never' : `after ${count(minutes, 'idle minute')}`;
  return stopsAt === null ? when : `${when}; nobody works with it: it is stopped at ${localTime(stopsAt)}`;
}

/** Dollars with as many digits as tell something: `$0.19`, `$0.0042`. */
export function dollars(amount: number): string {
  if (amount === 0 || amount >= 0.01) return `$${amount.toFixed(2)}`;
  return `$${amount.toFixed(4)}`;
}

/** Which clouds can be used, and why the others cannot. */
export function checkReport(check: ClusterCheck): string {
  if (!check.sky_installed) return skyMissing(check);
  const head = `SkyPilot ${check.sky_version ?? '(version not known)'}`;
  const rows = [
    ...check.enabled_clouds.map((cloud) => [cloud, 'yes', '']),
    ...Object.entries(check.disabled_clouds).map(([cloud, reason]) => [cloud, 'no', oneLine(reason)]),
  ];
  const parts = [head, ...(rows.length === 0 ? [] : [table(['CLOUD', 'USABLE', 'REASON'], rows)])];
  if (check.enabled_clouds.length === 0) parts.push(rows.length === 0 ? (check.reason ?? NO_CLOUD) : NO_CLOUD);
  return parts.join('\n');
}

const NO_CLOUD = 'No cloud can be used. Set up the credentials of one, and check again.';

function skyMissing({ sky_version: version, reason, install_command: command }: ClusterCheck): string {
  const absent = version === null && reason?.startsWith(NOT_INSTALLED) !== true;
  const said = absent ? `${NOT_INSTALLED}${reason === null ? '.' : `: ${reason}`}` : (reason ?? '');
  return command === null || said.includes(command) ? said : `${said}\nInstall it: ${command}`;
}

const NOT_INSTALLED = 'SkyPilot not installed';

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** What a launch would make and cost, and what it would copy. */
export function planReport(wish: LaunchCluster, plan: LaunchPlan): string {
  const minutes = wish.autostop_minutes ?? CLUSTER_DEFAULTS.autostop_minutes;
  const facts = lines([
    ['Server', wish.name ?? CLUSTER_DEFAULTS.name],
    ['Machine', plan.offer === null ? 'as SkyPilot chooses' : offerText(plan.offer, wish.use_spot === true)],
    ['Price', planPrice(plan)],
    ['Disk', diskText(wish.disk_size ?? CLUSTER_DEFAULTS.disk_size, plan.disk_price_per_hour)],
    ['Autostop', minutes === 0 ? 'never: it runs until somebody stops it' : `after ${count(minutes, 'idle minute')}`],
    ...plan.vaults.map((vault) => [`Vault ${vault.vault}`, vaultText(vault)] as const),
  ]);
  const problems = plan.vaults.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  return [facts, ...problems, ...plan.warnings].join('\n');
}

function offerText({ cloud, region, instance_type: type, cpus, memory_gb: memory }: Offer, spot: boolean): string {
  return `${cloud} ${region}, ${type}${spot ? ' (Spot)' : ''}: ${count(cpus, 'core')}, ${memory} GiB`;
}

function planPrice({ price_per_hour: hour }: LaunchPlan): string {
  return hour === null ? 'not known before the launch' : `${dollars(hour)}/h while it runs`;
}

function diskText(gigabytes: number, hour: number | null): string {
  return `${gigabytes} GB${hour === null ? '' : `, ${dollars(hour)}/h, also while it is stopped`}`;
}

function vaultText({ vault, path, file_count: files, bytes }: VaultReport): string {
  return `${path} (${count(files, 'file')}, ${size(bytes)}) to ${REMOTE_DATA_FOLDER}/${vault}`;
}

/** The first files of a list, and how many more there are. */
export function named({ count: all, files }: FileList): string {
  const shown = files.slice(0, NAMED_FILES);
  const rest = all - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${count(rest, 'other')}` : shown.join(', ');
}

/** The files that were changed on the server; null where nobody could look. */
export function serverChangesReport(changes: readonly ServerChange[] | null): string {
  if (changes === null) return 'Whether files were changed on the server cannot be found out now.';
  const files = changes.map(({ vault, path, change, conflict }) => {
    const both = conflict ? ', and here, too' : '';
    return `  ${vault}/${path} (${change}${both})`;
  });
  return [
    `${count(changes.length, 'file was', 'files were')} changed on the server since the last sync:`,
    ...files,
  ].join('\n');
}

/** `1 file`, `2 files`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** Bytes as people say them. */
export function size(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** Facts below each other, the values aligned; those that are null are left out. */
function lines(facts: readonly (readonly [label: string, value: string | null])[]): string {
  const known = facts.filter((fact): fact is Fact => fact[1] !== null);
  const width = Math.max(...known.map(([label]) => label.length));
  return known.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join('\n');
}
