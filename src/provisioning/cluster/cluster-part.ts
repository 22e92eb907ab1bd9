/** The parts of the cluster, put together. */
import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { statePaths } from '../../lib/state-folder.ts';
import type { EventLog } from '../event-log.ts';
import type { OperationEngine } from '../operations/engine.ts';
import type { ClusterKind, OperationHandlers } from '../operations/handler.ts';
import type { OperationJournal } from '../operations/journal.ts';
import type { Timing } from '../settings.ts';
import type { Store } from '../store/store.ts';
import { clusterHandlers } from './cluster-handlers.ts';
import { ClusterRecords } from './cluster-records.ts';
import { ClusterService } from './cluster-service.ts';
import { ClusterWork } from './cluster-work.ts';
import { IdleWatch } from './idle-watch.ts';
import { Observer } from './observer.ts';
import { Preflight } from './preflight.ts';
import { RawLog } from './raw-log.ts';
import { Requests } from './requests.ts';
import { ServerFiles } from './server-files.ts';
import { SkyAccess } from './sky-access.ts';
import { createSkyFinder } from './sky/finder.ts';
import type { SkyFinder } from './sky/sky.ts';
import type { RemoteShell } from './vaults/remote-shell.ts';
import { Vaults } from './vaults/vaults.ts';

export interface ClusterPartOptions {
  readonly store: Store;
  readonly events: EventLog;
  readonly journal: OperationJournal;
  readonly stateFolder: string;
  readonly timing: Timing;
  readonly log: FastifyBaseLogger;
  /** Aborted when the control plane ends. */
  readonly closing: AbortSignal;
  /** Absent: SkyPilot as it is installed on this machine. */
  readonly skyFinder?: SkyFinder;
  /** Absent: by SSH. */
  readonly shell?: (host: string, environment: Readonly<Record<string, string>>) => RemoteShell;
}

export interface ClusterPart {
  readonly records: ClusterRecords;
  readonly observer: Observer;
  readonly handlers: Pick<OperationHandlers, ClusterKind>;
  /** What people ask, over the engine that has the handlers; to be called once, before {@link run}. */
  serveWith(engine: OperationEngine): ClusterService;
  /** Observes, and stops what nobody works with, until the signal ends it. */
  run(signal: AbortSignal): Promise<void>;
}

export function createClusterPart(options: ClusterPartOptions): ClusterPart {
  const { store, events, journal, stateFolder, timing, log, closing, shell } = options;
  const warn = (message: string): void => log.warn(message);
  const access = new SkyAccess(options.skyFinder ?? createSkyFinder({ warn }));
  const records = new ClusterRecords(store, events);
  const observer = new Observer({ records, journal, access, timing, log });
  const vaults = new Vaults({ stateFolder });
  const files = new ServerFiles(shell === undefined ? { vaults, log } : { vaults, log, shell });
  const rawLog = new RawLog(statePaths(stateFolder).logs, log);
  const requests = new Requests({ store, records, observer, rawLog, closing });
  const taskFolder = join(stateFolder, 'cluster');
  const work = new ClusterWork({ records, observer, requests, vaults, files, taskFolder });
  const preflight = new Preflight({ records, access, observer, vaults, closing });
  let idle: IdleWatch | undefined;
  return {
    records,
    observer,
    handlers: clusterHandlers({ records, access, observer, requests, work, timing, log }),
    serveWith: (engine) => {
      const service = new ClusterService({ records, engine, access, observer, preflight, vaults, files, closing });
      idle = new IdleWatch({ records, engine, service, access, files, timing, log });
      return service;
    },
    run: async (signal) => {
      await Promise.all([observer.run(signal), idle?.run(signal)]);
    },
  };
}
