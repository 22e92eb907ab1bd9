import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { ServerChange } from '../../../src/protocol/cluster.ts';
import { errorBodySchema } from '../../../src/protocol/errors.ts';
import { run, runAtTerminal, type Ran } from './run.ts';
import { NO_SERVER, PLAN, RUNNING, StubCluster, VAULT } from './stub-cluster.ts';

const CHANGES: ServerChange[] = [
  { vault: 'public', path: 'notes.txt', change: 'changed', conflict: true },
  { vault: 'private', path: 'new.txt', change: 'added', conflict: false },
];

/** The commands against a control plane that answers what each test says. */
describe('cluster commands', () => {
  let control = new StubCluster();
  let home = '';
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'carapace-cli-'));
    control = new StubCluster();
    await control.listen();
  });
  afterEach(async () => {
    await control.close();
    await rm(home, { recursive: true });
  });

  const environment = () => ({ CARAPACE_HOME: home, CARAPACE_TOKEN: 'token' });
  const at = (...words: string[]): Promise<Ran> => run(['cluster', ...words, '--server', control.url], environment());
  const typing = (answers: string[], ...words: string[]): Promise<Ran> =>
    runAtTerminal(['cluster', ...words, '--server', control.url], environment(), answers);

  /** Refuses with those files until it is told what to do with them. */
  function refuseFor(changes: ServerChange[] | null): void {
    const error = { code: 'CONFLICT', message: 'Files were changed.', details: { server_changes: changes } } as const;
    control.refuse = (path, body) => {
      const asked = /(stop|destroy|sync)$/.test(path);
      return asked && !Object.hasOwn(body as object, 'server_changes') ? { status: 409, error } : undefined;
    };
  }

  it('launches what was asked for, after saying what it costs', async () => {
    const words = ['--name', 'my-node', '--cloud', 'aws', '--region', 'us-east-1', '--instance-type', 'm6i.large'];
    const size = ['--cpus', '2+', '--memory', '8', '--disk-size', '50', '--spot', '--autostop', '0'];
    const vaults = ['--public', 'docs', '--private', '/secret', '--sky-path', '/opt/sky', '--wait'];
    const ran = await at('launch', ...words, ...size, ...vaults);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(control.body('POST /api/cluster/launch'), {
      name: 'my-node',
      cloud: 'aws',
      region: 'us-east-1',
      instance_type: 'm6i.large',
      cpus: '2+',
      memory: '8',
      disk_size: 50,
      use_spot: true,
      autostop_minutes: 0,
      sky_path: '/opt/sky',
      vaults: { public: resolve('docs'), private: '/secret' },
    });
    assert.match(ran.stderr, /\$0\.19\/h while it runs/);
    assert.match(ran.stderr, /never: it runs until somebody stops it/);
    assert.match(ran.stderr, /machine: it boots\n$/);
    assert.match(ran.stdout, /^Server "carapace-node": running, aws us-east-1, 203\.0\.113\.10, \$0\.19\/h/);
  });

  it('asks before a launch on a terminal, and not with --yes', async () => {
    const no = await typing([''], 'launch');
    assert.equal(no.code, 1);
    assert.match(no.stderr, /Launch it\? \[y\/N\] /);
    assert.match(no.stderr, /Nothing was launched\./);
    assert.ok(!control.targets().includes('POST /api/cluster/launch'));
    assert.equal((await typing(['y'], 'launch')).code, 0);
    assert.ok(control.targets().includes('POST /api/cluster/launch'));
    control.cluster = NO_SERVER;
    const yes = await typing([], 'launch', '--yes');
    assert.equal(yes.code, 0);
    assert.ok(!yes.stderr.includes('[y/N]'));
  });

  it('says the plan with --dry-run, and begins nothing', async () => {
    const problem = 'The private vault cannot be read.';
    control.plan = { ...PLAN, vaults: [VAULT, { ...VAULT, problem }], warnings: ['A Spot machine is destroyed.'] };
    const ran = await at('launch', '--dry-run');
    assert.match(ran.stdout, /Machine +aws us-east-1, m6i\.xlarge: 4 cores, 16 GiB/);
    assert.match(ran.stdout, /Disk +100 GB, \$0\.01\/h, also while it is stopped/);
    assert.match(ran.stdout, /Vault public +\/data\/public \(12 files, 2\.0 KiB\) to \/opt\/carapace\/data\/public/);
    assert.match(ran.stdout, /\nThe private vault cannot be read\.\nA Spot machine is destroyed\.\n$/);
    assert.deepEqual(JSON.parse((await at('launch', '--dry-run', '--json')).stdout), control.plan);
    assert.ok(!control.targets().includes('POST /api/cluster/launch'));
  });

  it('does not ask for a second server', async () => {
    control.cluster = { ...RUNNING, status: 'stopped' };
    const ran = await typing(['y'], 'launch');
    assert.equal(ran.code, 4);
    assert.match(ran.stderr, /carapace-node is stopped\. Start it with "carapace cluster start"/);
    assert.deepEqual(control.targets(), ['GET /api/cluster']);
  });

  it('prints JSON and nothing else', async () => {
    const begun = await at('launch', '--json', '--no-wait');
    assert.equal(begun.stderr, '');
    assert.deepEqual(control.targets(), ['POST /api/cluster/launch']);
    assert.equal((JSON.parse(begun.stdout) as { operation: { id: string } }).operation.id, 'op-1');
    const stopped = JSON.parse((await at('stop', '--json')).stdout) as object;
    assert.deepEqual(stopped, { cluster: control.cluster, operation: control.operations[1] });
    assert.deepEqual(JSON.parse((await at('status', '--json')).stdout), { cluster: control.cluster });
    assert.deepEqual(control.body('POST /api/cluster/stop'), {});
  });

  it('waits for stop and destroy also where nobody watches', async () => {
    control.cluster = RUNNING;
    assert.match((await at('stop')).stdout, /: stopped,/);
    assert.match((await at('destroy', '--yes')).stdout, /there is none/);
    control.cluster = RUNNING;
    assert.match((await at('stop', '--no-wait')).stdout, /^stop the server: running \(op-3\)\n$/);
  });

  it('destroys only after a yes', async () => {
    control.cluster = RUNNING;
    const nobody = await at('destroy');
    assert.equal(nobody.code, 2);
    assert.match(nobody.stderr, /needs --yes/);
    assert.deepEqual(control.targets(), []);
    const no = await typing(['n'], 'destroy');
    assert.equal(no.code, 1);
    assert.match(no.stderr, /Destroy "carapace-node" with its disk and all files on it\?/);
    assert.ok(!control.targets().includes('POST /api/cluster/destroy'));
    assert.equal((await typing(['yes'], 'destroy')).code, 0);
  });

  it('lists what was changed on the server, and loses none of it without being told', async () => {
    control.cluster = RUNNING;
    refuseFor(CHANGES);
    for (const verb of ['stop', 'sync'] as const) {
      const refused = await at(verb);
      assert.equal(refused.code, 4);
      assert.match(refused.stderr, /2 files were changed on the server since the last sync:/);
      assert.match(refused.stderr, /public\/notes\.txt \(changed, and here, too\)\n {2}private\/new\.txt \(added\)/);
      assert.match(refused.stderr, /--keep-server-changes .* --discard-server-changes/);
    }
    const json = await at('stop', '--json');
    const told = errorBodySchema.parse(JSON.parse(json.stderr)).error;
    assert.deepEqual(told.details, { server_changes: CHANGES });
    assert.equal((await at('stop', '--keep-server-changes')).code, 0);
    assert.deepEqual(control.body('POST /api/cluster/stop'), { server_changes: 'keep' });
    control.cluster = RUNNING;
    assert.equal((await at('destroy', '--yes', '--discard-server-changes')).code, 0);
    assert.deepEqual(control.body('POST /api/cluster/destroy'), { server_changes: 'discard' });
    assert.equal((await at('stop', '--keep-server-changes', '--discard-server-changes')).code, 2);
  });

  it('asks on a terminal what becomes of them', async () => {
    control.cluster = RUNNING;
    refuseFor(CHANGES);
    assert.equal((await typing(['keep'], 'stop')).code, 0);
    assert.deepEqual(control.body('POST /api/cluster/stop'), { server_changes: 'keep' });
    control.cluster = RUNNING;
    assert.equal((await typing(['y', 'd'], 'destroy')).code, 0);
    assert.deepEqual(control.body('POST /api/cluster/destroy'), { server_changes: 'discard' });
    control.cluster = RUNNING;
    const cancelled = await typing([''], 'sync', '--no-remove-deleted');
    assert.equal(cancelled.code, 1);
    assert.match(cancelled.stderr, /Nothing was done\./);
    assert.equal(control.operations.length, 2);
    // Nothing can be kept where nobody can look, and --yes is no leave to lose files.
    refuseFor(null);
    assert.match((await typing(['k'], 'stop')).stderr, /cannot be found out.*\n.*\[d\]iscard.*\[c\]ancel/);
    assert.equal((await typing([], 'destroy', '--yes')).code, 4);
    assert.equal(control.operations.length, 2);
  });

  it('passes on a refusal that is about something else', async () => {
    const error = { code: 'CONFLICT', message: 'Another operation runs.' } as const;
    control.refuse = (path) => (path.endsWith('stop') ? { status: 409, error } : undefined);
    const ran = await typing(['d'], 'stop');
    assert.equal(ran.code, 4);
    assert.match(ran.stderr, /^carapace: Another operation runs\. \(request [0-9a-f-]{36}\)\n$/);
  });

  it('removes on the server what was removed here only when that was wanted', async () => {
    control.cluster = RUNNING;
    control.vaults = [{ ...VAULT, removed: { count: 1, files: ['old.txt'] } }];
    const sent = async (ran: Promise<Ran>): Promise<unknown> => {
      assert.equal((await ran).code, 0);
      return (control.body('POST /api/cluster/sync') as { deletions: string }).deletions;
    };
    assert.equal(await sent(at('sync')), 'keep');
    assert.equal(await sent(at('sync', '--remove-deleted')), 'remove');
    assert.equal(await sent(typing([''], 'sync')), 'keep');
    assert.equal(await sent(typing(['y'], 'sync')), 'remove');
    assert.equal(await sent(typing([], 'sync', '--no-remove-deleted')), 'keep');
    control.vaults = [VAULT];
    assert.equal(await sent(typing([], 'sync')), 'keep');
  });

  it('cancels what runs, and says what is left', async () => {
    assert.equal((await at('cancel')).code, 4);
    control.endless = true;
    await at('launch', '--no-wait');
    const ran = await at('cancel');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(
      ran.stdout,
      /^launch the server: the end\nServer .*: error,.*\nTo remove what is left: carapace cluster/,
    );
  });

  it('says whether SkyPilot and the clouds can be used', async () => {
    const reason = 'SkyPilot not installed: there is no command "sky".';
    const missing = { sky_installed: false, sky_version: null, enabled_clouds: [], disabled_clouds: {}, reason };
    control.check = { ...missing, install_command: 'uv tool install "skypilot[aws]"' };
    const absent = await at('check', '--sky-path', '/no/sky');
    assert.equal(absent.code, 1);
    assert.match(absent.stdout, /^SkyPilot not installed: there is no command "sky"\.\nInstall it: uv tool install/);
    assert.deepEqual(control.targets(), ['GET /api/cluster/check?sky_path=%2Fno%2Fsky']);
    const found = { ...missing, sky_installed: true, sky_version: '0.14.1', reason: null, install_command: null };
    control.check = { ...found, disabled_clouds: { gcp: 'no credentials:\n  run gcloud auth' } };
    const none = await at('check');
    assert.equal(none.code, 1);
    assert.match(
      none.stdout,
      /^SkyPilot 0\.14\.1\nCLOUD +USABLE +REASON\ngcp +no +no credentials: run gcloud auth\nNo cloud/,
    );
    control.check = { ...found, enabled_clouds: ['aws'] };
    const usable = await at('check');
    assert.equal(usable.code, 0);
    assert.match(usable.stdout, /^aws +yes$/m);
    control.check = { ...missing, sky_version: '0.9.0', reason: 'SkyPilot 0.9.0 is too old.', install_command: 'x' };
    assert.match((await at('check', '--json')).stdout, /^\{"sky_installed":false/);
    assert.match((await at('check')).stdout, /^SkyPilot 0\.9\.0 is too old\.\nInstall it: x$/m);
  });

  it('shows the server, and sets its autostop', async () => {
    assert.equal((await at('status')).stdout, 'No server. Launch one: carapace cluster launch\n');
    control.cluster = RUNNING;
    const shown = (await at('autostop', '45')).stdout;
    assert.match(shown, /^Autostop +after 45 idle minutes$/m);
    assert.match(shown, /^State +running \(as of 2026-03-04 /m);
    assert.equal((await at('autostop', '-1')).code, 2);
    const status = await run(['status', '--server', control.url, '--json'], environment());
    assert.equal((JSON.parse(status.stdout) as { cluster: { status: string } }).cluster.status, 'running');
  });

  it('opens no shell where there is no server to open it on', async () => {
    const none = await run(['cluster', 'ssh', '--server', control.url], environment());
    assert.equal(none.code, 3);
    control.cluster = { ...RUNNING, status: 'stopped' };
    const stopped = await run(['cluster', 'ssh', '--server', control.url, '--', 'ls'], environment());
    assert.equal(stopped.code, 4);
    assert.match(stopped.stderr, /Start it: carapace cluster start/);
    control.cluster = { ...RUNNING, ssh_host: null };
    assert.equal((await run(['cluster', 'ssh', '--server', control.url], environment())).code, 1);
    control.cluster = RUNNING;
    const missing = await run(['cluster', 'ssh', '--server', control.url], { ...environment(), PATH: home });
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /ssh cannot be run/);
  });
});
