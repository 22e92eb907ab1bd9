import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, it } from 'mocha';
import { parse } from 'yaml';
import type { SkyVerb } from '../../../../src/provisioning/cluster/sky/sky.ts';
import { openStore, type TestStore } from '../fixtures.ts';
import { launched, openCluster, type TestCluster, type TestClusterOptions } from './fixtures.ts';
import { StubSky, UP } from './stub-sky.ts';

const open: TestCluster[] = [];
function cluster(options: TestClusterOptions = {}): TestCluster {
  const made = openCluster(options);
  open.push(made);
  return made;
}
afterEach(async () => {
  for (const one of open.splice(0)) await one.dispose();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

/** Waits until SkyPilot works on a request of that verb; answers its id. */
async function working(sky: StubSky, verb: SkyVerb): Promise<string> {
  const find = () => [...sky.requests.values()].find((one) => one.verb === verb && one.ended === undefined);
  await until(() => find() !== undefined);
  return find()!.id;
}

/** A control plane that dies at that place; `dead` tells when. What runs then is left to the next one. */
function dying(test: TestStore, sky: StubSky, at: string): { one: TestCluster; dead: Promise<undefined> } {
  const dead = Promise.withResolvers<undefined>();
  const one: TestCluster = openCluster({
    test,
    sky,
    crashPoint: (step, place) => {
      if (`${step}:${place}` !== at) return;
      void one.engine.close();
      dead.resolve(undefined);
      throw new Error('the control plane has died');
    },
  });
  return { one, dead: dead.promise };
}

describe('a launch', () => {
  it('ends in a server that runs, with its vaults, its price and its SSH entry', async () => {
    const one = cluster();
    one.sky.lines = [
      { text: 'Launching', phase: 'Launching' },
      { text: 'Launching on AWS us-east-1', phase: undefined },
      { text: 'Preparing', phase: 'Preparing SkyPilot runtime (2/3 - dependencies)' },
    ];
    const operation = await one.service.launch({ vaults: one.vault('public'), cloud: 'aws' });
    assert.equal(operation.title, 'Launch the server "carapace-node"');
    assert.equal(one.row().status, 'provisioning');
    const { status } = await one.ended(operation.id);
    assert.equal(status, 'succeeded');
    const row = one.row();
    assert.deepEqual([row.status, row.billed, row.ip, row.price_per_hour], ['running', 'machine', UP.ip, 0.192]);
    assert.ok(row.synced_at !== null && row.activity_at !== null);
    assert.ok(one.sky.calls.includes('ssh entry'));
    assert.deepEqual(one.lines(operation.id), [
      'progress: Asking SkyPilot to launch the server.',
      'progress: Getting the machine.',
      'progress: Preparing the machine for SkyPilot (2 of 3).',
      'complete: The server "carapace-node" is running: m6i.xlarge in AWS us-east-1, 203.0.113.10.',
    ]);
    const log = readFileSync(join(one.test.folder, 'logs', `cluster-${operation.id}-launch.log`), 'utf8');
    assert.match(log, /^Launching\nLaunching on AWS us-east-1\n/);
    const task = parse(readFileSync(one.sky.tasks[0]!, 'utf8')) as { file_mounts: object };
    assert.deepEqual(task.file_mounts, { '/opt/carapace/data/public': join(one.test.folder, 'vault-public') });
  });

  it('is no success where SkyPilot says so and the status does not', async () => {
    const one = cluster();
    one.sky.lying.add('launch');
    const { id } = await one.service.launch({});
    const { status, error } = await one.ended(id);
    assert.equal(status, 'failed');
    assert.match(error?.message ?? '', /reported success, but .* no record of it\. Nothing of it is left/);
    assert.equal(one.row().status, 'error');
  });

  it('tells what failed and what is still billed', async () => {
    const one = cluster();
    one.sky.held.add('launch');
    const { id } = await one.service.launch({});
    const request = await working(one.sky, 'launch');
    one.sky.setRecord({ ...UP, status: 'INIT', ip: null });
    one.sky.end(request, {
      kind: 'failed',
      type: 'RuntimeError',
      message: 'Failed to set up SkyPilot runtime on cluster.',
    });
    const { error } = await one.ended(id);
    assert.match(error?.message ?? '', /Failed to set up SkyPilot runtime.*is there and billed: Destroy removes it\.$/);
    const row = one.row();
    assert.deepEqual([row.status, row.billed, row.error?.details?.['verb']], ['error', 'machine', 'launch']);
    // It stands until something changes.
    await one.part.observer.observe(one.sky, true, AbortSignal.timeout(1_000));
    assert.equal(one.row().error?.message, error?.message);
    one.sky.held.clear();
    await launched(one);
    assert.deepEqual([one.row().status, one.row().error], ['running', null]);
  });

  it('that found no capacity leaves nothing, and says so', async () => {
    const one = cluster();
    const message = 'Failed to acquire resources in all zones in us-east-1.';
    one.sky.outcomes.set('launch', { kind: 'failed', type: 'ResourcesUnavailableError', message });
    const { error } = await one.ended((await one.service.launch({})).id);
    assert.equal(error?.code, 'NO_CAPACITY');
    assert.match(error.message, /nothing is billed\.$/);
    assert.deepEqual([one.row().status, one.row().billed], ['error', 'nothing']);
    one.sky.outcomes.clear();
    await launched(one, { name: 'another-name' });
  });

  it('is ended at its deadline', async () => {
    const one = cluster({ timing: { launchMs: 2_000 } });
    one.sky.held.add('launch');
    const { id } = await one.service.launch({});
    await working(one.sky, 'launch');
    one.sky.setRecord({ ...UP, status: 'INIT' });
    const { error } = await one.ended(id);
    assert.equal(error?.code, 'TIMED_OUT');
    assert.match(error.message, /The launch did not end within 2 s\. .* billed/);
    assert.equal(one.sky.count('cancel'), 1);
    assert.equal(one.row().status, 'error');
  });

  it('of which it is not known what is left says that', async () => {
    const one = cluster({ timing: { clusterCleanupMs: 50 } });
    one.sky.held.add('launch');
    const { id } = await one.service.launch({});
    const request = await working(one.sky, 'launch');
    one.sky.away = true;
    one.sky.end(request, { kind: 'failed', type: 'RuntimeError', message: 'oh' });
    const { error } = await one.ended(id);
    assert.match(error?.message ?? '', /It cannot be known whether a machine is billed/);
    assert.equal(one.row().billed, 'unknown');
    assert.match(one.row().unreachable ?? '', /does not answer/);
  });
});

describe('cancelling', () => {
  it('a launch before SkyPilot made anything leaves nothing', async () => {
    const one = cluster();
    one.sky.held.add('launch');
    const { id } = await one.service.launch({});
    await working(one.sky, 'launch');
    one.engine.cancel(id);
    assert.equal((await one.ended(id)).status, 'cancelled');
    assert.equal(one.lines(id).at(-1), 'complete: The launch was cancelled. Nothing is left, and nothing is billed.');
    assert.deepEqual([one.row().status, one.row().error, one.row().billed], ['no_server', null, 'nothing']);
    assert.equal([...one.sky.requests.values()][0]?.ended?.kind, 'cancelled');
  });

  it('a launch whose machine is there says so, and it can be destroyed', async () => {
    const one = cluster();
    one.sky.held.add('launch');
    const { id } = await one.service.launch({});
    await working(one.sky, 'launch');
    one.sky.setRecord({ ...UP, status: 'INIT' });
    one.engine.cancel(id);
    assert.equal((await one.ended(id)).status, 'cancelled');
    assert.match(
      one.lines(id).at(-1) ?? '',
      /A machine \(m6i\.xlarge in AWS us-east-1\) is there and billed: Destroy removes it\./,
    );
    assert.deepEqual([one.row().status, one.row().billed], ['error', 'machine']);
    const { id: destroy } = await one.service.destroy({});
    assert.equal((await one.ended(destroy)).status, 'succeeded');
    assert.equal(one.row().status, 'no_server');
  });

  it('a launch in the moment of asking waits for the request, to end it', async () => {
    const one = cluster();
    one.sky.held.add('launch');
    const asked = Promise.withResolvers<undefined>();
    const launch = one.sky.launch.bind(one.sky);
    one.sky.launch = async (...given) => {
      asked.resolve(undefined);
      await sleep(20);
      return launch(...given);
    };
    const { id } = await one.service.launch({});
    await asked.promise;
    one.engine.cancel(id);
    await one.ended(id);
    assert.deepEqual(
      [...one.sky.requests.values()].map(({ ended }) => ended?.kind),
      ['cancelled'],
    );
    assert.equal(one.row().status, 'no_server');
  });

  it('a start leaves a stopped server stopped, and tells of one that runs', async () => {
    const one = cluster();
    await launched(one);
    await one.ended((await one.service.stop({})).id);
    one.sky.held.add('start');
    for (const record of [one.sky.record, { ...UP }]) {
      const { id } = one.service.start();
      await working(one.sky, 'start');
      one.sky.setRecord(record);
      one.engine.cancel(id);
      assert.equal((await one.ended(id)).status, 'cancelled');
      assert.equal(one.row().status, record?.status === 'UP' ? 'running' : 'stopped');
    }
    assert.match(one.row().note ?? '', /runs all the same and is billed/);
  });

  it('a stop is refused', async () => {
    const one = cluster();
    await launched(one);
    one.sky.held.add('stop');
    const { id } = await one.service.stop({});
    assert.throws(() => one.engine.cancel(id), /cannot be cancelled/);
    one.sky.end(await working(one.sky, 'stop'), { kind: 'succeeded' });
    await one.ended(id);
  });
});

describe('a stop', () => {
  it('keeps the disk and says what it costs', async () => {
    const one = cluster();
    await launched(one);
    const { id } = await one.service.stop({});
    assert.equal((await one.ended(id)).status, 'succeeded');
    assert.match(
      one.lines(id).at(-1) ?? '',
      /stopped; its disk is kept\. The disk goes on costing about \$0\.26 a day\./,
    );
    assert.deepEqual(
      [one.row().status, one.row().billed, one.row().ip, one.row().note],
      ['stopped', 'disk', null, null],
    );
  });

  it('that SkyPilot only pretends to do has failed', async () => {
    const one = cluster();
    await launched(one);
    one.sky.lying.add('stop');
    const { error } = await one.ended((await one.service.stop({})).id);
    assert.match(error?.message ?? '', /SkyPilot says UP.*billed/);
    assert.equal(one.row().status, 'error');
    one.sky.lying.clear();
    assert.equal((await one.ended((await one.service.stop({})).id)).status, 'succeeded');
  });

  it('that is not supported leaves the server running', async () => {
    const one = cluster();
    await launched(one);
    one.sky.outcomes.set('stop', { kind: 'failed', type: 'NotSupportedError', message: 'Stopping is not supported.' });
    const { status } = await one.ended((await one.service.stop({})).id);
    assert.equal(status, 'failed');
    assert.deepEqual([one.row().status, one.row().error], ['running', null]);
    assert.match(one.row().note ?? '', /cannot do this/);
  });
});

describe('a destroy', () => {
  it('ends without a server only when SkyPilot has no record of it', async () => {
    const one = cluster();
    await launched(one, { vaults: one.vault('private') });
    one.sky.lying.add('down');
    const { error } = await one.ended((await one.service.destroy({})).id);
    assert.match(error?.message ?? '', /SkyPilot says UP/);
    assert.deepEqual([one.row().status, one.row().billed], ['error', 'machine']);
    one.sky.lying.clear();
    const { id } = await one.service.destroy({});
    assert.equal((await one.ended(id)).status, 'succeeded');
    const row = one.row();
    assert.deepEqual([row.status, row.billed, row.synced_at, row.launched_at], ['no_server', 'nothing', null, null]);
    const [report] = await one.service.inspectVaults(undefined);
    assert.equal(report?.synced_at, null, 'what was synced is forgotten, the folders are not');
  });

  it('of what is gone already has succeeded', async () => {
    const one = cluster();
    await launched(one);
    one.sky.setRecord(undefined);
    const message = "Cluster 'carapace-node' does not exist.";
    one.sky.outcomes.set('down', { kind: 'failed', type: 'ClusterDoesNotExist', message });
    assert.equal((await one.ended((await one.service.destroy({})).id)).status, 'succeeded');
  });
});

describe('a start', () => {
  async function stopped(options: TestClusterOptions = {}): Promise<TestCluster> {
    const one = cluster(options);
    await launched(one, { vaults: one.vault('public') });
    await one.ended((await one.service.stop({ server_changes: 'discard' })).id);
    return one;
  }

  it('mounts the vaults and runs the task again, as a launch does', async () => {
    const one = await stopped();
    const before = one.row().synced_at;
    await sleep(2);
    const { id } = one.service.start();
    assert.equal((await one.ended(id)).status, 'succeeded');
    assert.equal(one.sky.count('launch fast'), 1);
    assert.notEqual(one.row().synced_at, before);
    assert.match(one.lines(id).at(-1) ?? '', /is running again at 203\.0\.113\.10\.$/);
  });

  it('does not overwrite what cannot be looked at, and says so', async () => {
    const server = { run: () => Promise.reject(new Error('no route')) };
    const one = await stopped({ server });
    const before = one.row().synced_at;
    const { id } = one.service.start();
    assert.equal((await one.ended(id)).status, 'succeeded');
    assert.equal(one.row().synced_at, before);
    assert.match(one.row().note ?? '', /^The vaults were not synced: the server cannot be asked/);
    const task = parse(readFileSync(one.sky.tasks.at(-1)!, 'utf8')) as { file_mounts?: object; run?: string };
    assert.equal(task.file_mounts, undefined);
    assert.ok(task.run, 'it is made ready all the same');
  });

  it('runs without a vault that is gone, and says so', async () => {
    const one = await stopped();
    rmSync(join(one.test.folder, 'vault-public'), { recursive: true });
    const { id } = one.service.start();
    assert.equal((await one.ended(id)).status, 'succeeded');
    assert.match(one.row().note ?? '', /^The vaults were not synced\. /);
  });

  it('that failed can be tried again', async () => {
    const one = await stopped();
    one.sky.outcomes.set('start', { kind: 'failed', type: 'RuntimeError', message: 'no machine' });
    await one.ended(one.service.start().id);
    assert.deepEqual([one.row().status, one.row().billed], ['error', 'disk']);
    one.sky.outcomes.clear();
    assert.equal((await one.ended(one.service.start().id)).status, 'succeeded');
  });
});

describe('a sync', () => {
  it('mounts what has changed since', async () => {
    const one = cluster();
    await launched(one, { vaults: one.vault('public') });
    writeFileSync(join(one.test.folder, 'vault-public', 'new.txt'), 'new\n');
    const reports = () => one.service.inspectVaults(undefined);
    assert.deepEqual((await reports())[0]?.added?.files, ['new.txt']);
    const { id } = await one.service.sync({ server_changes: 'discard' });
    assert.equal(one.row().status, 'running');
    assert.equal((await one.ended(id)).status, 'succeeded');
    assert.deepEqual((await reports())[0]?.added?.files, []);
  });

  it('that failed leaves the server running and says so', async () => {
    const one = cluster();
    await launched(one, { vaults: one.vault('public') });
    one.sky.outcomes.set('launch', { kind: 'failed', type: 'CommandError', message: 'rsync failed' });
    assert.equal((await one.ended((await one.service.sync({ server_changes: 'discard' })).id)).status, 'failed');
    assert.deepEqual([one.row().status, one.row().error], ['running', null]);
    assert.match(one.row().note ?? '', /rsync failed/);
  });
});

describe('when SkyPilot’s server was started again in the middle', () => {
  it('a launch is asked once more, and only once', async () => {
    const one = cluster();
    one.sky.held.add('launch');
    const { id } = await one.service.launch({});
    await working(one.sky, 'launch');
    one.sky.forgetRequests();
    await working(one.sky, 'launch');
    one.sky.forgetRequests();
    const { status, error } = await one.ended(id);
    assert.equal(status, 'failed');
    assert.match(error?.message ?? '', /was lost twice/);
    assert.equal(one.sky.count('launch'), 2);
  });

  it('a stop that was done is done', async () => {
    const one = cluster();
    await launched(one);
    one.sky.held.add('stop');
    const { id } = await one.service.stop({});
    await working(one.sky, 'stop');
    one.sky.setRecord({ ...UP, status: 'STOPPED' });
    one.sky.forgetRequests();
    assert.equal((await one.ended(id)).status, 'succeeded');
    assert.equal(one.sky.count('stop'), 1);
  });
});

describe('after a crash of the control plane', () => {
  const LAUNCH_POINTS = [
    'begin:after',
    'cluster.launch.submit:before',
    'cluster.launch.submit:after',
    'cluster.launch.wait:before',
    'cluster.launch.wait:after',
    'cluster.launch.confirm:after',
    'cluster.launch.entry:after',
    'finish:before',
  ];
  for (const at of LAUNCH_POINTS) {
    it(`at ${at} the next one ends the launch, with one request`, async () => {
      const test = openStore();
      const sky = new StubSky();
      const { one, dead } = dying(test, sky, at);
      await one.service.launch({}).catch(() => undefined);
      await dead;
      const row = test.store.operations.running()[0];
      assert.ok(row !== undefined);
      const next = cluster({ test, sky });
      next.engine.resume();
      assert.equal((await next.ended(row.id)).status, 'succeeded');
      assert.equal(next.row().status, 'running');
      assert.equal(sky.count('launch'), 1);
      await one.dispose();
      test.dispose();
    });
  }

  it('between asking and writing the id down, the request is found by the name of the server', async () => {
    const test = openStore();
    const sky = new StubSky();
    sky.held.add('launch');
    const one = openCluster({ test, sky });
    const { id } = await one.service.launch({});
    const request = await working(sky, 'launch');
    await until(() => test.store.operations.find(id)?.step === 'cluster.launch.wait');
    await one.dispose();
    test.store.operations.update({ ...test.store.operations.find(id)!, step: 'cluster.launch.submit' });
    test.clusterRecords.change({ request_id: null });
    const next = cluster({ test, sky });
    next.engine.resume();
    await until(() => next.row().request_id !== null);
    assert.equal(next.row().request_id, request);
    sky.end(request, { kind: 'succeeded' });
    assert.equal((await next.ended(id)).status, 'succeeded');
    assert.equal(sky.count('launch'), 1);
    test.dispose();
  });

  for (const at of [
    'cluster.start.wait:after',
    'cluster.start.done:before',
    'cluster.mount.submit:after',
    'finish:before',
  ]) {
    it(`at ${at} the next one ends the start, each half once`, async () => {
      const test = openStore();
      const sky = new StubSky();
      const first = openCluster({ test, sky });
      await launched(first);
      await first.ended((await first.service.stop({})).id);
      await first.dispose();
      const { one, dead } = dying(test, sky, at);
      one.service.start();
      await dead;
      const row = test.store.operations.running()[0];
      const next = cluster({ test, sky });
      next.engine.resume();
      assert.equal((await next.ended(row!.id)).status, 'succeeded');
      assert.deepEqual([sky.count('start'), sky.count('launch fast')], [1, 1]);
      await one.dispose();
      test.dispose();
    });
  }
});
