import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { CLUSTER_STATUSES, type Cluster } from '../../../src/protocol/cluster.ts';
import {
  OLD_MS,
  serverFacts,
  serverRow,
  SERVER_FLAGS,
  shownStatus,
  type ServerContext,
} from '../../../src/providers/model/cluster-row.ts';
import { ICON, nodeId, SERVER_DETAILS, type ServerDetail } from '../../../src/providers/model/nodes.ts';
import { detailRow, detailsOf, detailTooltip } from '../../../src/providers/model/server-details.ts';
import { EMPTY_STATE, withEvent, withSnapshot } from '../../../src/providers/model/state.ts';
import { at, cluster, clusterEvent, deletedEvent, NOON, t } from './fixtures.ts';

function context(changes: Partial<Cluster> = {}, more: Partial<ServerContext> = {}): ServerContext {
  const told = cluster(changes);
  return { cluster: told, status: told.status, stale: false, progress: undefined, now: NOON, t, ...more };
}

const row = (changes: Partial<Cluster> = {}, more: Partial<ServerContext> = {}) =>
  serverRow(context(changes, more), false);

describe('the row of the server', () => {
  it('says its state, where it is, and what it costs', () => {
    assert.equal(row().label, 'carapace-node');
    assert.equal(row().description, 'running · aws us-east-1 · $0.19/h');
    assert.equal(row({ use_spot: true }).description, 'running · aws us-east-1 · $0.19/h · Spot');
    assert.equal(row({ status: 'stopped', billed: 'disk' }).description, 'stopped · aws us-east-1 · disk $0.011/h');
    assert.equal(row({ cloud: null, region: null, price_per_hour: null }).description, 'running');
    assert.equal(row({ status: 'no_server' }).description, 'no server');
  });

  it('says how far it has come', () => {
    const more = { progress: 'Preparing SkyPilot runtime (2/3)' };
    assert.equal(
      row({ status: 'provisioning', region: null }, more).description,
      'provisioning… · aws · Preparing SkyPilot runtime (2/3)',
    );
    assert.equal(row({}, more).description, 'running · aws us-east-1 · $0.19/h');
  });

  it('has an icon and flags for each state', () => {
    const icons = Object.fromEntries(CLUSTER_STATUSES.map((status) => [status, row({ status }).icon]));
    assert.deepEqual(icons, {
      no_server: ICON.stopped,
      provisioning: ICON.onTheWay,
      running: ICON.running,
      stopping: ICON.onTheWay,
      stopped: ICON.stopped,
      destroying: ICON.onTheWay,
      error: ICON.error,
    });
    for (const status of CLUSTER_STATUSES)
      assert.deepEqual(row({ status }).flags, ['server', ...SERVER_FLAGS[status]], status);
    assert.ok(serverRow(context({ status: 'provisioning' }), true).flags.includes('cancellable'));
  });

  it('may be launched only where there is none or an error', () => {
    const launchable = CLUSTER_STATUSES.filter((status) => SERVER_FLAGS[status].includes('launchable'));
    assert.deepEqual(launchable, ['no_server', 'error']);
  });

  it('is marked where it may be out of date, with when it was seen, and says so aloud', () => {
    const old = row({ observed_at: at(-OLD_MS - 1_000) });
    assert.deepEqual(old.icon, ICON.warning);
    assert.equal(old.description, 'running · aws us-east-1 · $0.19/h · seen 11:59');
    assert.match(old.spoken, /^Server carapace-node, running .*, may be out of date$/);
    assert.deepEqual(row({}, { stale: true }).icon, ICON.warning);
    assert.deepEqual(row({ unreachable: 'SkyPilot does not answer.' }).icon, ICON.warning);
    assert.deepEqual(row({ status: 'provisioning', observed_at: at(-OLD_MS * 9) }).icon, ICON.onTheWay);
    assert.deepEqual(row({ status: 'no_server', observed_at: at(-OLD_MS * 9) }).icon, ICON.stopped);
  });

  it('is known to be none where no control plane ever ran, and unknown where one is away', () => {
    assert.equal(shownStatus(undefined, 'absent'), 'no_server');
    assert.equal(shownStatus(undefined, 'asleep'), 'unknown');
    assert.equal(shownStatus(cluster(), 'lost'), 'running');
  });

  it('has facts for whoever asks', () => {
    const facts = new Map(serverFacts(context()));
    assert.equal(facts.get('SSH'), 'ssh carapace-node');
    assert.equal(facts.get('Launched'), '11:00');
    assert.equal(facts.get('Billed now'), 'the machine and its disk ($0.19/h)');
    assert.match(new Map(serverFacts(context({ billed: 'unknown' }))).get('Billed now') ?? '', /^not known/);
  });
});

describe('the lines under the server', () => {
  const lines = (changes: Partial<Cluster> = {}) =>
    detailsOf(context(changes)).map((detail) => {
      const { label, description } = detailRow(detail, context(changes));
      return [detail, description === '' ? label : description];
    });

  it('are its address, autostop and cost while it runs', () => {
    assert.deepEqual(lines(), [
      ['ip', '203.0.113.10'],
      ['autostop', 'after 30 min idle'],
      ['cost', '$0.42 since launch'],
    ]);
    assert.deepEqual(lines({ autostop_minutes: 0 })[1], ['autostop', 'never']);
    assert.deepEqual(lines({ autostop_minutes: 120 })[1], ['autostop', 'after 2 h idle']);
  });

  it('say what a stopped one goes on costing', () => {
    assert.deepEqual(lines({ status: 'stopped', billed: 'disk', ip: null }), [
      ['cost', 'disk $0.011/h, $8.03 a month · $0.42 since launch'],
    ]);
  });

  it('say what went wrong, and whether a machine may still be billed', () => {
    const error = { code: 'TIMED_OUT' as const, message: 'The launch took too long.' };
    assert.deepEqual(lines({ status: 'error', error, billed: 'unknown', ip: null, cost: null }), [
      ['error', 'The launch took too long.'],
      ['cost', 'a machine may still be billed'],
    ]);
  });

  it('say what happened behind our back, also where the server is gone', () => {
    const note = 'It was destroyed outside of Carapace at 11:58.';
    assert.deepEqual(lines({ status: 'no_server', note }), [
      ['launch', 'asks first, with the price'],
      ['note', note],
    ]);
  });

  it('say that SkyPilot does not answer, and that it stops soon', () => {
    const told = lines({ unreachable: 'SkyPilot does not answer.', stops_at: at(300_000) });
    assert.deepEqual(told.slice(0, 2), [
      ['unreachable', 'SkyPilot does not answer.'],
      ['stops', '12:05: nobody works with it'],
    ]);
  });

  it('are one line each, with the whole for whoever asks', () => {
    const error = { code: 'NO_CAPACITY' as const, message: 'No zone has one.\nTried 3 zones.' };
    assert.deepEqual(lines({ status: 'error', error })[0], ['error', 'No zone has one.']);
    assert.equal(detailTooltip('error', context({ status: 'error', error })), error.message);
    assert.equal(detailTooltip('ip', context()), 'IP: 203.0.113.10');
  });

  it('offer a launch where there is no server', () => {
    assert.deepEqual(lines({ status: 'no_server' }), [['launch', 'asks first, with the price']]);
    const absent: ServerContext = { ...context(), cluster: undefined, status: 'no_server' };
    assert.deepEqual(detailsOf(absent), ['launch']);
    assert.deepEqual(detailsOf({ ...absent, status: 'unknown' }), []);
  });

  it('are said aloud, each with its name', () => {
    for (const detail of SERVER_DETAILS) assert.notEqual(detailRow(detail, context()).spoken, '', detail);
    assert.equal(detailRow('ip', context()).spoken, 'IP, 203.0.113.10');
  });
});

describe('the ids of the rows of the Server view', () => {
  it('are unique and hold nothing that changes', () => {
    const details = SERVER_DETAILS.map((detail: ServerDetail) => nodeId({ kind: 'detail', detail }));
    const ids = [
      nodeId({ kind: 'server', operation: 'op-one' }),
      ...details,
      nodeId({ kind: 'vault', vault: 'public' }),
      nodeId({ kind: 'vaultFile', vault: 'public', path: 'a/b', isFolder: false }),
      nodeId({ kind: 'moreFiles', vault: 'public', path: 'a', count: 3 }),
    ];
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(nodeId({ kind: 'server' }), ids[0]);
  });
});

describe('the server in the state of the extension', () => {
  it('is what was told last, and outlives the lists', () => {
    const state = withEvent(EMPTY_STATE, clusterEvent({ status: 'stopped' }));
    assert.equal(state.cluster?.status, 'stopped');
    const listed = withSnapshot(state, { workshops: [], seats: [], operations: [] });
    assert.equal(listed.cluster?.status, 'stopped');
    assert.equal(withEvent(listed, deletedEvent('workshop/ws-one')).cluster?.status, 'stopped');
  });
});
