/** The cluster as it is told, out of its row. Pure. */
import { CLUSTER_DEFAULTS, type Cluster, type LaunchCluster, type VaultPaths } from '../../protocol/cluster.ts';
import type { ClusterRow } from '../store/cluster.ts';
import { costAt } from './cost.ts';
import { CLUSTER_VERBS, type ClusterState, type ClusterVerb } from './state-machine.ts';

/** A row for a server that is not there yet. */
export function newRow(config: LaunchCluster, name = config.name ?? CLUSTER_DEFAULTS.name): ClusterRow {
  return {
    name,
    status: 'no_server',
    config,
    cloud: null,
    region: null,
    zone: null,
    instance_type: null,
    ip: null,
    price_per_hour: null,
    disk_price_per_hour: null,
    autostop_minutes: null,
    use_spot: false,
    billed: 'nothing',
    launched_at: null,
    cost: 0,
    cost_at: null,
    error: null,
    note: null,
    request_id: null,
    asked: null,
    synced_at: null,
    activity_at: null,
    stops_at: null,
    observed_at: null,
    unreachable: null,
  };
}

/** @param now ms since 1970 */
export function toCluster(row: ClusterRow, now: number): Cluster {
  const { name, status, cloud, region, ip, launched_at, error, instance_type, price_per_hour } = row;
  const { disk_price_per_hour, autostop_minutes, use_spot, billed, note, stops_at } = row;
  const { synced_at, observed_at, unreachable } = row;
  const vaults = vaultsOf(row);
  return {
    name,
    status,
    cloud,
    region,
    ip,
    launched_at,
    error,
    instance_type,
    price_per_hour,
    disk_price_per_hour,
    cost: status === 'no_server' ? null : costAt(row, now),
    autostop_minutes,
    use_spot,
    ssh_host: status === 'running' ? name : null,
    billed,
    note,
    stops_at,
    vaults: { public: vaults.public ?? null, private: vaults.private ?? null },
    synced_at,
    observed_at,
    unreachable,
  };
}

export function vaultsOf({ config }: Pick<ClusterRow, 'config'>): VaultPaths {
  return config.vaults ?? {};
}

/** The verb whose failure the row's error tells. */
export function failedVerb({ error }: Pick<ClusterRow, 'error'>): ClusterVerb | undefined {
  return CLUSTER_VERBS.find((verb) => verb === error?.details?.['verb']);
}

export function stateOf(row: ClusterRow | undefined): ClusterState {
  if (row === undefined) return { name: CLUSTER_DEFAULTS.name, status: 'no_server', failed: undefined };
  return { name: row.name, status: row.status, failed: failedVerb(row) };
}

/** Such as `m6i.large in aws us-east-1`; `a machine` where nothing is known of it. */
export function describeMachine({ cloud, region, instance_type }: ClusterRow): string {
  const place = [cloud, region].filter((part) => part !== null).join(' ');
  return `${instance_type ?? 'a machine'}${place === '' ? '' : ` in ${place}`}`;
}

/** Such as `$1.25`. */
export function dollars(amount: number): string {
  return `$${amount.toFixed(2)}`;
}
