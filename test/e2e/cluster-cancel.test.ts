/** Launches that are cancelled or take too long: what is left is said, seen and can be destroyed. */
import assert from 'node:assert/strict';
import type { Phase } from '../fakes/sky/behaviour.ts';
import { assertFailed, ClusterTest, full, IS_FULL, reaches, refusal, wentWell } from './cluster-harness.ts';
import { ended, until } from './control-plane-harness.ts';

interface Case {
  readonly phase: Phase;
  /** What is there when it is cancelled then. */
  readonly left: 'nothing' | 'machine';
}

/** In the order of a launch: from `instance` on there is a machine. */
const CASES: readonly Case[] = [
  { phase: 'schedule', left: 'nothing' },
  { phase: 'optimize', left: 'nothing' },
  { phase: 'provision', left: 'nothing' },
  { phase: 'instance', left: 'machine' },
  { phase: 'ssh', left: 'machine' },
  { phase: 'runtime', left: 'machine' },
  { phase: 'mount', left: 'machine' },
  { phase: 'setup', left: 'machine' },
];
const ALWAYS: readonly Phase[] = ['provision', 'runtime'];

describe('a launch that is cancelled', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  beforeEach(async () => (test = await ClusterTest.create()));
  afterEach(() => test.dispose());

  for (const { phase, left } of CASES.filter((one) => IS_FULL || ALWAYS.includes(one.phase))) {
    it(`at "${phase}" leaves ${left}, and says so`, async () => {
      test.behave({ stall: phase });
      const { client } = await test.serve();
      const operation = await client.launchCluster(test.wish);
      await until(`SkyPilot is at ${phase}`, () =>
        test.fake.followed() === 1 && test.machines().length === (left === 'machine' ? 1 : 0) ? true : undefined,
      );
      await client.cancelOperation(operation.id);
      const end = await ended(client, operation);
      assert.equal(end.status, 'cancelled', JSON.stringify(end.error));
      const last = end.events.at(-1)?.message ?? '';
      const cluster = await client.getCluster();
      assert.equal(cluster.billed, left);
      test.behave({});
      if (left === 'nothing') {
        assert.match(last, /Nothing is left, and nothing is billed/);
        assert.equal(cluster.status, 'no_server');
        test.assertNothingIsBilled();
        return;
      }
      assert.match(last, /m6i\.xlarge.* is there and billed: Destroy removes it/);
      assert.equal(cluster.status, 'error');
      assert.match(cluster.error?.message ?? '', /billed/);
      assert.deepEqual(test.machines(), ['running']);
      await wentWell(client, await client.destroyCluster({}));
      assert.equal((await client.getCluster()).status, 'no_server');
      test.assertNothingIsBilled();
    });
  }

  it('and launched again uses the machine that is there', async () => {
    test.behave({ stall: 'runtime' });
    const { client } = await test.serve();
    const operation = await client.launchCluster(test.wish);
    await until('there is a machine', () => (test.machines().length === 1 ? true : undefined));
    await client.cancelOperation(operation.id);
    assert.equal((await ended(client, operation)).status, 'cancelled');
    await reaches(client, 'error');
    test.behave({});
    await test.launched(client);
    assert.equal((await client.getCluster()).status, 'running');
    test.assertOneMachineEver();
  });

  it('cannot be cancelled twice, nor after its end', async () => {
    const { client } = await test.serve();
    const { id } = await test.launched(client);
    await refusal(client.cancelOperation(id), 'NOT_RUNNING', /has ended/);
  });

  it('while its command is being started is ended all the same', async () => {
    const { client } = await test.serve();
    await client.checkCluster();
    test.behave({ commandMs: 1_000, stall: 'schedule' });
    const operation = await client.launchCluster(test.wish);
    await until('the command runs', () => (test.fake.commands('launch').length === 1 ? true : undefined));
    await client.cancelOperation(operation.id);
    assert.equal((await ended(client, operation)).status, 'cancelled');
    test.assertNothingWasMade();
    test.behave({});
    await until('it stays so', () => (test.fake.launches().length === 1 ? true : undefined));
    test.assertNothingWasMade();
    assert.equal((await client.getCluster()).status, 'no_server');
  });
});

describe('an operation past its deadline', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  beforeEach(async () => (test = await ClusterTest.create()));
  afterEach(() => test.dispose());

  it('of a launch: it is ended, and what it left is said', async () => {
    test.behave({ stall: 'runtime' });
    const { client } = await test.serve({}, { launchMs: 12_000 });
    const end = await ended(client, await client.launchCluster(test.wish));
    assertFailed(end, 'TIMED_OUT', /launch did not end within 12 s/, /m6i\.xlarge.* there and billed/);
    const cluster = await reaches(client, 'error');
    assert.deepEqual([cluster.billed, cluster.error?.code], ['machine', 'TIMED_OUT']);
    test.behave({});
    await wentWell(client, await client.destroyCluster({}));
    test.assertNothingIsBilled();
  });

  full('of a launch before there was a machine: nothing is left', async () => {
    test.behave({ stall: 'optimize' });
    const { client } = await test.serve({}, { launchMs: 4_000 });
    const end = await ended(client, await client.launchCluster(test.wish));
    assertFailed(end, 'TIMED_OUT', /Nothing of it is left, and nothing is billed/);
    test.behave({});
    test.assertNothingIsBilled();
    await test.launched(client);
  });

  full('of a stop and a destroy: the machine is still there, and each can be tried again', async () => {
    const { client } = await test.serve({}, { clusterStopMs: 12_000, destroyMs: 12_000 });
    await test.launched(client);
    test.behave({ stall: 'stop' });
    const stop = await ended(client, await client.stopCluster({}));
    assertFailed(stop, 'TIMED_OUT', /Stopping did not end within 12 s/, /billed/);
    assert.deepEqual(test.machines(), ['running']);
    const afterStop = await reaches(client, 'error');
    assert.equal(afterStop.billed, 'machine');
    test.behave({});
    await wentWell(client, await client.stopCluster({}));
    assert.deepEqual(test.machines(), ['stopped']);
    test.behave({ stall: 'down' });
    const destroy = await ended(client, await client.destroyCluster({}));
    assertFailed(destroy, 'TIMED_OUT', /Destroying did not end within 12 s/, /disk is kept and billed/);
    await reaches(client, 'error');
    test.behave({});
    await wentWell(client, await client.destroyCluster({}));
    test.assertNothingIsBilled();
  });
});
