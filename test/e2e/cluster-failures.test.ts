/** What can go wrong with the server: the code, the sentence that a person sees, and nothing made or lost. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlaneClient } from '../../src/client/control-plane.ts';
import type { LaunchCluster } from '../../src/protocol/cluster.ts';
import { assertFailed, ClusterTest, full, reaches, refusal, wentWell } from './cluster-harness.ts';
import { call, ended, type TestControlPlane } from './control-plane-harness.ts';

describe('a launch that cannot begin', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  let controlPlane: TestControlPlane;
  let client: ControlPlaneClient;
  before(async () => {
    test = await ClusterTest.create();
    controlPlane = await test.serve();
    ({ client } = controlPlane);
  });
  afterEach(async () => {
    test.assertNothingWasMade();
    assert.equal((await client.getCluster()).status, 'no_server');
    test.fake.install();
    test.behave({});
  });
  after(() => test.dispose());

  const launch = (wish: LaunchCluster = {}): Promise<unknown> => client.launchCluster({ ...test.wish, ...wish });

  it('without SkyPilot says how to install it', async () => {
    test.fake.uninstall();
    const { details } = await refusal(launch(), 'SKY_NOT_INSTALLED', /^SkyPilot not installed/, /Install it by: /);
    assert.match(String(details?.['install_command']), /skypilot\[/);
    const check = await client.checkCluster();
    assert.deepEqual([check.sky_installed, check.sky_version], [false, null]);
    assert.match(check.reason ?? '', /^SkyPilot not installed/);
    assert.match(check.install_command ?? '', /skypilot\[/);
  });

  it('without SkyPilot at the path that was set names that path', async () => {
    await refusal(launch({ sky_path: '/nowhere/sky' }), 'SKY_NOT_INSTALLED', /\/nowhere\/sky/);
    assert.equal((await client.checkCluster('/nowhere/sky')).sky_installed, false);
  });

  it('with a SkyPilot that is too old names both versions', async () => {
    test.behave({ version: '0.11.2' });
    await refusal(launch(), 'SKY_NOT_INSTALLED', /SkyPilot 0\.11\.2 is too old/, /0\.12\.0 or later/, /Install it by/);
    const check = await client.checkCluster();
    assert.deepEqual([check.sky_installed, check.sky_version], [false, '0.11.2']);
  });

  it('without credentials names each cloud and its reason', async () => {
    test.behave({ clouds: { AWS: 'AWS credentials are not set.', GCP: 'GCP tools are not installed.' } });
    await refusal(
      launch({ cloud: null }),
      'NO_CREDENTIALS',
      /AWS: AWS credentials are not set/,
      /GCP: .*not installed/,
    );
    const check = await client.checkCluster();
    assert.deepEqual([check.sky_installed, check.enabled_clouds], [true, []]);
    assert.match(check.reason ?? '', /AWS credentials are not set/);
  });

  it('with credentials of another cloud than the wanted one says which can be used', async () => {
    await refusal(
      launch({ cloud: 'gcp' }),
      'NO_CREDENTIALS',
      /"gcp" cannot be used/,
      /not installed/,
      /These can: AWS/,
    );
  });

  it('with credentials that have expired says so before anything is made', async () => {
    const reason =
      'AWS access token is expired. Run the following commands:\n      $ aws sso login --profile <profile_name>';
    test.behave({ clouds: { AWS: reason } });
    await refusal(launch(), 'NO_CREDENTIALS', /access token is expired/, /aws sso login/);
  });

  it('with a name that cannot be says what a name is', async () => {
    for (const name of ['carapace_node', 'A-node', 'no', '-node', 'node-', 'x'.repeat(64), 'carapace node']) {
      const answer = await call(controlPlane, 'POST', '/api/cluster/launch', { body: JSON.stringify({ name }) });
      assert.deepEqual([answer.status, answer.body.error?.code], [400, 'INVALID_INPUT'], name);
      assert.match(answer.body.error?.message ?? '', /3 to 63 lowercase letters, digits and hyphens/);
    }
  });

  it('with a vault that is not there, is a file, or leads nowhere names it', async () => {
    const missing = join(test.state.folder, 'nowhere');
    await refusal(launch({ vaults: { public: missing } }), 'INVALID_INPUT', /nowhere/, /public/);
    const file = join(test.vaults.public, 'hello.txt');
    await refusal(launch({ vaults: { private: file } }), 'INVALID_INPUT', /hello\.txt/, /folder/);
    const loop = join(test.state.folder, 'loop');
    symlinkSync('loop', loop);
    await refusal(launch({ vaults: { public: loop } }), 'INVALID_INPUT', /\/loop/);
  });

  it('with a vault that cannot be read names it', async function () {
    // The administrator reads everything.
    if (process.getuid?.() === 0) this.skip();
    chmodSync(test.vaults.public, 0o000);
    await refusal(launch(), 'INVALID_INPUT', /vaults\/public/, /read/);
    chmodSync(test.vaults.public, 0o700);
  });

  it('with one vault in the other says why that is refused', async () => {
    const inner = join(test.vaults.public, 'inner');
    mkdirSync(inner);
    await refusal(
      launch({ vaults: { public: test.vaults.public, private: inner } }),
      'INVALID_INPUT',
      /in one another/,
    );
  });

  it('with an API server that refuses to start says so', async () => {
    await test.fake.killServer();
    test.behave({ noServer: true });
    await refusal(launch(), 'UNAVAILABLE', /API server/);
  });
});

describe('a launch that SkyPilot fails', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  let client: ControlPlaneClient;
  beforeEach(async () => {
    test = await ClusterTest.create();
    ({ client } = await test.serve());
  });
  afterEach(() => test.dispose());

  async function launchFails() {
    return ended(client, await client.launchCluster(test.wish));
  }

  /** The next launch, with the fault mended, goes well. */
  async function isMended(): Promise<void> {
    test.behave({});
    await test.launched(client);
    assert.equal((await client.getCluster()).status, 'running');
    assert.equal(test.fake.everyMachine().length, 1);
  }

  it('for want of capacity: nothing is left, and it can be tried again', async () => {
    test.behave({ fail: { launch: 'no_capacity' } });
    assertFailed(await launchFails(), 'NO_CAPACITY', /Nothing of it is left, and nothing is billed/, /another region/);
    assert.deepEqual(
      [(await client.getCluster()).billed, (await client.getCluster()).error?.code],
      ['nothing', 'NO_CAPACITY'],
    );
    test.assertNothingWasMade();
    await isMended();
  });

  it('for want of quota: it says quota', async () => {
    test.behave({ fail: { launch: 'no_quota' } });
    assertFailed(await launchFails(), 'NO_CAPACITY', /quota|limit/i, /nothing is billed/);
    test.assertNothingWasMade();
  });

  it('because no such machine is offered', async () => {
    test.behave({ fail: { launch: 'no_offer' } });
    assertFailed(await launchFails(), 'NO_CAPACITY', /does not contain any instances/, /nothing is billed/);
    test.assertNothingWasMade();
  });

  it('because the credentials expired meanwhile: it says so, and not that there is no capacity', async () => {
    test.behave({ fail: { launch: 'expired' } });
    assertFailed(await launchFails(), 'NO_CREDENTIALS', /expired|credentials/i, /Sign in/, /nothing is billed/);
    test.assertNothingWasMade();
    await isMended();
  });

  it('because its runtime cannot be set up: the machine is billed, which is said, and a launch mends it', async () => {
    test.behave({ fail: { launch: 'runtime' } });
    assertFailed(await launchFails(), 'UNAVAILABLE', /Failed to set up SkyPilot runtime/, /billed: Destroy removes it/);
    const cluster = await reaches(client, 'error');
    assert.equal(cluster.billed, 'machine');
    assert.deepEqual(test.machines(), ['running']);
    await isMended();
  });

  it('because a real folder is in the way of a vault: it is named, and that folder is as it was', async () => {
    test.behave({ image: ['/opt/carapace/data/public'] });
    const end = await launchFails();
    assertFailed(end, 'CONFLICT', /\/opt\/carapace\/data\/public/, /in the way/, /billed/);
    assert.deepEqual(readdirSync(test.fake.remotePath('opt/carapace/data/public')), []);
    const cluster = await reaches(client, 'error');
    assert.equal(cluster.billed, 'machine');
    rmSync(test.fake.remotePath('opt/carapace/data/public'), { recursive: true });
    await isMended();
    assert.equal(test.readOnServer('public', 'hello.txt'), 'for all\n');
  });

  it('with success: it is not believed', async () => {
    test.behave({ fail: { launch: 'not_done' } });
    assertFailed(await launchFails(), 'UNAVAILABLE', /reported success/, /nothing is billed/);
    test.assertNothingWasMade();
  });

  it('by destroying it from the error, nothing is left', async () => {
    test.behave({ fail: { launch: 'runtime' } });
    await launchFails();
    await reaches(client, 'error');
    test.behave({});
    await wentWell(client, await client.destroyCluster({}));
    test.assertNothingIsBilled();
    assert.equal((await client.getCluster()).status, 'no_server');
  });
});

describe('a stop, a start and a destroy that SkyPilot does not do', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  let client: ControlPlaneClient;
  beforeEach(async () => {
    test = await ClusterTest.create();
    ({ client } = await test.serve());
    await test.launched(client);
  });
  afterEach(() => test.dispose());

  it('a stop that the cloud does not support: the server runs on, and is told to be destroyed', async () => {
    test.behave({ fail: { stop: 'unsupported' } });
    const end = await ended(client, await client.stopCluster({}));
    assertFailed(end, 'CONFLICT', /not supported/, /Destroy/);
    const cluster = await client.getCluster();
    assert.deepEqual([cluster.status, cluster.billed], ['running', 'machine']);
    assert.deepEqual(test.machines(), ['running']);
  });

  it('a stop that is reported as done: it is not believed, and can be tried again', async () => {
    test.behave({ fail: { stop: 'not_done' } });
    const end = await ended(client, await client.stopCluster({}));
    assertFailed(end, 'UNAVAILABLE', /reported success/, /SkyPilot says UP/, /billed/);
    await reaches(client, 'error');
    test.behave({});
    await wentWell(client, await client.stopCluster({}));
    assert.deepEqual(test.machines(), ['stopped']);
  });

  it('a destroy that is reported as done: it is not believed, and can be tried again', async () => {
    test.behave({ fail: { down: 'not_done' } });
    const end = await ended(client, await client.destroyCluster({}));
    assertFailed(end, 'UNAVAILABLE', /reported success/, /billed/);
    assert.equal((await reaches(client, 'error')).billed, 'machine');
    test.behave({});
    await wentWell(client, await client.destroyCluster({}));
    test.assertNothingIsBilled();
  });

  it('a destroy with expired credentials: the machine is still billed, which is said', async () => {
    test.behave({ fail: { down: 'expired' } });
    const end = await ended(client, await client.destroyCluster({}));
    assertFailed(end, 'NO_CREDENTIALS', /expired/, /billed/);
    await reaches(client, 'error');
    assert.deepEqual(test.machines(), ['running']);
    test.behave({});
    await wentWell(client, await client.destroyCluster({}));
    test.assertNothingIsBilled();
  });

  it('a start for want of capacity: the disk is kept, and it can be tried again', async () => {
    await wentWell(client, await client.stopCluster({}));
    test.behave({ fail: { start: 'no_capacity' } });
    assertFailed(await ended(client, await client.startCluster()), 'NO_CAPACITY', /disk is kept/);
    assert.deepEqual(test.machines(), ['stopped']);
    test.behave({});
    await reaches(client, (await client.getCluster()).status === 'error' ? 'error' : 'stopped');
    await wentWell(client, await client.startCluster());
    assert.equal((await client.getCluster()).status, 'running');
    test.assertOneMachineEver();
  });

  it('a sync that fails leaves the server running, and nothing lost', async () => {
    test.write('public', 'hello.txt', 'newer\n');
    test.behave({ fail: { launch: 'mount' } });
    const end = await ended(client, await client.syncCluster({}));
    assert.equal(end.status, 'failed');
    assert.equal((await client.getCluster()).status, 'running');
    test.behave({});
    await wentWell(client, await client.syncCluster({}));
    assert.equal(test.readOnServer('public', 'hello.txt'), 'newer\n');
  });
});

describe('the files of the vaults', function () {
  this.timeout(120_000);
  let test: ClusterTest;
  let client: ControlPlaneClient;
  beforeEach(async () => {
    test = await ClusterTest.create();
    ({ client } = await test.serve());
  });
  afterEach(() => test.dispose());

  it('that a .gitignore names are mounted all the same, and are named before', async () => {
    test.write('public', '.gitignore', '*.csv\nbuild/\n');
    test.write('public', 'data.csv', '1,2\n');
    test.write('public', 'build/out.bin', 'x');
    const plan = await client.planCluster(test.wish);
    assert.match(plan.warnings.join('\n'), /2 files in the public vault.*\.gitignore/);
    await test.launched(client);
    assert.equal(test.readOnServer('public', 'data.csv'), '1,2\n');
    assert.equal(test.readOnServer('public', 'build/out.bin'), 'x');
  });

  it('that look like secrets in the public vault are warned of', async () => {
    test.write('public', 'id_rsa', '-----BEGIN OPENSSH PRIVATE KEY-----\n');
    test.write('public', '.env', 'API_KEY=abc\n');
    const plan = await client.planCluster(test.wish);
    assert.match(plan.warnings.join('\n'), /2 files in the public vault look like keys or passwords/);
    test.assertNothingWasMade();
  });

  it('with odd names and links are mounted and compared', async () => {
    for (const name of ["it's $HOME `x`.txt", 'ünïcode ☂.md', '-rf', 'a\nb', ' space '])
      test.write('private', name, name);
    symlinkSync('notes/plan.md', join(test.vaults.private, 'link'));
    await test.launched(client);
    for (const name of ["it's $HOME `x`.txt", 'ünïcode ☂.md', '-rf', 'a\nb', ' space ']) {
      assert.equal(test.readOnServer('private', name), name);
    }
    await wentWell(client, await client.syncCluster({ deletions: 'remove' }));
  });

  it('changed on the server and stopped with: they are kept where that is asked', async () => {
    await test.launched(client);
    writeFileSync(test.onServer('private', 'result.txt'), 'made there');
    await refusal(client.stopCluster({}), 'CONFLICT', /1 file was changed on the server/, /private\/result\.txt/);
    await wentWell(client, await client.stopCluster({ server_changes: 'keep' }));
    assert.ok(readdirSync(test.vaults.private).includes('result.txt'));
  });

  it('changed on the server while it was stopped by somebody else: a start does not overwrite them', async () => {
    await test.launched(client);
    writeFileSync(test.onServer('public', 'hello.txt'), 'changed there, longer\n');
    test.fake.stopMachine();
    await reaches(client, 'stopped');
    test.write('public', 'hello.txt', 'changed here\n');
    const start = await wentWell(client, await client.startCluster());
    assert.match(start.events.at(-1)?.message ?? '', /not synced: 1 file was changed on the server/);
    assert.equal(test.readOnServer('public', 'hello.txt'), 'changed there, longer\n');
    await wentWell(client, await client.syncCluster({ server_changes: 'keep' }));
    assert.ok(readdirSync(test.vaults.public).includes('hello.txt.from-server'));
  });

  it('on a server that does not let SSH in: nothing is done without asking', async () => {
    await test.launched(client);
    rmSync(join(test.fake.home, '.sky'), { recursive: true });
    const { details } = await refusal(
      client.destroyCluster({}),
      'CONFLICT',
      /cannot be asked which files were changed/,
    );
    assert.equal(details?.['server_changes'], null);
    assert.deepEqual(test.machines(), ['running']);
    await wentWell(client, await client.destroyCluster({ server_changes: 'discard' }));
    test.assertNothingIsBilled();
  });

  full('of which there are 100,000 are counted, mounted and compared', async () => {
    for (let folder = 0; folder < 100; folder += 1) {
      mkdirSync(join(test.vaults.private, `f${folder}`));
      for (let file = 0; file < 1_000; file += 1)
        writeFileSync(join(test.vaults.private, `f${folder}/${file}.txt`), 'x');
    }
    await test.launched(client);
    const report = (await client.inspectVaults()).find(({ vault }) => vault === 'private');
    assert.equal(report?.file_count, 100_001);
    test.write('private', 'f50/500.txt', 'changed');
    const [, after] = await client.inspectVaults();
    assert.deepEqual(after?.changed, { count: 1, files: ['f50/500.txt'] });
    await wentWell(client, await client.syncCluster({}));
    assert.equal(test.readOnServer('private', 'f50/500.txt'), 'changed');
  });
});
