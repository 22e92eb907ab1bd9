/** A store in a folder of its own, and what tests put into it. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { createLog } from '../../../src/lib/log.ts';
import type { CarapaceEvent } from '../../../src/protocol/event.ts';
import { newCode, newId } from '../../../src/protocol/names.ts';
import { ClusterRecords } from '../../../src/provisioning/cluster/cluster-records.ts';
import { EventLog } from '../../../src/provisioning/event-log.ts';
import { readTiming, type Timing } from '../../../src/provisioning/settings.ts';
import type { LearnerRow } from '../../../src/provisioning/store/learners.ts';
import type { SeatRow } from '../../../src/provisioning/store/seats.ts';
import { Store } from '../../../src/provisioning/store/store.ts';
import type { WorkshopRow } from '../../../src/provisioning/store/workshops.ts';
import { LocalWorker } from '../../../src/provisioning/workers/local/local-worker.ts';
import { localWorkerName } from '../../../src/provisioning/workers/local/worker-names.ts';
import { workerTimes } from '../../../src/provisioning/workers/local/worker-times.ts';
import { Records } from '../../../src/provisioning/workshop/records.ts';

/** The worker that the seats of these workshops are on. */
const WORKER = localWorkerName('process');

export const SILENT: FastifyBaseLogger = createLog('test', 'silent');

export interface TestStore {
  readonly folder: string;
  readonly path: string;
  readonly store: Store;
  readonly events: EventLog;
  readonly records: Records;
  readonly clusterRecords: ClusterRecords;
  /** Every event so far. */
  told(): CarapaceEvent[];
  dispose(): void;
}

export function openStore(): TestStore {
  const folder = mkdtempSync(join(tmpdir(), 'carapace-store-'));
  const path = join(folder, 'store.db');
  const store = Store.open(path);
  const events = new EventLog(store);
  return {
    folder,
    path,
    store,
    events,
    records: new Records(store, events),
    clusterRecords: new ClusterRecords(store, events),
    told: () => store.events.after(0, 10_000).map(({ event }) => event),
    dispose: () => {
      store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export const TIMING: Timing = readTiming({});

/** A local worker whose agent cannot be started: for what needs none. */
export function workerOf({ store, records, folder }: TestStore, timing = TIMING): LocalWorker {
  const place = {
    runtime: 'process',
    imagesFolder: folder,
    program: join(folder, 'no-agent.cjs'),
    stateFolder: join(folder, 'worker'),
    socketFolder: join(folder, 'run'),
    logFile: join(folder, 'agent.log'),
    logFolder: folder,
  } as const;
  return new LocalWorker({ store, records, place, times: workerTimes('process', timing), log: SILENT });
}

export function workshopRow(change: Partial<WorkshopRow> = {}): WorkshopRow {
  const now = new Date().toISOString();
  return {
    id: newId('ws'),
    name: 'Intro',
    code: newCode(),
    seats: 3,
    status: 'running',
    runtime: 'process',
    provider: 'local',
    created_at: now,
    expires_in_minutes: 60,
    expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    error: null,
    ...change,
  };
}

export function seatRow(workshop: WorkshopRow, seat: number, change: Partial<SeatRow> = {}): SeatRow {
  return {
    workshop_id: workshop.id,
    seat,
    status: 'ready',
    worker: WORKER,
    ip: null,
    connected: false,
    has_files: true,
    freed: false,
    generation: 0,
    updated_at: workshop.created_at,
    error: null,
    ...change,
  };
}

export function learnerRow(workshop: WorkshopRow, seat: number, change: Partial<LearnerRow> = {}): LearnerRow {
  const joined_at = new Date().toISOString();
  const id = randomUUID();
  return { id, workshop_id: workshop.id, seat, name: `Learner ${seat}`, joined_at, rejoin_hash: id, ...change };
}

/** Puts a workshop with all its seats, and the worker under them, into the store. */
export function addWorkshop(
  { store, records }: TestStore,
  change: Partial<WorkshopRow> = {},
  seats: Partial<SeatRow> = {},
): WorkshopRow {
  const row = workshopRow(change);
  if (store.workers.find(WORKER) === undefined) {
    const runtime = 'process';
    const reached = {
      status: 'healthy',
      endpoint: 'http://127.0.0.1:1',
      runtime,
      certificate: null,
      accelerated: null,
    } as const;
    store.workers.insert({ name: WORKER, provider: 'local', ...reached, created_at: row.created_at });
  }
  records.addWorkshop(
    row,
    Array.from({ length: row.seats }, (_, index) => seatRow(row, index + 1, seats)),
  );
  return row;
}
