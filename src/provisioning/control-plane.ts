/** The parts of the control plane, put together, and what it does by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { timestamp } from './clock.ts';
import { createClusterPart, type ClusterPart } from './cluster/cluster-part.ts';
import type { ClusterRecords } from './cluster/cluster-records.ts';
import type { ClusterService } from './cluster/cluster-service.ts';
import type { SkyFinder } from './cluster/sky/sky.ts';
import { EventLog } from './event-log.ts';
import { LOOPBACK_ONLY, permittedChoice, type Exposure } from './exposure.ts';
import { Monitor } from './monitor/monitor.ts';
import { crashPointOf } from './operations/crash-point.ts';
import { OperationEngine } from './operations/engine.ts';
import { OperationJournal } from './operations/journal.ts';
import type { Timing } from './settings.ts';
import type { Store } from './store/store.ts';
import { agentPlace } from './workers/local/agent-place.ts';
import { chooseLocalRuntime, type RuntimeChoice } from './workers/local/local-runtimes.ts';
import { LocalWorker } from './workers/local/local-worker.ts';
import { LocalWorkers } from './workers/local/local-workers.ts';
import { SEAT_RUNTIMES } from './workers/local/worker-names.ts';
import { workerTimes } from './workers/local/worker-times.ts';
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
  /** What seats become; absent: by what this machine has. */
  readonly chooseRuntime?: RuntimeChoice;
  /** Whom it serves; default this machine's user alone. */
  readonly exposure?: Exposure;
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
  readonly exposure: Exposure;
  readonly #cluster: ClusterPart;
  readonly #monitors: readonly Monitor[];
  readonly #log: FastifyBaseLogger;
  readonly #closing = new AbortController();
  #loops: Promise<void> | undefined;

  constructor(options: ControlPlaneOptions) {
    const { store, stateFolder, timing, log, skyFinder, chooseRuntime = chooseLocalRuntime } = options;
    const { exposure = LOOPBACK_ONLY } = options;
    this.store = store;
    this.timing = timing;
    this.#log = log;
    this.events = new EventLog(store);
    this.records = new Records(store, this.events, exposure);
    this.journal = new OperationJournal(store, this.events);
    const { records, journal } = this;
    const workers = localWorkers(options, records);
    const seats = new SeatWork({ store, records, workers });
    const { events, closing } = this;
    const part = { store, events, journal, stateFolder, timing, log, closing };
    this.#cluster = createClusterPart(skyFinder === undefined ? part : { ...part, skyFinder });
    const handlers = { ...workshopHandlers({ store, records, seats, timing }), ...this.#cluster.handlers };
    this.engine = new OperationEngine({ store, journal, handlers, crashPoint: crashPointOf(process.env), log });
    const { engine } = this;
    this.lifecycle = new Lifecycle({ store, records, engine, chooseRuntime: permittedChoice(exposure, chooseRuntime) });
    const { lifecycle } = this;
    this.cluster = this.#cluster.serveWith(engine);
    this.clusterRecords = this.#cluster.records;
    this.joining = new Joining({ store, records, workers, limiter: new JoinLimiter(), exposure });
    this.exposure = exposure;
    const watching = { store, records, engine, lifecycle, timing, log };
    this.#monitors = workers.all.map((worker) => new Monitor({ ...watching, worker }));
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

  /** Compares and expires, again and again until the end; a worker that answers slowly keeps nobody else waiting. */
  async #watch(): Promise<void> {
    const every = this.timing.monitorMs;
    const looks = this.#monitors.map((monitor) => this.#forever(every, () => monitor.look(this.closing)));
    const glances = this.#monitors.map((monitor) =>
      this.#forever(this.timing.connectionsMs, () => monitor.lookAtConnections(this.closing)),
    );
    const expiry = this.#forever(every, async () => {
      stopExpired(this.store, this.lifecycle, this.#log);
      await Promise.resolve();
    });
    await Promise.all([...looks, ...glances, expiry]);
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

function localWorkers(
  { store, stateFolder, programFolder, timing, log }: ControlPlaneOptions,
  records: Records,
): LocalWorkers {
  const workers = SEAT_RUNTIMES.map((runtime) => {
    const place = agentPlace(stateFolder, programFolder, runtime);
    return new LocalWorker({ store, records, place, times: workerTimes(runtime, timing), log });
  });
  return new LocalWorkers(workers);
}
