/** kill -9 of the control plane in each step of its work on the cluster, and of SkyPilot's API server in the middle. */
import assert from 'node:assert/strict';
import type { ControlPlaneClient } from '../../src/client/control-plane.ts';
import type { ClusterStatus } from '../../src/protocol/cluster.ts';
import type { Operation, OperationKind } from '../../src/protocol/operation.ts';
import type { Phase } from '../fakes/sky/behaviour.ts';
import { attempt, ClusterTest, IS_FULL, newest, reaches, wentWell } from './cluster-harness.ts';
import { death, end, ended, until, type TestControlPlane } from './control-plane-harness.ts';

/** Before and after each of the steps. */
function places(...steps: string[]): string[] {
  return ['begin', ...steps, 'finish'].flatMap((step) => [`${step}:before`, `${step}:after`]);
}

function request(stage: string): string[] {
  return ['submit', 'wait', 'confirm'].map((step) => `${stage}.${step}`);
}

interface Verb {
  readonly kind: OperationKind;
  readonly ask: (client: ControlPlaneClient, test: ClusterTest) => Promise<Operation>;
  readonly places: readonly string[];
  /** What the cluster is afterwards. */
  readonly status: ClusterStatus;
}

const LAUNCH: Verb = {
  kind: 'cluster.launch',
  ask: (client, test) => client.launchCluster(test.wish),
  places: places(...request('cluster.launch'), 'cluster.launch.entry'),
  status: 'running',
};
const SYNC: Verb = {
  kind: 'cluster.sync',
  ask: (client) => client.syncCluster({ server_changes: 'keep', deletions: 'remove' }),
  places: places('cluster.sync.keep', 'cluster.sync.remove', ...request('cluster.sync')),
  status: 'running',
};
const STOP: Verb = {
  kind: 'cluster.stop',
  ask: (client) => client.stopCluster({ server_changes: 'keep' }),
  places: places('cluster.stop.keep', ...request('cluster.stop')),
  status: 'stopped',
};
const START: Verb = {
  kind: 'cluster.start',
  ask: (client) => client.startCluster(),
  places: places(
    ...request('cluster.start'),
    'cluster.start.done',
    'cluster.mount.entry',
    'cluster.mount.look',
    ...request('cluster.mount'),
  ),
  status: 'running',
};
const DESTROY: Verb = {
  kind: 'cluster.destroy',
  ask: (client) => client.destroyCluster({ server_changes: 'keep' }),
  places: places('cluster.destroy.keep', ...request('cluster.destroy'), 'cluster.destroy.forget'),
  status: 'no_server',
};
/** In the order in which a cluster goes through them. */
const VERBS = [LAUNCH, SYNC, STOP, START, DESTROY];

/** The round that tells most: SkyPilot was asked for something a moment ago. */
const TELLING = [3];
const ROUNDS = [...Array(Math.max(...VERBS.map((verb) => verb.places.length))).keys()];

/** The phases of a launch; after `provision` there is a machine. */
const PHASES: readonly Phase[] = ['schedule', 'optimize', 'provision', 'instance', 'ssh', 'runtime', 'mount', 'setup'];

describe('the control plane, killed while it works on the cluster', function () {
  this.timeout(180_000);
  let test: ClusterTest;
  beforeEach(async () => (test = await ClusterTest.create()));
  afterEach(() => test.dispose());

  /** Asks for it of a control plane that dies at that place; the next one ends it, with the right state. */
  async function over(verb: Verb, place: string): Promise<TestControlPlane> {
    const dying = await test.serve({ CARAPACE_CRASH_AT: place });
    const begun = await attempt(verb.ask(dying.client, test));
    assert.equal(await death(dying), 'SIGKILL', `it died at ${place}`);
    const next = await test.serve();
    const operation = await newest(next.client, verb.kind);
    if (begun !== undefined) assert.equal(operation?.id, begun.id, 'it goes on under its own id');
    if (operation === undefined) assert.equal(place, 'begin:before', 'only what was not begun is lost');
    await wentWell(next.client, operation ?? (await verb.ask(next.client, test)));
    assert.equal((await next.client.getCluster()).status, verb.status);
    return next;
  }

  function assertTruth(verb: Verb): void {
    const machines: Partial<Record<ClusterStatus, string[]>> = { running: ['running'], stopped: ['stopped'] };
    assert.deepEqual(test.machines(), machines[verb.status] ?? []);
    test.assertOneMachineEver();
  }

  for (const round of IS_FULL ? ROUNDS : TELLING) {
    const dies = VERBS.flatMap((verb) => {
      const place = verb.places[round];
      return place === undefined ? [] : [[verb, place] as const];
    });
    it(`at ${dies.map(([{ kind }, place]) => `${kind.slice('cluster.'.length)} ${place}`).join(', ')}`, async () => {
      for (const verb of VERBS) {
        const place = verb.places[round];
        const served = place === undefined ? await test.serve() : await over(verb, place);
        if (place === undefined) await wentWell(served.client, await verb.ask(served.client, test));
        assertTruth(verb);
        if (verb === LAUNCH) assert.equal(test.readOnServer('public', 'hello.txt'), 'for all\n');
        await end(served);
      }
      test.assertNothingIsBilled();
    });
  }

  for (const phase of IS_FULL ? PHASES : (['runtime'] as const)) {
    it(`while SkyPilot is at "${phase}" of a launch: the next one goes on with it, and nothing is launched twice`, async () => {
      test.behave({ stall: phase });
      const dying = await test.serve();
      const { id } = await dying.client.launchCluster(test.wish);
      await until('it follows the launch', () => (test.fake.followed() === 1 ? true : undefined));
      await end(dying, 'SIGKILL');
      const { client } = await test.serve();
      assert.equal((await client.getCluster()).status, 'provisioning');
      await until('the next one follows it', () => (test.fake.followed() === 2 ? true : undefined));
      test.behave({});
      await wentWell(client, await client.getOperation(id));
      assert.equal((await client.getCluster()).status, 'running');
      assert.equal(test.fake.launches().length, 1);
      test.assertOneMachineEver();
    });
  }

  it('while the command of the launch has not reached SkyPilot yet: one machine', async () => {
    const dying = await test.serve();
    await dying.client.checkCluster();
    test.behave({ commandMs: 1_500 });
    await dying.client.launchCluster(test.wish);
    await until('the command runs', () => (test.fake.commands('launch').length === 1 ? true : undefined));
    await end(dying, 'SIGKILL');
    test.behave({});
    const { client } = await test.serve();
    const operation = await newest(client, 'cluster.launch');
    await wentWell(client, operation ?? null);
    assert.equal((await client.getCluster()).status, 'running');
    test.assertOneMachineEver();
  });

  it('while it cancels a launch: the next one ends the cancelling, and says what is left', async () => {
    test.behave({ stall: 'runtime' });
    const dying = await test.serve({ CARAPACE_CRASH_AT: 'cluster.launch.cancel:before' });
    const operation = await dying.client.launchCluster(test.wish);
    await until('the machine is there', () => (test.machines().length === 1 ? true : undefined));
    await attempt(dying.client.cancelOperation(operation.id));
    assert.equal(await death(dying), 'SIGKILL');
    const { client } = await test.serve();
    const over = await ended(client, await client.getOperation(operation.id));
    assert.equal(over.status, 'cancelled');
    const cluster = await client.getCluster();
    assert.deepEqual([cluster.status, cluster.billed], ['error', 'machine']);
    assert.match(cluster.error?.message ?? '', /billed/);
    test.behave({});
    await wentWell(client, await client.destroyCluster({}));
    test.assertNothingIsBilled();
  });
});

describe("SkyPilot's API server, killed in the middle", function () {
  this.timeout(180_000);
  let test: ClusterTest;
  let controlPlane: TestControlPlane;
  beforeEach(async () => {
    test = await ClusterTest.create();
    controlPlane = await test.serve();
  });
  afterEach(() => test.dispose());

  /** Kills it while it is at that phase, and starts it again. */
  async function restart(phase: Phase, isThere: () => boolean): Promise<void> {
    await until(`SkyPilot is at ${phase}`, () => (isThere() ? true : undefined));
    await test.fake.killServer();
    test.behave({});
    await test.fake.startServer();
  }

  for (const phase of IS_FULL ? PHASES : (['runtime'] as const)) {
    it(`at "${phase}" of a launch: it is asked once more, and there is one machine`, async () => {
      const { client } = controlPlane;
      test.behave({ stall: phase });
      const operation = await client.launchCluster(test.wish);
      const hasMachine = PHASES.indexOf(phase) > PHASES.indexOf('provision');
      await restart(phase, () => test.fake.launches().length === 1 && (!hasMachine || test.machines().length === 1));
      await wentWell(client, operation);
      assert.equal((await client.getCluster()).status, 'running');
      assert.equal(test.readOnServer('public', 'hello.txt'), 'for all\n');
      test.assertOneMachineEver();
    });
  }

  it('in a stop, a start and a destroy: each comes to its end', async () => {
    const { client } = controlPlane;
    await test.launched(client);
    const calls = (path: string): number =>
      test.fake.calls().filter(({ request }) => request === `POST ${path}`).length;
    test.behave({ stall: 'stop' });
    const stop = await client.stopCluster({ server_changes: 'discard' });
    await restart('stop', () => calls('/stop') === 1);
    await wentWell(client, stop);
    assert.deepEqual(test.machines(), ['stopped']);
    test.behave({ stall: 'runtime' });
    const start = await client.startCluster();
    await restart('runtime', () => test.machines()[0] === 'running');
    await wentWell(client, start);
    assert.equal((await client.getCluster()).status, 'running');
    test.behave({ stall: 'down' });
    const destroy = await client.destroyCluster({ server_changes: 'discard' });
    await restart('down', () => calls('/down') === 1);
    await wentWell(client, destroy);
    test.assertNothingIsBilled();
    test.assertOneMachineEver();
  });

  it('with nothing going on: what was known is shown as old, until it answers again', async () => {
    const { client } = controlPlane;
    await test.launched(client);
    test.behave({ noServer: true });
    await test.fake.killServer();
    const away = await until('it is said', async () => {
      const cluster = await client.getCluster();
      return cluster.unreachable === null ? undefined : cluster;
    });
    assert.equal(away.status, 'running');
    assert.match(away.unreachable ?? '', /API server/);
    test.fake.stopMachine();
    test.behave({});
    await test.fake.startServer();
    const stopped = await reaches(client, 'stopped');
    assert.equal(stopped.unreachable, null);
  });
});
