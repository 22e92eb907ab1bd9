/** What happens to the server behind our back: it is seen, and a line says what it was. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import type { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { ClusterTest, reaches, reachesWhere, refusal, wentWell } from './cluster-harness.ts';
import { until } from './control-plane-harness.ts';

describe('the server, changed by somebody else', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  let client: ControlPlaneClient;
  beforeEach(async () => {
    test = await ClusterTest.create();
    ({ client } = await test.serve({}, { watchedMs: 200 }));
    await test.launched(client);
  });
  afterEach(() => test.dispose());

  /** The fake's command, as typed in another terminal. */
  function sky(...words: string[]): void {
    const { status, stderr } = spawnSync('sky', words, { env: test.fake.environment, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }

  it('stopped in the cloud: it is stopped, and can be started', async () => {
    test.fake.stopMachine();
    const cluster = await reaches(client, 'stopped');
    assert.deepEqual([cluster.billed, cluster.ip], ['disk', null]);
    assert.match(cluster.note ?? '', /stopped .*not by Carapace/);
    await wentWell(client, await client.startCluster());
    test.assertOneMachineEver();
  });

  it('terminated in the cloud: it is gone, and what it was and cost is said', async () => {
    test.fake.terminateMachine();
    const cluster = await reaches(client, 'no_server');
    assert.equal(cluster.billed, 'nothing');
    assert.match(cluster.note ?? '', /"carapace-node" \(m6i\.xlarge.*is gone.*cost about \$/);
    await test.launched(client);
  });

  it('stopped by autostop: both its beginning and its end', async () => {
    test.fake.beginAutostop();
    const stopping = await reaches(client, 'stopping');
    assert.match(stopping.note ?? '', /by itself/);
    test.fake.stopMachine();
    assert.match((await reaches(client, 'stopped')).note ?? '', /SkyPilot stopped the server by itself/);
  });

  it('stopped, started and destroyed in another terminal', async () => {
    sky('stop', '-y', 'carapace-node');
    assert.match((await reaches(client, 'stopped')).note ?? '', /SkyPilot’s own command/);
    sky('start', '-y', 'carapace-node');
    await reaches(client, 'running');
    sky('down', '-y', 'carapace-node');
    assert.match((await reaches(client, 'no_server')).note ?? '', /is gone/);
    test.assertNothingIsBilled();
  });

  it('while a stop in another terminal runs: it is stopping, and nothing else may begin', async () => {
    test.behave({ stall: 'stop' });
    sky('stop', '-y', '--async', 'carapace-node');
    await reaches(client, 'stopping');
    await refusal(client.stopCluster({}), 'CONFLICT', /being stopped/);
    await refusal(client.destroyCluster({}), 'CONFLICT', /being stopped/);
    test.behave({});
    await reaches(client, 'stopped');
  });

  it('ill: it is an error that may cost money, and a launch mends it', async () => {
    test.fake.breakMachine();
    const cluster = await reaches(client, 'error');
    assert.equal(cluster.billed, 'unknown');
    assert.match(cluster.error?.message ?? '', /abnormal.*may be billed.*destroy/i);
    await test.launched(client);
    test.assertOneMachineEver();
    assert.equal((await client.getCluster()).status, 'running');
  });

  it('while nobody looks: it is seen all the same', async () => {
    test.fake.stopMachine();
    await until('the state is told', () => (test.fake.records()[0]?.status === 'STOPPED' ? true : undefined));
    await reaches(client, 'stopped');
  });

  it('with credentials that have expired: what was known is shown as old, with the reason', async () => {
    test.behave({ fail: { refresh: 'expired' } });
    test.fake.stopMachine();
    const cluster = await reachesWhere(client, 'it is told', ({ unreachable }) => unreachable !== null);
    assert.equal(cluster.status, 'running');
    assert.match(cluster.unreachable ?? '', /cloud|credentials|expired/i);
    test.behave({});
    assert.equal((await reaches(client, 'stopped')).unreachable, null);
  });

  it('with SkyPilot removed meanwhile: what was known is shown, with the reason', async () => {
    test.fake.uninstall();
    test.behave({ refuse: 0 });
    const cluster = await reachesWhere(client, 'it cannot be reached', ({ unreachable }) => unreachable !== null);
    assert.equal(cluster.status, 'running');
    await refusal(client.stopCluster({}), 'SKY_NOT_INSTALLED', /^SkyPilot not installed/);
    test.fake.install();
    test.behave({});
    assert.deepEqual(test.machines(), ['running']);
  });
});

describe('a Spot server', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  let client: ControlPlaneClient;
  beforeEach(async () => {
    test = await ClusterTest.create();
    ({ client } = await test.serve());
    await test.launched(client, { ...test.wish, use_spot: true });
  });
  afterEach(() => test.dispose());

  it('taken back by the cloud: it is gone, and a line says so', async () => {
    assert.equal((await client.getCluster()).price_per_hour, 0.07);
    test.fake.terminateMachine();
    assert.match((await reaches(client, 'no_server')).note ?? '', /Spot machine back/);
  });

  it('cannot be stopped on that cloud: it says so before anything is done, and is destroyed by autostop', async () => {
    assert.equal(test.fake.records()[0]?.toDown, true);
    await refusal(client.stopCluster({}), 'CONFLICT', /cannot be stopped/, /Destroy it/);
    assert.equal((await client.getCluster()).status, 'running');
    assert.deepEqual(test.machines(), ['running']);
    await wentWell(client, await client.destroyCluster({}));
    test.assertNothingIsBilled();
  });
});

describe('a server that was launched in another terminal', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  beforeEach(async () => (test = await ClusterTest.create()));
  afterEach(() => test.dispose());

  it('is found, is not launched again, and can be destroyed', async () => {
    const first = await test.serve();
    await test.launched(first.client);
    const { client } = first;
    first.child.kill('SIGKILL');
    await until('it has ended', () => (first.child.signalCode === null ? undefined : true));
    // As on another machine of the same user: nothing is known of it here.
    rmSync(test.state.home, { recursive: true });
    const next = await test.serve();
    assert.notEqual(next.client, client);
    await refusal(next.client.launchCluster(test.wish), 'ALREADY_RUNNING', /running/);
    const cluster = await reaches(next.client, 'running');
    assert.match(cluster.note ?? '', /not by Carapace/);
    await wentWell(next.client, await next.client.destroyCluster({}));
    test.assertNothingIsBilled();
    test.assertOneMachineEver();
  });
});
