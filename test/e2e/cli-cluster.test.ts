/** The cloud server from the command line: real programs over a SkyPilot that takes milliseconds. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, describe, it } from 'mocha';
import type { QaReport } from '../../src/cli/qa/report.ts';
import type { Cluster } from '../../src/protocol/cluster.ts';
import { FakeSky, type SkyBehaviour } from '../fakes/sky/fake-sky.ts';
import { CARAPACE, TestHome, type Ran } from './cli-harness.ts';

/** What a QA run leaves in the folder for temporary files. */
const qaFolders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('carapace-qa-'));

describe('the cloud server from the command line', function () {
  this.timeout(180_000);
  let home: TestHome;
  let sky: FakeSky;
  let environment: Record<string, string>;
  before(async () => {
    home = new TestHome();
    sky = await FakeSky.create(join(home.folder, 'sky'));
    // The login shell of this machine would put its own PATH in the place of the one with the fake.
    environment = { ...sky.environment, SHELL: sky.desktopEnvironment['SHELL'] ?? '' };
  });
  // The fake is in the home.
  after(() => home.dispose());
  afterEach(async () => {
    sky.behave({});
    // After a test that failed half-way something may still be done.
    await cluster('cancel');
    await cluster('destroy', '--yes', '--discard-server-changes');
    assert.deepEqual(sky.machines(), []);
    assert.deepEqual(qaFolders(), []);
  });

  const carapace = (...words: string[]): Promise<Ran> => home.run(words, '', environment);
  const cluster = (...words: string[]): Promise<Ran> => carapace('cluster', ...words);
  const status = async (): Promise<Cluster> =>
    (JSON.parse((await cluster('status', '--json')).stdout) as { cluster: Cluster }).cluster;

  function begin(...words: string[]): ChildProcess {
    const options = { env: { ...home.environment, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] as const };
    return spawn(CARAPACE, words, { ...options, stdio: [...options.stdio] });
  }

  function vault(name: string): string {
    const folder = join(home.folder, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'file.txt'), `${name} here\n`);
    return folder;
  }

  it('is launched, entered, synced, stopped, started and destroyed', async () => {
    const [open, closed] = [vault('open'), vault('closed')];
    const launched = await cluster('launch', '--public', open, '--private', closed, '--yes', '--wait');
    assert.equal(launched.code, 0, launched.stderr);
    assert.match(launched.stdout, /^Server "carapace-node": running, AWS /);
    assert.equal((await cluster('launch', '--wait')).code, 4);
    assert.equal(sky.machines().length, 1);

    const read = await cluster(
      'ssh',
      '--',
      'cat',
      '/opt/carapace/data/public/file.txt',
      '/opt/carapace/data/private/file.txt',
    );
    assert.equal(read.stdout, 'open here\nclosed here\n', read.stderr);
    assert.equal((await cluster('ssh', '--', 'exit 7')).code, 7);

    // What was changed on the server is not lost without a word.
    writeFileSync(sky.remotePath('/opt/carapace/data/public/file.txt'), 'open there\n');
    const refused = await cluster('stop');
    assert.equal(refused.code, 4);
    assert.match(
      refused.stderr,
      /1 file was changed on the server since the last sync:\n {2}public\/file\.txt \(changed\)/,
    );
    assert.equal((await cluster('sync', '--keep-server-changes', '--wait')).code, 0);
    assert.equal(readFileSync(join(open, 'file.txt'), 'utf8'), 'open there\n');

    assert.match((await cluster('stop')).stdout, /: stopped,/);
    assert.equal((await cluster('ssh')).code, 4);
    assert.match((await cluster('start', '--wait')).stdout, /: running,/);
    const destroyed = await cluster('destroy', '--yes');
    assert.equal(destroyed.code, 0, destroyed.stderr);
    assert.deepEqual(sky.machines(), []);
    assert.equal((await cluster('ssh')).code, 3);
  });

  it('is asked for in vain without SkyPilot, and nothing is made', async () => {
    const check = await cluster('check', '--sky-path', join(home.folder, 'no-sky'));
    assert.equal(check.code, 1);
    assert.match(check.stdout, /^SkyPilot not installed/);
    const launched = await cluster('launch', '--yes', '--sky-path', join(home.folder, 'no-sky'));
    assert.equal(launched.code, 1);
    assert.match(launched.stderr, /^carapace: SkyPilot not installed/);
    assert.equal((await status()).status, 'no_server');
  });

  it('goes on when somebody presses Ctrl-C, and can be cancelled then', async () => {
    sky.behave({ stall: 'runtime' });
    const launching = begin('cluster', 'launch', '--yes', '--wait');
    const ended = once(launching, 'exit');
    let said = '';
    for await (const line of createInterface({ input: launching.stderr! })) {
      const isFirst = line.startsWith('runtime: ') && !said.includes('runtime: ');
      said += `${line}\n`;
      if (isFirst) launching.kill('SIGINT');
    }
    assert.deepEqual(await ended, [130, null]);
    assert.match(said, /goes on\. To cancel it: carapace cluster cancel\n$/);
    assert.equal((await status()).status, 'provisioning');
    const cancelled = await cluster('cancel');
    assert.equal(cancelled.code, 0, cancelled.stderr);
    assert.match(
      cancelled.stdout,
      /^The launch was cancelled\..*\n.*error.*\nTo remove what is left: carapace cluster destroy\n$/,
    );
    assert.equal(sky.machines().length, 1);
  });

  it('passes the QA playbook', async () => {
    const folder = join(home.folder, 'report');
    mkdirSync(folder);
    const [json, text] = [join(folder, 'qa.json'), join(folder, 'qa.md')];
    // Without the one that watches for 45 s.
    const scenarios = ['missing-skypilot', 'missing-credentials', 'launch', 'duplicate-launch', 'vault-mounts'];
    const rest = ['stop', 'start', 'stopped-elsewhere', 'destroy'];
    const chosen = [...scenarios, ...rest].flatMap((id) => ['--scenario', id]);
    const launches = sky.launches().length;
    const ran = await carapace('qa', '--yes', '--json', '--report', json, '--report', text, ...chosen);
    const report = JSON.parse(ran.stdout) as QaReport;
    const failed = report.results.filter(({ outcome }) => outcome === 'failed');
    assert.deepEqual(failed, []);
    assert.equal(ran.code, 0);
    assert.equal(ran.stderr, '');
    const skipped = new Set(report.results.filter(({ outcome }) => outcome === 'skipped').map((one) => one.scenario));
    // The fake has its credentials wherever the home is, and the playbook must not launch then.
    assert.deepEqual([...skipped], ['missing-credentials']);
    assert.deepEqual(JSON.parse(readFileSync(json, 'utf8')), report);
    assert.match(readFileSync(text, 'utf8'), /## Leave nothing behind/);
    assert.equal(sky.launches().length, launches + 1);
  });

  it('refuses to run the playbook where there is a server, and leaves that alone', async () => {
    await cluster('launch', '--yes', '--wait');
    const ran = await carapace('qa', '--yes');
    assert.equal(ran.code, 4);
    assert.match(ran.stderr, /carapace-node is running/);
    assert.equal(sky.machines().length, 1);
  });

  it('leaves nothing behind of a playbook that fails', async () => {
    sky.behave({ fail: { launch: 'setup' } });
    const ran = await carapace('qa', '--yes', '--json', '--scenario', 'vault-mounts');
    const report = JSON.parse(ran.stdout) as QaReport;
    assert.equal(ran.code, 1);
    assert.equal(report.failed, 1);
    assert.deepEqual([report.results[0]?.step, report.results[0]?.outcome], ['prepare-launch', 'failed']);
    assert.equal(report.results.at(-1)?.seen, 'the state is "no_server", and "sky status" has none');
    assert.deepEqual(sky.machines(), []);
  });

  /** Ways in which a run ends before its time. That nobody reads any more is noticed at the next line. */
  const ENDINGS: [string, SkyBehaviour, (run: ChildProcess) => void][] = [
    ['is interrupted', { stall: 'runtime' }, (run) => run.kill('SIGINT')],
    ['is ended', { stall: 'runtime' }, (run) => run.kill('SIGTERM')],
    ['nobody reads any more', { phaseMs: { runtime: 1000 } }, (run) => run.stdout?.destroy()],
  ];
  for (const [what, behaviour, end] of ENDINGS) {
    it(`leaves nothing behind of a playbook that ${what} during the launch`, async () => {
      sky.behave(behaviour);
      const running = begin('qa', '--yes', '--json-lines', '--scenario', 'launch');
      let machines = -1;
      createInterface({ input: running.stdout! }).on('line', (line) => {
        const event = JSON.parse(line) as { readonly line?: string };
        if (machines !== -1 || event.line?.startsWith('runtime: ') !== true) return;
        machines = sky.machines().length;
        end(running);
      });
      const [code] = (await once(running, 'exit')) as [number];
      assert.equal(machines, 1);
      assert.notEqual(code, 0);
      assert.deepEqual(sky.machines(), []);
      assert.equal((await status()).status, 'no_server');
    });
  }
});
