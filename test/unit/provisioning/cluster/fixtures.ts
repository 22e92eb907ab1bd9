/** The cluster's parts over a store of their own and a SkyPilot in memory. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchCluster, VaultPaths } from '../../../../src/protocol/cluster.ts';
import { createClusterPart, type ClusterPart } from '../../../../src/provisioning/cluster/cluster-part.ts';
import type { ClusterService } from '../../../../src/provisioning/cluster/cluster-service.ts';
import { newRow } from '../../../../src/provisioning/cluster/resource.ts';
import type { RemoteShell } from '../../../../src/provisioning/cluster/vaults/remote-shell.ts';
import { OperationEngine } from '../../../../src/provisioning/operations/engine.ts';
import type { OperationHandlers } from '../../../../src/provisioning/operations/handler.ts';
import { OperationJournal } from '../../../../src/provisioning/operations/journal.ts';
import { readTiming, type Timing } from '../../../../src/provisioning/settings.ts';
import type { ClusterRow } from '../../../../src/provisioning/store/cluster.ts';
import type { OperationRow } from '../../../../src/provisioning/store/operations.ts';
import { openStore, SILENT, type TestStore } from '../fixtures.ts';
import { StubSky } from './stub-sky.ts';

const FAST: Partial<Timing> = { clusterSettleMs: 1, clusterCleanupMs: 2_000, observeBusyMs: 5 };

/** A server on which nothing was ever mounted. */
const EMPTY_SERVER: RemoteShell = {
  run: () => Promise.resolve({ exitCode: 0, stdout: Buffer.from('carapace-absent\0'), stderr: '' }),
};

export interface TestCluster {
  readonly test: TestStore;
  readonly sky: StubSky;
  readonly part: ClusterPart;
  readonly service: ClusterService;
  readonly engine: OperationEngine;
  readonly journal: OperationJournal;
  /** The row, which is there. */
  row(): ClusterRow;
  /** Waits for the end of an operation. */
  ended(id: string): Promise<OperationRow>;
  /** What the operation told, without its states. */
  lines(id: string): string[];
  /** A vault with one file. */
  vault(name: 'public' | 'private'): VaultPaths;
  dispose(): Promise<void>;
}

export interface TestClusterOptions {
  readonly test?: TestStore;
  readonly sky?: StubSky;
  readonly timing?: Partial<Timing>;
  readonly server?: RemoteShell;
  readonly crashPoint?: (step: string, place: 'before' | 'after') => void;
}

export function openCluster(options: TestClusterOptions = {}): TestCluster {
  const test = options.test ?? openStore();
  const sky = options.sky ?? new StubSky();
  const { store, events, folder } = test;
  const closing = new AbortController();
  const journal = new OperationJournal(store, events);
  const timing = readTiming({}, { ...FAST, ...options.timing });
  const server = options.server ?? EMPTY_SERVER;
  const part = createClusterPart({
    ...{ store, events, journal, stateFolder: folder, timing, log: SILENT },
    closing: closing.signal,
    skyFinder: sky.finder,
    shell: () => server,
  });
  const handlers = part.handlers as OperationHandlers;
  const crashPoint = options.crashPoint ?? (() => undefined);
  const engine = new OperationEngine({ store, journal, handlers, crashPoint, log: SILENT });
  return {
    test,
    sky,
    part,
    engine,
    journal,
    service: part.serveWith(engine),
    row: () => part.records.row(),
    ended: async (id) => {
      while (journal.find(id).status === 'running') await sleep(2);
      return journal.find(id);
    },
    lines: (id) =>
      test
        .told()
        .filter((event) => event.operation_id === id && event.type !== 'state')
        .map(({ type, message }) => `${type}: ${message}`),
    vault: (name) => {
      const path = join(folder, `vault-${name}`);
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'hello.txt'), 'hello\n');
      return { [name]: path };
    },
    dispose: async () => {
      closing.abort(new Error('the control plane ends'));
      await engine.close();
      if (options.test === undefined) test.dispose();
    },
  };
}

/** A row of a server that runs. */
export function runningRow(change: Partial<ClusterRow> = {}): ClusterRow {
  return {
    ...newRow({ name: 'carapace-node', autostop_minutes: 30 }),
    status: 'running',
    cloud: 'AWS',
    region: 'us-east-1',
    zone: 'us-east-1a',
    instance_type: 'm6i.xlarge',
    ip: '203.0.113.10',
    price_per_hour: 0.192,
    disk_price_per_hour: 0.01,
    autostop_minutes: 30,
    billed: 'machine',
    launched_at: 1_800_000_000,
    cost: 1,
    cost_at: '2027-01-15T08:00:00.000Z',
    ...change,
  };
}

/** Launches and waits until it runs. */
export async function launched(cluster: TestCluster, wish: LaunchCluster = {}): Promise<ClusterRow> {
  const { id } = await cluster.service.launch(wish);
  const { status, error } = await cluster.ended(id);
  assert.equal(status, 'succeeded', error?.message);
  return cluster.row();
}
