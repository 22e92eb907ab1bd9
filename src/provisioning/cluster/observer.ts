/** Keeps the cluster's row true: asks SkyPilot again and again, the more often the more somebody cares. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { CLUSTER_SUBJECT } from '../../protocol/cluster.ts';
import { CarapaceError } from '../../protocol/errors.ts';
import { timestamp } from '../clock.ts';
import type { ClusterKind } from '../operations/handler.ts';
import type { OperationJournal } from '../operations/journal.ts';
import type { Timing } from '../settings.ts';
import type { ClusterRow } from '../store/cluster.ts';
import type { ClusterRecords } from './cluster-records.ts';
import { countCost } from './cost.ts';
import { derive } from './derive.ts';
import { planLook, type Look } from './look-plan.ts';
import { newRow } from './resource.ts';
import type { SkyAccess } from './sky-access.ts';
import type { Sky, SkyRecord } from './sky/sky.ts';

const ADOPTED = 'This server was launched by SkyPilot’s own command, not by Carapace: no vaults are mounted on it.';

export interface ObserverOptions {
  readonly records: ClusterRecords;
  readonly journal: OperationJournal;
  readonly access: SkyAccess;
  readonly timing: Timing;
  readonly log: FastifyBaseLogger;
}

export class Observer {
  readonly #options: ObserverOptions;
  // Of a clock that nobody sets: by the time of day, a change of that would keep it from looking, or have it look for ever.
  #watchedUntil = -Infinity;
  #lookedAt = -Infinity;
  #refreshedAt = -Infinity;
  #wanted = false;
  #wake = new AbortController();
  /** Numbers of observations: an older one that ends later says nothing any more. */
  #begun = 0;
  #applied = 0;
  /** An operation whose result is in the row already. */
  #settled: string | undefined;
  readonly #priced = new Set<string>();

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /** Somebody looks at the cluster: it is observed more often for a while. */
  watch(now = performance.now()): void {
    this.#watchedUntil = now + this.#options.timing.watchedMs;
    this.#wake.abort();
  }

  /** Has the cloud asked as soon as possible. */
  poke(): void {
    this.#wanted = true;
    this.#wake.abort();
  }

  /** The operation has written its result: what is observed from now on is not under its way any more. */
  settle(operationId: string): void {
    this.#settled = operationId;
  }

  /** Observes until the signal ends it; what fails is logged. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const look = this.nextLook(performance.now());
      if (look.afterMs > 0) await this.#rest(look.afterMs, signal);
      else await this.#look(look, signal);
    }
  }

  /** What is to be looked at next, and when. @param now milliseconds of `performance.now()` */
  nextLook(now: number): Look {
    const facts = {
      now,
      status: this.#options.records.find()?.status ?? 'no_server',
      operation: this.#operation(),
      watched: now < this.#watchedUntil,
      wanted: this.#wanted,
      lookedAt: this.#lookedAt,
      refreshedAt: this.#refreshedAt,
    } as const;
    return planLook(facts, this.#options.timing);
  }

  /**
   * Asks SkyPilot now and writes what it says.
   * @param refresh has the cloud asked; without it SkyPilot's own record answers
   * @param name of the server; absent: of the one that is known
   * @throws what SkyPilot's adapter throws; the row then says that SkyPilot cannot be reached
   */
  async observe(sky: Sky, refresh: boolean, signal: AbortSignal, name?: string): Promise<SkyRecord | undefined> {
    this.#begun += 1;
    const number = this.#begun;
    const now = performance.now();
    this.#lookedAt = now;
    if (refresh) this.#refreshedAt = now;
    const { records } = this.#options;
    const asked = name ?? (records.find() ?? newRow({})).name;
    try {
      // Requests first: one that ends meanwhile is seen as ended later, and never as a failure.
      let requests = await sky.activeRequests(asked, signal);
      const record = await sky.status(asked, { refresh, signal });
      if (record?.status === 'INIT' && requests.length === 0) requests = await sky.activeRequests(asked, signal);
      if (number < this.#applied) return record;
      this.#applied = number;
      const row = this.#known(record);
      if (row?.name !== asked) return record;
      const put = records.put(derive(row, { record, requests, operation: this.#operation(), now: timestamp() }));
      await this.#findPrice(sky, put, signal);
      return record;
    } catch (error) {
      signal.throwIfAborted();
      this.#cannotReach(error);
      throw error;
    }
  }

  /** The row that the record belongs to: of a server that was launched elsewhere nothing is known but its name. */
  #known(record: SkyRecord | undefined): ClusterRow | undefined {
    const row = this.#options.records.find();
    const isKnown = (row?.status ?? 'no_server') !== 'no_server';
    if (record === undefined || isKnown || this.#operation() !== undefined) return row;
    const sky_path = row?.config.sky_path;
    return { ...newRow(sky_path === undefined ? {} : { sky_path }, record.name), note: ADOPTED, status: 'running' };
  }

  #operation(): ClusterKind | undefined {
    const running = this.#options.journal.runningOn(CLUSTER_SUBJECT).find(({ id }) => id !== this.#settled);
    return running?.kind as ClusterKind | undefined;
  }

  #cannotReach(error: unknown): void {
    const { records, log } = this.#options;
    log.info({ err: error }, 'SkyPilot cannot be asked for the server');
    if (records.find() === undefined) return;
    const message = error instanceof CarapaceError ? error.message : 'SkyPilot answered with something unexpected.';
    records.change({ unreachable: message });
  }

  async #look({ kind }: Look, signal: AbortSignal): Promise<void> {
    const { records, log } = this.#options;
    this.#wanted = false;
    const now = performance.now();
    this.#lookedAt = now;
    if (kind !== 'cache') this.#refreshedAt = now;
    const row = records.find();
    try {
      const sky = await this.#sky(row, signal);
      // Nobody's SkyPilot is started to learn that there is no server.
      if (kind === 'find' && !(await sky.isServing(signal))) return;
      await this.observe(sky, kind === 'refresh', signal);
      if (kind === 'find' && records.find()?.status !== row?.status) this.poke();
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error }, 'the server could not be observed');
    }
  }

  async #sky(row: ClusterRow | undefined, signal: AbortSignal): Promise<Sky> {
    try {
      return await this.#options.access.recent(row?.config.sky_path, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (row !== undefined && row.status !== 'no_server') this.#cannotReach(error);
      throw error;
    }
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    const ended = AbortSignal.any([signal, this.#wake.signal]);
    await sleep(Math.min(ms, MAX_REST_MS), undefined, { signal: ended }).catch(() => undefined);
  }

  /** Looks the machine's price up in SkyPilot's catalogs, once for each kind of machine. */
  async #findPrice(sky: Sky, row: ClusterRow, signal: AbortSignal): Promise<void> {
    const { cloud, region, instance_type, use_spot, price_per_hour } = row;
    if (cloud === null || instance_type === null || price_per_hour !== null) return;
    const key = [cloud, region, instance_type, use_spot].join(' ');
    if (this.#priced.has(key)) return;
    this.#priced.add(key);
    const price = await priceOf(sky, row, signal).catch(() => undefined);
    const now = this.#options.records.find();
    if (price === undefined || now?.instance_type !== instance_type || now.price_per_hour !== null) return;
    this.#options.records.put({ ...countCost(now, timestamp()), price_per_hour: price });
    // A later server of that kind has it looked up again: prices change.
    this.#priced.delete(key);
  }
}

const MAX_REST_MS = 3_600_000;

/** Dollars per hour of the row's machine; undefined where the catalogs have none. */
async function priceOf(sky: Sky, row: ClusterRow, signal: AbortSignal): Promise<number | undefined> {
  const { cloud, region, instance_type, use_spot } = row;
  if (cloud === null) return undefined;
  const offers = await sky.offers({ clouds: [cloud], cpus: '1+', memory: '1+' }, signal);
  const offer = offers.find((one) => one.instance_type === instance_type && (region === null || one.region === region));
  return (use_spot ? offer?.spot_price_per_hour : offer?.price_per_hour) ?? undefined;
}
