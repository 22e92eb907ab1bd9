/**
 * SkyPilot's price lists: `~/.sky/catalogs/vN/CLOUD/vms.csv`, which it downloads when a cloud is first used and refreshes
 * every few hours. One row per instance type and zone (`sky/catalog/common.py`).
 */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Offer } from '../../../protocol/cluster.ts';
import { isDefaultType, spelledCloud } from './clouds.ts';
import type { Environment } from './environment.ts';

/** Cores and GiB: `4`, or `4+` for at least 4. No clouds: all that SkyPilot has a catalog of. */
export interface Wish {
  readonly clouds: readonly string[];
  readonly cpus: string;
  readonly memory: string;
}

/** The folder of the newest catalogs; undefined where SkyPilot has none yet. */
async function catalogFolder(environment: Environment): Promise<string | undefined> {
  const home = environment['SKY_RUNTIME_DIR'] ?? environment['HOME'];
  if (home === undefined) return undefined;
  const folder = join(home, '.sky', 'catalogs');
  const names = await readdir(folder).catch(() => []);
  const versions = names.flatMap((name) => /^v(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  return versions.length === 0 ? undefined : join(folder, `v${Math.max(...versions)}`);
}

/** The clouds among these that SkyPilot has no catalog of. */
export async function missingCatalogs(clouds: readonly string[], environment: Environment): Promise<string[]> {
  const folder = await catalogFolder(environment);
  const there = new Set(folder === undefined ? [] : await readdir(folder).catch(() => []));
  return clouds.map((name) => name.toLowerCase()).filter((name) => !there.has(name));
}

/**
 * What clouds offer, one per type and region: first what SkyPilot would choose by itself, then the rest, each the cheapest
 * first. A catalog that is missing or unreadable offers nothing.
 */
export async function readOffers(wish: Wish, environment: Environment, signal: AbortSignal): Promise<Offer[]> {
  const folder = await catalogFolder(environment);
  if (folder === undefined) return [];
  const offers: Offer[] = [];
  const clouds = wish.clouds.length > 0 ? wish.clouds : await readdir(folder).catch(() => []);
  for (const cloud of new Set(clouds.map((name) => name.toLowerCase()))) {
    offers.push(...(await readCatalog(join(folder, cloud, 'vms.csv'), cloud, wish, signal)));
  }
  return offers.sort(byChoice);
}

function byChoice(a: Offer, b: Offer): number {
  const rank = (offer: Offer): number => (isDefaultType(offer.cloud, offer.instance_type) ? 0 : 1);
  return rank(a) - rank(b) || priceOf(a) - priceOf(b) || a.region.localeCompare(b.region);
}

function priceOf(offer: Offer): number {
  return offer.price_per_hour ?? offer.spot_price_per_hour ?? Infinity;
}

async function readCatalog(path: string, cloud: string, wish: Wish, signal: AbortSignal): Promise<Offer[]> {
  const offers = new Map<string, Offer>();
  const input = createReadStream(path, { encoding: 'utf8', signal });
  let columns: Map<string, number> | undefined;
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      const cells = csvCells(line);
      if (columns === undefined) columns = new Map(cells.map((cell, index) => [cell, index]));
      else addRow(offers, offerOf(cells, columns, cloud), wish);
    }
  } catch {
    signal.throwIfAborted();
  } finally {
    input.destroy();
  }
  return [...offers.values()];
}

function addRow(offers: Map<string, Offer>, offer: Offer | undefined, wish: Wish): void {
  if (offer === undefined || !suffices(offer.cpus, wish.cpus) || !suffices(offer.memory_gb, wish.memory)) return;
  const key = `${offer.instance_type} ${offer.region}`;
  const other = offers.get(key);
  offers.set(key, {
    ...offer,
    price_per_hour: lower(offer.price_per_hour, other?.price_per_hour),
    spot_price_per_hour: lower(offer.spot_price_per_hour, other?.spot_price_per_hour),
  });
}

function offerOf(cells: readonly string[], columns: ReadonlyMap<string, number>, cloud: string): Offer | undefined {
  const cell = (name: string): string => cells[columns.get(name) ?? -1] ?? '';
  const cpus = amount(cell('vCPUs'));
  const memory = amount(cell('MemoryGiB'));
  const instanceType = cell('InstanceType');
  const price = amount(cell('Price'));
  const spotPrice = amount(cell('SpotPrice'));
  if (instanceType === '' || cpus === null || memory === null || (price === null && spotPrice === null))
    return undefined;
  return {
    cloud: spelledCloud(cloud),
    region: cell('Region'),
    instance_type: instanceType,
    cpus,
    memory_gb: memory,
    price_per_hour: price,
    spot_price_per_hour: spotPrice,
  };
}

function amount(text: string): number | null {
  const value = Number(text);
  return text.trim() === '' || !Number.isFinite(value) || value < 0 ? null : value;
}

function suffices(has: number, wished: string): boolean {
  const wants = Number.parseFloat(wished);
  return wished.endsWith('+') ? has >= wants : has === wants;
}

function lower(a: number | null, b: number | null | undefined): number | null {
  if (a === null) return b ?? null;
  return b === null || b === undefined ? a : Math.min(a, b);
}

/** The cells of a line; a quoted one may hold commas and doubled quotes. */
export function csvCells(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  const cells: string[] = [];
  for (let at = 0; at <= line.length;) {
    const quoted = /^"((?:[^"]|"")*)"(?=,|$)/.exec(line.slice(at));
    const end = line.indexOf(',', at);
    const length = quoted === null ? (end === -1 ? line.length : end) - at : quoted[0].length;
    cells.push(quoted?.[1]?.replaceAll('""', '"') ?? line.slice(at, at + length));
    at += length + 1;
  }
  return cells;
}
