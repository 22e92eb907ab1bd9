/** What the server costs. Pure. All prices are in dollars. */
import type { Cluster } from '../../protocol/cluster.ts';
import type { ClusterRow } from '../store/cluster.ts';

const MS_PER_HOUR = 3_600_000;
/** As clouds count it. */
const HOURS_PER_MONTH = 730;

/**
 * List prices of the disks that SkyPilot takes where nothing else is asked, per GB and month in the cloud's first region of
 * the United States: AWS gp3 (us-east-1), GCP pd-balanced (us-central1), Azure Premium SSD P10 (East US, $19.71 for
 * 128 GB). From the clouds' public price pages; regions differ by some tenths. SkyPilot's catalogs have no prices of disks.
 */
const DISK_PRICE_PER_GB_MONTH: Readonly<Record<string, number>> = { aws: 0.08, gcp: 0.1, azure: 0.154 };

/** Dollars per hour for a disk; null where the cloud's price is not known. */
export function diskPricePerHour(cloud: string | null, diskGb: number): number | null {
  const price = cloud === null ? undefined : DISK_PRICE_PER_GB_MONTH[cloud.toLowerCase()];
  return price === undefined ? null : (price * diskGb) / HOURS_PER_MONTH;
}

type Priced = Pick<ClusterRow, 'billed' | 'price_per_hour' | 'disk_price_per_hour' | 'cost' | 'cost_at'>;

/** Dollars per hour now. Where it cannot be known whether the machine is billed, it counts. */
export function pricePerHourNow({ billed, price_per_hour, disk_price_per_hour }: Priced): number {
  const disk = disk_price_per_hour ?? 0;
  const perHour: Readonly<Record<Cluster['billed'], number>> = {
    machine: (price_per_hour ?? 0) + disk,
    unknown: (price_per_hour ?? 0) + disk,
    disk,
    nothing: 0,
  };
  return perHour[billed];
}

/** Dollars since the launch, until `now` (ms since 1970); null where no price is known. */
export function costAt(row: Priced, now: number): number | null {
  if (row.price_per_hour === null && row.disk_price_per_hour === null && row.cost === 0) return null;
  const hours = row.cost_at === null ? 0 : Math.max(0, now - Date.parse(row.cost_at)) / MS_PER_HOUR;
  return row.cost + hours * pricePerHourNow(row);
}

/** The row with its cost counted until `now`, so that other prices may hold from then on. */
export function countCost<T extends Priced>(row: T, now: string): T {
  return { ...row, cost: costAt(row, Date.parse(now)) ?? 0, cost_at: now };
}
