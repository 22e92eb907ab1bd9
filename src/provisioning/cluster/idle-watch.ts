/** Stops a server that nobody works with: SkyPilot's own autostop counts an open SSH session as work. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { CLUSTER_SUBJECT } from '../../protocol/cluster.ts';
import { CarapaceError } from '../../protocol/errors.ts';
import type { OperationEngine } from '../operations/engine.ts';
import type { Timing } from '../settings.ts';
import type { ClusterRow } from '../store/cluster.ts';
import type { ClusterRecords } from './cluster-records.ts';
import type { ClusterService } from './cluster-service.ts';
import { decideIdle } from './idle/idle.ts';
import { readServerBusy } from './idle/jobs.ts';
import { ObservedIdle, readMoment, type Moment } from './idle/observed-idle.ts';
import type { ServerFiles } from './server-files.ts';
import type { SkyAccess } from './sky-access.ts';

/** The announced time is told anew where it has moved by more than this, in milliseconds. */
const TELL_AGAIN_MS = 10_000;
/** A stop that failed is tried again after so much more idle time, in milliseconds. */
const STOP_AGAIN_MS = 30 * 60_000;

export interface IdleWatchOptions {
  readonly records: ClusterRecords;
  readonly engine: OperationEngine;
  readonly service: ClusterService;
  readonly access: SkyAccess;
  readonly files: ServerFiles;
  readonly timing: Timing;
  readonly log: FastifyBaseLogger;
  /** What time it is; default: by the clocks of this machine. */
  readonly clock?: () => Moment;
}

export class IdleWatch {
  readonly #options: IdleWatchOptions;
  readonly #clock: () => Moment;
  readonly #idle: ObservedIdle;
  /** The idle time at the last stop, in milliseconds; more than it is now where somebody has worked since. */
  #triedMs = Infinity;

  constructor(options: IdleWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? readMoment;
    this.#idle = new ObservedIdle(options.timing.idleCheckMs);
  }

  /** Judges again and again until the signal ends it; what fails is logged. */
  async run(signal: AbortSignal): Promise<void> {
    const { timing, log } = this.#options;
    while (!signal.aborted) {
      const begun = this.#clock().steady;
      await this.check(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'it could not be judged whether anybody works with the server');
      });
      // Looks are evenly spaced, however long they take: what is over the interval does not count. Timers are a bit early.
      const restMs = Math.max(0, Math.ceil(timing.idleCheckMs - (this.#clock().steady - begun)) + 1);
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Judges once. @throws the signal's reason */
  async check(signal: AbortSignal): Promise<void> {
    const now = this.#clock();
    this.#idle.begin(now);
    try {
      await this.#judge(now, signal);
    } finally {
      this.#idle.end(this.#clock());
    }
  }

  async #judge(now: Moment, signal: AbortSignal): Promise<void> {
    const { records } = this.#options;
    const row = this.#watched();
    if (row === undefined) return;
    const busy = await this.#busy(row, this.#idle.count(row, now), signal);
    const heard = this.#watched();
    if (heard === undefined) return;
    // A job is work like typing is.
    const worked = busy === true ? records.change({ activity_at: new Date(now.date).toISOString() }) : undefined;
    const idleMs = this.#idle.count(worked ?? heard, now);
    const sinceTried = idleMs - this.#triedMs;
    if (heard.status === 'error' && sinceTried >= 0 && sinceTried < STOP_AGAIN_MS) return;
    const limitMinutes = heard.config.autostop_minutes ?? 0;
    // Whoever took the announcement back has a reason.
    const announcedMs = heard.stops_at === null ? null : this.#idle.announcedMs;
    const decision = decideIdle({ idleMs, limitMinutes, announcedMs, busy });
    if (decision.kind === 'stop') {
      this.#triedMs = idleMs;
      await this.#stop(heard, limitMinutes, signal);
    } else this.#announce(heard, decision.kind === 'warn' ? decision.atMs : null, idleMs, now);
  }

  /** The server, where it runs, is to stop when idle, and nothing is done with it at the moment. */
  #watched(): ClusterRow | undefined {
    const { records, engine } = this.#options;
    const row = records.find();
    if (row === undefined || !isUp(row) || engine.isBusy(CLUSTER_SUBJECT)) return undefined;
    return (row.config.autostop_minutes ?? 0) === 0 ? undefined : row;
  }

  /** @param atMs the idle time at which it stops; null where it does not */
  #announce({ stops_at }: ClusterRow, atMs: number | null, idleMs: number, now: Moment): void {
    this.#idle.announcedMs = atMs;
    const stopsAt = atMs === null ? null : now.date + atMs - idleMs;
    const isTold = stopsAt !== null && stops_at !== null && Math.abs(stopsAt - Date.parse(stops_at)) <= TELL_AGAIN_MS;
    if (!isTold) this.#options.records.change({ stops_at: stopsAt === null ? null : new Date(stopsAt).toISOString() });
  }

  /** Whether a job runs; null where that cannot be known. Nobody is asked while somebody types. */
  async #busy(row: ClusterRow, idleMs: number, signal: AbortSignal): Promise<boolean | null> {
    const { access, files, timing } = this.#options;
    if (idleMs < timing.idleCheckMs) return null;
    try {
      const sky = await access.recent(row.config.sky_path, signal);
      return await readServerBusy(files.shell(row, sky), signal);
    } catch {
      signal.throwIfAborted();
      return null;
    }
  }

  async #stop(row: ClusterRow, minutes: number, signal: AbortSignal): Promise<void> {
    const { service, access, log } = this.#options;
    try {
      const sky = await access.recent(row.config.sky_path, signal);
      const canStop = row.cloud === null || sky.canStop(row.cloud, row.use_spot);
      const reason = `The server was stopped: nobody had worked with it for ${minutes} minutes.`;
      // A stopped server keeps what was changed on it; a destroyed one does not.
      if (canStop) await service.stop({ server_changes: 'discard' }, reason);
      else await service.destroy({ server_changes: 'keep' });
    } catch (error) {
      if (!(error instanceof CarapaceError)) throw error;
      log.info({ err: error }, 'an idle server cannot be stopped now');
    }
  }
}

/** Whether it runs, also where a stop has failed: it costs the same. */
function isUp({ status, error }: ClusterRow): boolean {
  if (status === 'running') return true;
  return status === 'error' && error?.details?.['verb'] === 'stop' && error.details['left'] === 'UP';
}
