/** How the cloud server looks in the tree. Pure. */
import { DEFAULT_CLUSTER_NAME, type Cluster, type ClusterStatus } from '../../protocol/cluster.ts';
import type { ConnectionKind } from './connection-status.ts';
import { formatAgo, formatMoment, formatPrice } from '../../client/format.ts';
import { ICON, type Fact, type Row, type RowIcon } from './nodes.ts';
import type { Translate } from '../../client/translate.ts';

/** `unknown`: no control plane has told of a server yet. The context key `carapace.serverStatus` has these values. */
export type ShownStatus = ClusterStatus | 'unknown';

/** What is known of the server, and what of it may be wrong. `now` is in milliseconds since 1970. */
export interface ServerContext {
  readonly cluster: Cluster | undefined;
  readonly status: ShownStatus;
  /** The control plane does not tell changes now. */
  readonly stale: boolean;
  /** The latest line of the operation that is under way. */
  readonly progress: string | undefined;
  readonly now: number;
  readonly t: Translate;
}

/** What the server's status permits; the manifest's `when` clauses read it. */
export const SERVER_FLAGS: Record<ShownStatus, readonly string[]> = {
  unknown: [],
  no_server: ['launchable'],
  provisioning: [],
  running: ['stoppable', 'destroyable', 'reachable'],
  stopping: [],
  stopped: ['startable', 'destroyable', 'reachable'],
  destroying: [],
  error: ['launchable', 'startable', 'stoppable', 'destroyable'],
};

/** States that end by themselves. */
const ON_THE_WAY: readonly ShownStatus[] = ['provisioning', 'stopping', 'destroying'];

/** What was seen longer ago than this, in milliseconds, is told with its time. */
export const OLD_MS = 30_000;

const STATUS_ICON: Record<ShownStatus, RowIcon> = {
  unknown: ICON.warning,
  no_server: ICON.stopped,
  provisioning: ICON.onTheWay,
  running: ICON.running,
  stopping: ICON.onTheWay,
  stopped: ICON.stopped,
  destroying: ICON.onTheWay,
  error: ICON.error,
};

/** The server's status while a control plane may not have told of it. Where none ever ran, there is no server. */
export function shownStatus(cluster: Cluster | undefined, connection: ConnectionKind): ShownStatus {
  return cluster?.status ?? (connection === 'absent' ? 'no_server' : 'unknown');
}

export function serverStatusText(status: ShownStatus, t: Translate): string {
  const texts: Record<ShownStatus, string> = {
    unknown: t('not known now'),
    no_server: t('no server'),
    provisioning: t('provisioning…'),
    running: t('running'),
    stopping: t('stopping…'),
    stopped: t('stopped'),
    destroying: t('destroying…'),
    error: t('error'),
  };
  return texts[status];
}

/** Whether there is something that is on the way, exists, or may exist. */
export function hasServer(status: ShownStatus): boolean {
  return status !== 'unknown' && status !== 'no_server';
}

/** What costs money now, in dollars per hour; undefined where nothing does or it is not known. */
export function priceNow(cluster: Cluster): number | undefined {
  const price = cluster.billed === 'machine' ? cluster.price_per_hour : null;
  const disk = cluster.billed === 'disk' ? cluster.disk_price_per_hour : null;
  return price ?? disk ?? undefined;
}

/** When SkyPilot was last heard, where that is too long ago for a state that should be true. */
export function oldObservation(cluster: Cluster, now: number): number | undefined {
  if (!hasServer(cluster.status) || ON_THE_WAY.includes(cluster.status) || cluster.observed_at === null)
    return undefined;
  const seen = Date.parse(cluster.observed_at);
  return now - seen > OLD_MS ? seen : undefined;
}

/** Whether the state that is shown may be out of date. */
export function isDoubtful({ cluster, status, stale, now }: ServerContext): boolean {
  if (cluster === undefined || !hasServer(status)) return stale && cluster !== undefined;
  return stale || cluster.unreachable !== null || oldObservation(cluster, now) !== undefined;
}

/** `aws us-east-1`; undefined where neither is known. */
export function placeText(cluster: Pick<Cluster, 'cloud' | 'region'>): string | undefined {
  const parts = [cluster.cloud?.toLowerCase() ?? null, cluster.region].filter((part) => part !== null);
  return parts.length === 0 ? undefined : parts.join(' ');
}

/** `running · aws us-east-1 · $0.19/h` */
function describe({ cluster, status, progress, now, t }: ServerContext): string {
  const parts = [serverStatusText(status, t)];
  if (cluster === undefined || !hasServer(status)) return parts.join('');
  const place = placeText(cluster);
  if (place !== undefined) parts.push(place);
  if (status === 'running') {
    if (cluster.price_per_hour !== null) parts.push(formatPrice(cluster.price_per_hour, t));
    if (cluster.use_spot) parts.push(t('Spot'));
  }
  if (status === 'stopped' && cluster.disk_price_per_hour !== null)
    parts.push(t('disk {0}', formatPrice(cluster.disk_price_per_hour, t)));
  if (ON_THE_WAY.includes(status) && progress !== undefined) parts.push(progress);
  const seen = oldObservation(cluster, now);
  if (seen !== undefined) parts.push(t('seen {0}', formatMoment(seen, now)));
  return parts.join(' · ');
}

/** @param busy whether an operation on the server is under way, which can be cancelled */
export function serverRow(context: ServerContext, busy: boolean): Row {
  const { cluster, status, t } = context;
  const name = cluster?.name ?? DEFAULT_CLUSTER_NAME;
  const description = describe(context);
  const spoken = t('Server {0}, {1}', name, description);
  const doubtful = isDoubtful(context);
  return {
    label: name,
    description,
    icon: doubtful ? ICON.warning : STATUS_ICON[status],
    flags: ['server', ...SERVER_FLAGS[status], ...(busy ? ['cancellable'] : [])],
    spoken: doubtful ? t('{0}, may be out of date', spoken) : spoken,
  };
}

export function serverFacts({ cluster, status, now, t }: ServerContext): Fact[] {
  const facts: Fact[] = [[t('Status'), serverStatusText(status, t)]];
  if (cluster === undefined) return facts;
  const place = placeText(cluster);
  if (place !== undefined) facts.push([t('Runs in'), place]);
  if (cluster.instance_type !== null)
    facts.push([t('Machine'), cluster.use_spot ? t('{0}, Spot', cluster.instance_type) : cluster.instance_type]);
  if (cluster.ip !== null) facts.push([t('Address'), cluster.ip]);
  if (cluster.ssh_host !== null) facts.push([t('SSH'), `ssh ${cluster.ssh_host}`]);
  if (cluster.launched_at !== null) facts.push([t('Launched'), formatMoment(cluster.launched_at * 1_000, now)]);
  facts.push([t('Billed now'), billedText(cluster, t)]);
  if (cluster.observed_at !== null) {
    const seen = Date.parse(cluster.observed_at);
    facts.push([t('Seen'), t('{0}, {1}', formatMoment(seen, now), formatAgo(now - seen, t))]);
  }
  if (cluster.unreachable !== null) facts.push([t('SkyPilot'), cluster.unreachable]);
  if (cluster.error !== null) facts.push([t('Error'), cluster.error.message]);
  return facts;
}

/** What costs money now, in words. */
export function billedText(cluster: Cluster, t: Translate): string {
  const price = priceNow(cluster);
  const amount = price === undefined ? '' : ` (${formatPrice(price, t)})`;
  switch (cluster.billed) {
    case 'machine':
      return t('the machine and its disk{0}', amount);
    case 'disk':
      return t('the disk alone{0}', amount);
    case 'nothing':
      return t('nothing');
    case 'unknown':
      return t('not known: look at the console of the cloud');
  }
}
