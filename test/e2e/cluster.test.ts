/** The cloud server over its life, with a real control plane and a fake SkyPilot. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster, ServerChange } from '../../src/protocol/cluster.ts';
import { until, type TestControlPlane } from './control-plane-harness.ts';
import { ClusterTest, phasesOf, reaches, refusal, wentWell } from './cluster-harness.ts';

describe('the cloud server', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  let controlPlane: TestControlPlane;

  beforeEach(async () => {
    test = await ClusterTest.create();
    controlPlane = await test.serve();
  });
  afterEach(() => test.dispose());

  it('is launched, stopped, started and destroyed, and nothing is left', async () => {
    const { client } = controlPlane;
    assert.equal((await client.getCluster()).status, 'no_server');

    const launch = await test.launched(client);
    const running = await client.getCluster();
    const [machine] = test.fake.machines();
    assert.equal(running.status, 'running');
    assert.equal(running.ip, machine?.ip);
    assert.equal(running.billed, 'machine');
    assert.equal(running.price_per_hour, 0.192);
    assert.equal(running.autostop_minutes, 30);
    assert.equal(running.ssh_host, 'carapace-node');
    assert.equal(test.readOnServer('public', 'hello.txt'), 'for all\n');
    assert.equal(test.readOnServer('private', 'notes/plan.md'), 'for me\n');
    for (const phase of ['machine', 'runtime', 'files']) assert.ok(phasesOf(launch).includes(phase), phase);

    await wentWell(client, await client.stopCluster({}));
    const stopped = await client.getCluster();
    assert.deepEqual([stopped.status, stopped.ip, stopped.billed], ['stopped', null, 'disk']);
    assert.deepEqual(test.machines(), ['stopped']);

    await wentWell(client, await client.startCluster());
    const again = await client.getCluster();
    assert.equal(again.status, 'running');
    assert.equal(again.ip, test.fake.machines()[0]?.ip);
    assert.notEqual(again.ip, running.ip);
    assert.equal(test.readOnServer('public', 'hello.txt'), 'for all\n');

    await wentWell(client, await client.destroyCluster({}));
    const gone = await client.getCluster();
    assert.deepEqual([gone.status, gone.ip, gone.billed], ['no_server', null, 'nothing']);
    test.assertNothingIsBilled();
    test.assertOneMachineEver();
  });

  it('tells each change of its state to whoever listens', async () => {
    const { client } = controlPlane;
    const seen: string[] = [];
    const listening = new AbortController();
    const opened = Promise.withResolvers<undefined>();
    const reader = (async () => {
      const options = { signal: listening.signal, onOpen: () => opened.resolve(undefined) };
      for await (const { event } of client.events(options)) {
        const cluster =
          event.resource !== undefined && 'cluster' in event.resource ? event.resource.cluster : undefined;
        if (cluster !== undefined && seen.at(-1) !== cluster.status) seen.push(cluster.status);
      }
    })().catch(() => undefined);
    await opened.promise;
    await until('the picture is told', () => (seen.length > 0 ? true : undefined));
    await test.launched(client);
    await wentWell(client, await client.stopCluster({}));
    await wentWell(client, await client.destroyCluster({}));
    await reaches(client, 'no_server');
    await until('the end is told', () => (seen.length > 1 && seen.at(-1) === 'no_server' ? true : undefined));
    listening.abort();
    await reader;
    const expected: Cluster['status'][] = ['no_server', 'provisioning', 'running', 'stopping', 'stopped', 'destroying'];
    assert.deepEqual(seen, [...expected, 'no_server']);
  });

  it('is synced: what was changed, added and removed here', async () => {
    const { client } = controlPlane;
    test.write('public', 'old.txt', 'old');
    await test.launched(client);
    test.write('public', 'hello.txt', 'changed here\n');
    test.write('private', 'new.txt', 'new');
    rmSync(join(test.vaults.public, 'old.txt'));
    const [report] = await client.inspectVaults();
    assert.deepEqual(
      [report?.changed?.files, report?.removed?.files, report?.added?.files],
      [['hello.txt'], ['old.txt'], []],
    );

    await wentWell(client, await client.syncCluster({}));
    assert.equal(test.readOnServer('public', 'hello.txt'), 'changed here\n');
    assert.equal(test.readOnServer('private', 'new.txt'), 'new');
    assert.ok(existsSync(test.onServer('public', 'old.txt')), 'SkyPilot removes nothing');
    assert.equal((await client.getCluster()).status, 'running');
  });

  it('removes there what was removed here, where that is asked', async () => {
    const { client } = controlPlane;
    test.write('public', 'old.txt', 'old');
    await test.launched(client);
    rmSync(join(test.vaults.public, 'old.txt'));
    await wentWell(client, await client.syncCluster({ deletions: 'remove' }));
    assert.ok(!existsSync(test.onServer('public', 'old.txt')));
    assert.equal(test.readOnServer('public', 'hello.txt'), 'for all\n');
  });

  it('asks before files are lost that were changed on the server, and keeps them beside those here', async () => {
    const { client } = controlPlane;
    await test.launched(client);
    writeFileSync(test.onServer('public', 'hello.txt'), 'changed there, longer\n');
    writeFileSync(test.onServer('public', 'result.csv'), '1,2\n');
    test.write('public', 'hello.txt', 'changed here, too\n');
    for (const request of [
      () => client.syncCluster({}),
      () => client.stopCluster({}),
      () => client.destroyCluster({ server_changes: 'refuse' }),
    ]) {
      const { details } = await refusal(
        request(),
        'CONFLICT',
        /2 files were changed on the server/,
        /public\/hello\.txt/,
      );
      const changes = details?.['server_changes'] as ServerChange[];
      assert.deepEqual(
        changes.toSorted((one, other) => one.path.localeCompare(other.path)),
        [
          { vault: 'public', path: 'hello.txt', change: 'changed', conflict: true },
          { vault: 'public', path: 'result.csv', change: 'added', conflict: false },
        ],
      );
    }
    assert.equal((await client.getCluster()).status, 'running');

    await wentWell(client, await client.syncCluster({ server_changes: 'keep' }));
    assert.equal(test.readOnServer('public', 'hello.txt'), 'changed here, too\n');
    assert.equal(test.readOnServer('public', 'hello.txt.from-server'), 'changed there, longer\n');
    assert.equal(test.readOnServer('public', 'result.csv'), '1,2\n');

    writeFileSync(test.onServer('public', 'hello.txt'), 'changed there once more\n');
    await wentWell(client, await client.syncCluster({ server_changes: 'discard' }));
    assert.equal(test.readOnServer('public', 'hello.txt'), 'changed here, too\n');
  });

  it('lets SSH in, and says so where it does not', async () => {
    const { client } = controlPlane;
    await refusal(client.prepareSsh(), 'NOT_FOUND', /launch it first/);
    await test.launched(client);
    rmSync(join(test.fake.home, '.sky/generated/ssh/carapace-node'));
    assert.equal((await client.prepareSsh()).ssh_host, 'carapace-node');
    test.fake.stopMachine();
    await refusal(client.prepareSsh(), 'UNAVAILABLE', /carapace-node/);
  });

  it('has its idle time changed, and SkyPilot knows of it', async () => {
    const { client } = controlPlane;
    await test.launched(client);
    assert.equal((await client.setAutostop(45)).autostop_minutes, 45);
    assert.equal(test.fake.records()[0]?.autostop, 45);
    await client.setAutostop(0);
    assert.equal(test.fake.records()[0]?.autostop, -1);
    test.behave({ fail: { autostop: 'not_done' } });
    await refusal(client.setAutostop(20), 'CONFLICT', /did not set the autostop/);
  });

  it('is refused in the wrong states, with the reason', async () => {
    const { client } = controlPlane;
    for (const request of [
      () => client.startCluster(),
      () => client.stopCluster({}),
      () => client.destroyCluster({}),
      () => client.syncCluster({}),
      () => client.setAutostop(5),
    ]) {
      await refusal(request(), 'NOT_FOUND', /There is none: launch it first/);
    }
    await test.launched(client);
    await refusal(client.launchCluster(test.wish), 'ALREADY_RUNNING', /running/);
    await refusal(client.startCluster(), 'ALREADY_RUNNING', /running/);
    await wentWell(client, await client.stopCluster({}));
    await refusal(client.stopCluster({}), 'NOT_RUNNING', /stopped/);
    await refusal(client.launchCluster(test.wish), 'CONFLICT', /start it, or destroy it/);
    await refusal(client.syncCluster({}), 'NOT_RUNNING', /start it/);
    test.assertOneMachineEver();
  });

  it('plans and offers without making anything', async () => {
    const { client } = controlPlane;
    const plan = await client.planCluster(test.wish);
    assert.deepEqual([plan.offer?.instance_type, plan.price_per_hour], ['m6i.xlarge', 0.192]);
    assert.deepEqual(
      plan.vaults.map(({ vault, file_count, problem }) => [vault, file_count, problem]),
      [
        ['public', 1, null],
        ['private', 1, null],
      ],
    );
    const offers = await client.listOffers({ cpus: '4+', memory: '32+' });
    assert.deepEqual([offers[0]?.instance_type, offers[0]?.price_per_hour], ['r6i.xlarge', 0.252]);
    const check = await client.checkCluster();
    assert.deepEqual([check.sky_installed, check.sky_version, check.enabled_clouds], [true, '0.14.1', ['AWS']]);
    assert.match(check.disabled_clouds['GCP'] ?? '', /not installed/);
    test.assertNothingWasMade();
    assert.equal(test.fake.launches().length, 0);
  });
});
