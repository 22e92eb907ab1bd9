/** The parts of the control plane, put together, and what it does by itself. */
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { socketFolder, statePaths } from '../lib/state-folder.ts';
import { timestamp } from './clock.ts';
import { createClusterPart, type ClusterPart } from './cluster/cluster-part.ts';
import type { ClusterRecords } from './cluster/cluster-records.ts';
import type { ClusterService } from './cluster/cluster-service.ts';
import type { SkyFinder } from './cluster/sky/sky.ts';
import { EventLog } from './event-log.ts';
import { Monitor } from './monitor/monitor.ts';
import { crashPointOf } from './operations/crash-point.ts';
import { OperationEngine } from './operations/engine.ts';
import { OperationJournal } from './operations/journal.ts';
import type { Timing } from './settings.ts';
import type { Store } from './store/store.ts';
import type { AgentPlace } from './workers/local/agent-process.ts';
import { LocalWorker } from './workers/local/local-worker.ts';
import { stopExpired } from './workshop/expiry.ts';
import { workshopHandlers } from './workshop/handlers.ts';
import { JoinLimiter } from './workshop/join-limiter.ts';
import { Joining } from './workshop/joining.ts';
import { Lifecycle } from './workshop/lifecycle.ts';
import { Records } from './workshop/records.ts';
import { SeatWork } from './workshop/seat-work.ts';

/** How long an answer to an Idempotency-Key is kept. */
const IDEMPOTENCY_MS = 24 * 3_600_000;
const PRUNE_EVERY_MS = 3_600_000;

export interface ControlPlaneOptions {
  readonly store: Store;
  readonly stateFolder: string;
  /** Holds agent.cjs. */
  readonly programFolder: string;
  readonly timing: Timing;
  readonly log: FastifyBaseLogger;
  /** How SkyPilot is found; absent: as it is installed on this machine. */
  readonly skyFinder?: SkyFinder;
}

export class ControlPlane {
  readonly store: Store;
  readonly events: EventLog;
  readonly records: Records;
  readonly journal: OperationJournal;
  readonly engine: OperationEngine;
  readonly lifecycle: Lifecycle;
  readonly joining: Joining;
  readonly cluster: ClusterService;
  readonly clusterRecords: ClusterRecords;
  readonly timing: Timing;
  readonly #cluster: ClusterPart;
  readonly #monitor: Monitor;
  readonly #log: FastifyBaseLogger;
  readonly #closing = new AbortController();
  #loops: Promise<void> | undefined;

  constructor({ store, stateFolder, programFolder, timing, log, skyFinder }: ControlPlaneOptions) {
    this.store = store;
    this.timing = timing;
    this.#log = log;
    this.events = new EventLog(store);
    this.records = new Records(store, this.events);
    this.journal = new OperationJournal(store, this.events);
    const { records, journal } = this;
    const worker = new LocalWorker({ store, records, place: agentPlace(stateFolder, programFolder), timing, log });
    const seats = new SeatWork({ store, records, worker, timing });
    const { events, closing } = this;
    const part = { store, events, journal, stateFolder, timing, log, closing };
    this.#cluster = createClusterPart(skyFinder === undefined ? part : { ...part, skyFinder });
    const handlers = { ...workshopHandlers({ store, records, seats, timing }), ...this.#cluster.handlers };
    this.engine = new OperationEngine({ store, journal, handlers, crashPoint: crashPointOf(process.env), log });
    const { engine } = this;
    this.lifecycle = new Lifecycle({ store, records, engine });
    const { lifecycle } = this;
    this.cluster = this.#cluster.serveWith(engine);
    this.clusterRecords = this.#cluster.records;
    this.joining = new Joining({ store, records, worker, limiter: new JoinLimiter() });
    this.#monitor = new Monitor({ store, records, engine, lifecycle, worker, timing, log });
  }

  /** Aborted when the control plane ends. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Goes on with what an earlier control plane left, and begins to keep the store true. */
  start(): void {
    this.engine.resume();
    this.#loops = Promise.all([this.#watch(), this.#prune(), this.#cluster.run(this.closing)]).then(() => undefined);
  }

  /** Stops working: what runs is left to the next control plane, workers and seats live on. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the control plane ends'));
    await this.engine.close();
    await this.#loops;
  }

  /** Compares and expires, again and again until the end. */
  async #watch(): Promise<void> {
    await this.#forever(this.timing.monitorMs, async () => {
      stopExpired(this.store, this.lifecycle, this.#log);
      await this.#monitor.look(this.closing);
    });
  }

  async #prune(): Promise<void> {
    await this.#forever(PRUNE_EVERY_MS, async () => {
      this.events.prune();
      this.store.idempotency.prune(timestamp(-IDEMPOTENCY_MS));
      await Promise.resolve();
    });
  }

  /** What fails is logged, and done again after the usual time. */
  async #forever(everyMs: number, work: () => Promise<void>): Promise<void> {
    while (!this.closing.aborted) {
      await work().catch((error: unknown) => {
        this.#log.error({ err: error }, 'the control plane could not look after itself');
      });
      await sleep(everyMs, undefined, { signal: this.closing }).catch(() => undefined);
    }
  }
}

function agentPlace(stateFolder: string, programFolder: string): AgentPlace {
  const { worker, logs } = statePaths(stateFolder);
  const logFile = join(logs, 'agent.log');
  return {
    program: join(programFolder, 'agent.cjs'),
    stateFolder: worker,
    socketFolder: socketFolder(stateFolder),
    logFile,
    logFolder: dirname(logFile),
  };
}
