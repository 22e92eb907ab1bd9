/** The {@link Sky} of the real SkyPilot: REST first, its command line to launch and where REST is refused. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterCheck, Offer } from '../../../protocol/cluster.ts';
import { TimedOutError, UnavailableError } from '../../../protocol/errors.ts';
import { missingCatalogs, readOffers, type Wish } from './catalog.ts';
import { cloudsInResult, cloudsInText } from './check.ts';
import { canStop } from './clouds.ts';
import type { Coalesced } from './coalesced.ts';
import { SkyCommandLine } from './command-line.ts';
import type { Environment } from './environment.ts';
import { failIfNotRefreshed } from './errors.ts';
import { follow, type FollowTimes } from './follow.ts';
import { activeOn, isActive, recordOf } from './record.ts';
import { RestRefusedError, ServerAwayError, type Endpoint, type SkyRest } from './rest.ts';
import { startServer } from './server.ts';
import type { Sky, SkyLine, SkyOutcome, SkyRecord, SkyRequest } from './sky.ts';

/**
 * Milliseconds. A status takes 0.1 to 0.5 s, but the first one after the server's start took up to 60 s on a busy machine. A
 * refresh asks the cloud and runs commands on the machine, which took up to 10 s.
 */
const DEADLINES = { status: 90_000, refresh: 120_000, check: 120_000, autostop: 120_000, cancel: 30_000 } as const;
const CANCEL_POLL_MS = 250;
/** After a launch was given up: to find and cancel what SkyPilot took on all the same. */
const GIVEN_UP_DEADLINE_MS = 15_000;
/** How long an address serves, and how long one that was not found is not looked for again. */
const ADDRESS_MS = { found: 600_000, missing: 30_000 } as const;

/** What outlives one {@link SkyPilot}: starts of the server that are under way, and the addresses of clusters. */
export interface SkyMemory {
  readonly starts: Coalesced<void>;
  readonly addresses: Map<string, { readonly ip: string | null; readonly until: number }>;
}

export interface SkyParts {
  readonly command: string;
  readonly version: string;
  readonly environment: Environment;
  readonly endpoint: Endpoint;
  readonly rest: SkyRest;
  readonly memory: SkyMemory;
  readonly followTimes: FollowTimes;
}

export class SkyPilot implements Sky {
  readonly command: string;
  readonly version: string;
  readonly environment: Environment;
  readonly #parts: SkyParts;
  readonly #rest: SkyRest;
  readonly #cli: SkyCommandLine;

  constructor(parts: SkyParts) {
    this.command = parts.command;
    this.version = parts.version;
    this.environment = parts.environment;
    this.#parts = parts;
    this.#rest = parts.rest;
    this.#cli = new SkyCommandLine(parts.command, parts.environment);
  }

  isServing(signal: AbortSignal): Promise<boolean> {
    return this.#rest.isServing(signal);
  }

  check(signal: AbortSignal): Promise<Pick<ClusterCheck, 'enabled_clouds' | 'disabled_clouds'>> {
    return this.#either(
      signal,
      () => this.#checkByRest(signal),
      () => this.#cli.check(signal),
    );
  }

  async #checkByRest(signal: AbortSignal): Promise<Pick<ClusterCheck, 'enabled_clouds' | 'disabled_clouds'>> {
    const body = { clouds: null, verbose: false };
    const { value, printed } = await this.#rest.askTelling('/check', body, DEADLINES.check, signal);
    const told = cloudsInText(printed);
    return { enabled_clouds: cloudsInResult(value) ?? told.enabled_clouds, disabled_clouds: told.disabled_clouds };
  }

  async status(
    name: string,
    options: { readonly refresh: boolean; readonly signal: AbortSignal },
  ): Promise<SkyRecord | undefined> {
    const { refresh, signal } = options;
    const record = await this.#either(
      signal,
      async () => recordOf(name, await this.#statusRows(name, refresh, signal)),
      () => this.#cli.status(name, refresh, signal),
    );
    return record && { ...record, ip: await this.#address(record, signal) };
  }

  async #statusRows(name: string, refresh: boolean, signal: AbortSignal): Promise<unknown> {
    // Without the last two a row carries the private key and a pickle.
    const body = {
      cluster_names: [name],
      refresh: refresh ? 'FORCE' : 'NONE',
      all_users: true,
      include_credentials: false,
      include_handle: false,
    };
    if (!refresh) return this.#rest.ask('/status', body, DEADLINES.status, signal);
    const { value, printed } = await this.#rest.askTelling('/status', body, DEADLINES.refresh, signal);
    failIfNotRefreshed(printed);
    return value;
  }

  /** No row has it; it changes when the cluster is launched or started. */
  async #address(record: SkyRecord, signal: AbortSignal): Promise<string | null> {
    const { addresses } = this.#parts.memory;
    const cluster = `${this.#parts.endpoint.url} ${record.name} `;
    const key = `${cluster}${record.hash ?? ''} ${record.launchedAt ?? ''}`;
    for (const [other, { until }] of addresses) {
      const isOver =
        until <= performance.now() || (other.startsWith(cluster) && (other !== key || record.status !== 'UP'));
      if (isOver) addresses.delete(other);
    }
    if (record.status !== 'UP') return null;
    const known = addresses.get(key);
    if (known !== undefined) return known.ip;
    const ip = await this.#cli.address(record.name, signal).catch(() => {
      signal.throwIfAborted();
      return null;
    });
    addresses.set(key, { ip, until: performance.now() + (ip === null ? ADDRESS_MS.missing : ADDRESS_MS.found) });
    return ip;
  }

  activeRequests(name: string, signal: AbortSignal): Promise<readonly SkyRequest[]> {
    return this.#either(
      signal,
      async () => activeOn(name, await this.#rest.requests({ cluster: name }, signal)),
      () => this.#cli.activeRequests(name, signal),
    );
  }

  async launch(
    name: string,
    taskFile: string,
    options: { readonly fast?: boolean; readonly signal: AbortSignal },
  ): Promise<string> {
    const { fast = false, signal } = options;
    const before = await this.activeRequests(name, signal);
    try {
      return await this.#cli.launch(name, taskFile, fast, signal);
    } catch (error) {
      if (signal.aborted || error instanceof TimedOutError) await this.#cancelNewLaunches(name, before);
      throw error;
    }
  }

  /** The server may have heard a command that was ended: what it asked for costs money. */
  async #cancelNewLaunches(name: string, before: readonly SkyRequest[]): Promise<void> {
    const signal = AbortSignal.timeout(GIVEN_UP_DEADLINE_MS);
    try {
      for (const { id, verb } of await this.activeRequests(name, signal)) {
        const isNew = verb === 'launch' && before.every((request) => request.id !== id);
        if (isNew) await this.cancel(id, signal);
      }
    } catch {
      // The first error tells more; whoever looks at the status finds what is left.
    }
  }

  start(name: string, signal: AbortSignal): Promise<string> {
    return this.#post('/start', { cluster_name: name }, signal, () => this.#cli.start(name, signal));
  }

  stop(name: string, signal: AbortSignal): Promise<string> {
    return this.#post('/stop', { cluster_name: name }, signal, () => this.#cli.stop(name, signal));
  }

  down(name: string, options: { readonly purge?: boolean; readonly signal: AbortSignal }): Promise<string> {
    const { purge = false, signal } = options;
    return this.#post('/down', { cluster_name: name, purge }, signal, () => this.#cli.down(name, purge, signal));
  }

  #post(
    path: string,
    fields: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
    byCommandLine: () => Promise<string>,
  ): Promise<string> {
    return this.#either(signal, () => this.#rest.post(path, fields, signal), byCommandLine);
  }

  async autostop(name: string, minutes: number, down: boolean, signal: AbortSignal): Promise<void> {
    const body = { cluster_name: name, idle_minutes: minutes === 0 ? -1 : minutes, down: minutes !== 0 && down };
    await this.#either<unknown>(
      signal,
      () => this.#rest.ask('/autostop', body, DEADLINES.autostop, signal),
      () => this.#cli.autostop(name, minutes, down, signal),
    );
  }

  follow(requestId: string, onLine: (line: SkyLine) => void, signal: AbortSignal): Promise<SkyOutcome> {
    const following = {
      rest: this.#rest,
      startServer: (given: AbortSignal) => this.#startServer(given),
      times: this.#parts.followTimes,
    };
    return this.#orByCommandLine(
      () => follow(following, requestId, onLine, signal),
      () => this.#cli.follow(requestId, onLine, signal),
    );
  }

  cancel(requestId: string, signal: AbortSignal): Promise<void> {
    return this.#either(
      signal,
      () => this.#cancelByRest(requestId, signal),
      () => this.#cli.cancel(requestId, signal),
    );
  }

  async #cancelByRest(id: string, signal: AbortSignal): Promise<void> {
    await this.#rest.ask('/api/cancel', { request_ids: [id] }, DEADLINES.cancel, signal);
    const deadline = performance.now() + DEADLINES.cancel;
    while ((await this.#rest.requests({ id }, signal)).some((row) => row.request_id === id && isActive(row))) {
      if (performance.now() >= deadline) {
        throw new UnavailableError('SkyPilot did not cancel its request in time. Destroy the server to be sure.');
      }
      await sleep(CANCEL_POLL_MS, undefined, { signal });
    }
  }

  writeSshEntry(name: string, signal: AbortSignal): Promise<void> {
    return this.#cli.writeSshEntry(name, signal);
  }

  async offers(wish: Wish, signal: AbortSignal): Promise<readonly Offer[]> {
    for (const cloud of await missingCatalogs(wish.clouds, this.environment)) await this.#fetchCatalog(cloud, signal);
    return readOffers(wish, this.environment, signal);
  }

  /** SkyPilot downloads a cloud's catalog when it is first asked about it; where it cannot, there are no offers. */
  async #fetchCatalog(cloud: string, signal: AbortSignal): Promise<void> {
    const body = { gpus_only: true, name_filter: '^none$', clouds: [cloud] };
    try {
      await this.#rest.ask('/list_accelerators', body, DEADLINES.status, signal);
    } catch {
      signal.throwIfAborted();
    }
  }

  canStop(cloud: string, useSpot: boolean): boolean {
    return canStop(cloud, useSpot);
  }

  /** By REST, once the server answers; by the command line where REST is refused. */
  #either<T>(signal: AbortSignal, byRest: () => Promise<T>, byCommandLine: () => Promise<T>): Promise<T> {
    return this.#orByCommandLine(async () => {
      try {
        return await byRest();
      } catch (error) {
        if (!(error instanceof ServerAwayError)) throw error;
      }
      await this.#startServer(signal);
      return byRest();
    }, byCommandLine);
  }

  async #orByCommandLine<T>(byRest: () => Promise<T>, byCommandLine: () => Promise<T>): Promise<T> {
    try {
      return await byRest();
    } catch (error) {
      if (error instanceof RestRefusedError) return byCommandLine();
      throw error;
    }
  }

  #startServer(signal: AbortSignal): Promise<void> {
    const { command, endpoint, memory } = this.#parts;
    return memory.starts.run(`${command} ${endpoint.url}`, signal, (shared) => startServer(this.#parts, shared));
  }
}
