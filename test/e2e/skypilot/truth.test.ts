/** What happens behind our back, and crashes in the middle, with the real SkyPilot: the state is right soon after. */
import assert from 'node:assert/strict';
import { newest } from '../cluster-harness.ts';
import { end, ended } from '../control-plane-harness.ts';
import { RigServer, WORK_MS } from './server.ts';
import {
  instances,
  killApiServer,
  refuse,
  rigFolder,
  run,
  stopInstance,
  terminateInstance,
  WHY_SKIPPED,
} from './rig/rig.ts';

/** A change is seen within 30 s, of which SkyPilot itself takes half: more on a slow machine. */
const SEEN_SECONDS = 120;

describe('the cloud server with the real SkyPilot', function () {
  this.timeout(10 * 60_000);
  // Each step begins where the one before ended.
  this.bail(true);
  const server = new RigServer();

  before(async function () {
    if (rigFolder === undefined) {
      console.log(WHY_SKIPPED);
      this.skip();
    }
    server.write('public', 'one.txt', 'public one\n');
    server.write('public', '.gitignore', 'one.txt\n');
    server.write('private', 'two.txt', 'private two\n');
    await server.serve();
  });
  after(() => server.dispose());

  const onServer = async (path: string): Promise<string> =>
    (await run('ssh', ['carapace-node', `cat /opt/carapace/data/${path}`])).stdout;

  it('goes on with a launch when the control plane is killed in it', async () => {
    await server.client.launchCluster(server.wish);
    await server.seen('a machine', ({ status }) => status === 'provisioning', SEEN_SECONDS);
    while ((await instances()).length === 0) await server.client.getCluster();
    await end(server.controlPlane, 'SIGKILL');
    await server.serve();
    const operation = await newest(server.client, 'cluster.launch');
    assert.ok(operation);
    await server.wentWell(operation);
    const cluster = await server.client.getCluster();
    assert.equal(cluster.status, 'running');
    assert.match(cluster.ip ?? '', /^\d+\.\d+\.\d+\.\d+$/);
    assert.equal((await instances()).length, 1);
    assert.equal(await onServer('public/one.txt'), 'public one\n');
    assert.equal(await onServer('private/two.txt'), 'private two\n');
  });

  it('lists what was changed on the server, and overwrites it only when told to', async () => {
    await run('ssh', ['carapace-node', 'echo there > /opt/carapace/data/public/one.txt']);
    server.write('public', 'one.txt', 'public one, here\n');
    const refused = await server.client.syncCluster({}).then(
      () => undefined,
      (error: unknown) => error as Error & { details?: Record<string, unknown> },
    );
    assert.deepEqual(refused?.details?.['server_changes'], [
      { vault: 'public', path: 'one.txt', change: 'changed', conflict: true },
    ]);
    assert.equal(await onServer('public/one.txt'), 'there\n');
    await server.wentWell(await server.client.syncCluster({ server_changes: 'discard' }));
    assert.equal(await onServer('public/one.txt'), 'public one, here\n');
  });

  it('says that the state is old while the cloud refuses to tell it', async () => {
    refuse('credentials');
    const cluster = await server.seen('old', ({ unreachable }) => unreachable !== null, SEEN_SECONDS);
    assert.equal(cluster.status, 'running');
    refuse('none');
    await server.seen('fresh', ({ unreachable }) => unreachable === null, SEEN_SECONDS);
  });

  it('sees that the instance was stopped in the cloud', async () => {
    const [instance] = await instances();
    assert.ok(instance);
    await server.client.getCluster();
    await stopInstance(instance.id);
    const cluster = await server.seen('stopped', ({ status }) => status !== 'running', SEEN_SECONDS);
    assert.equal(cluster.status, 'stopped', JSON.stringify(cluster));
    assert.notEqual(cluster.note, null);
  });

  it('goes on with a start when SkyPilot’s server and the control plane are killed in it', async () => {
    await server.client.startCluster();
    await server.seen('under way', ({ status }) => status === 'provisioning', SEEN_SECONDS);
    await end(server.controlPlane, 'SIGKILL');
    await killApiServer();
    await server.serve();
    const operation = await newest(server.client, 'cluster.start');
    assert.ok(operation);
    await server.wentWell(operation);
    assert.equal((await server.client.getCluster()).status, 'running');
    assert.equal((await instances()).length, 1);
  });

  it('stops it although the control plane is killed in the middle', async () => {
    await server.client.stopCluster({ server_changes: 'discard' });
    await end(server.controlPlane, 'SIGKILL');
    await server.serve();
    const operation = await newest(server.client, 'cluster.stop');
    assert.ok(operation);
    await server.wentWell(operation);
    assert.deepEqual(
      (await instances()).map(({ state }) => state),
      ['stopped'],
    );
  });

  it('sees that the instance was terminated in the cloud, and says so', async () => {
    const [instance] = await instances();
    assert.ok(instance);
    await server.client.getCluster();
    await terminateInstance(instance.id);
    const cluster = await server.seen('gone', ({ status }) => status === 'no_server', SEEN_SECONDS);
    assert.match(cluster.note ?? '', /is gone/);
  });

  it('leaves nothing unseen of a launch that is cancelled, and destroys it although it is killed in that', async () => {
    const launch = await server.client.launchCluster(server.wish);
    while ((await instances()).length === 0) await server.client.getCluster();
    await server.client.cancelOperation(launch.id);
    const cancelled = await ended(server.client, launch, WORK_MS);
    assert.equal(cancelled.status, 'cancelled', JSON.stringify(cancelled));
    const left = await server.client.getCluster();
    assert.equal((await instances()).length > 0, left.billed === 'machine' || left.billed === 'unknown');
    if (left.status === 'no_server') return;
    assert.equal(left.status, 'error');
    assert.match(left.error?.message ?? '', /cancelled.*[Dd]estroy/);
    await server.client.destroyCluster({ server_changes: 'discard' });
    await end(server.controlPlane, 'SIGKILL');
    await server.serve();
    await server.seen('gone', ({ status }) => status === 'no_server', WORK_MS / 1000);
    assert.deepEqual(await instances(), []);
  });
});
