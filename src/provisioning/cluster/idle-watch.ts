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
import type { ServerFiles } from './server-files.ts';
import type { SkyAccess } from './sky-access.ts';

export interface IdleWatchOptions {
  readonly records: ClusterRecords;
  readonly engine: OperationEngine;
  readonly service: ClusterService;
  readonly access: SkyAccess;
  readonly files: ServerFiles;
  readonly timing: Timing;
  readonly log: FastifyBaseLogger;
}

export class IdleWatch {
  readonly #options: IdleWatchOptions;

  constructor(options: IdleWatchOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { timing, log } = this.#options;
    while (!signal.aborted) {
      await this.check(Date.now(), signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'it could not be judged whether anybody works with the server');
      });
      await sleep(timing.idleCheckMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Judges once. @param now ms since 1970 */
  async check(now: number, signal: AbortSignal): Promise<void> {
    const { records, engine } = this.#options;
    const row = records.find();
    const limitMinutes = row?.config.autostop_minutes ?? 0;
    if (row?.status !== 'running' || limitMinutes === 0 || engine.isBusy(CLUSTER_SUBJECT)) return;
    const busy = await this.#busy(row, now, signal);
    const heard = records.find();
    if (heard?.status !== 'running' || engine.isBusy(CLUSTER_SUBJECT)) return;
    // A job is work like typing is.
    if (busy === true) records.change({ activity_at: new Date(now).toISOString() });
    const decision = decideIdle({
      now,
      limitMinutes,
      activityAt: busy === true ? now : activityOf(heard),
      announcedAt: heard.stops_at === null ? null : Date.parse(heard.stops_at),
      busy,
    });
    if (decision.kind === 'warn') records.change({ stops_at: new Date(decision.stopsAt).toISOString() });
    else if (decision.kind === 'stop') await this.#stop(heard, limitMinutes, signal);
    else records.change({ stops_at: null });
  }

  /** Whether a job runs; null where that cannot be known. Nobody is asked while somebody types. */
  async #busy(row: ClusterRow, now: number, signal: AbortSignal): Promise<boolean | null> {
    const { access, files, timing } = this.#options;
    if (now - activityOf(row) < timing.idleCheckMs) return null;
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

/** When somebody last worked with it, or it came up: ms since 1970. */
function activityOf({ activity_at, launched_at }: ClusterRow): number {
  return Math.max(activity_at === null ? 0 : Date.parse(activity_at), (launched_at ?? 0) * 1000);
}
