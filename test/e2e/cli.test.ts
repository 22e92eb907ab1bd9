/** The command line as somebody uses it: real programs, real seats, and nothing left behind. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { errorBodySchema } from '../../src/protocol/errors.ts';
import type { Seat, Workshop } from '../../src/protocol/workshop.ts';
import { processesNaming } from '../support/processes.ts';
import { CARAPACE, TestHome } from './cli-harness.ts';

interface Created {
  readonly workshop: Workshop;
  readonly operation: { readonly status: string };
  readonly seats: Seat[];
}

async function create(home: TestHome, ...words: string[]): Promise<Created> {
  return JSON.parse(await home.expect('workshop', 'create', ...words, '--json', '--wait')) as Created;
}

async function listed(home: TestHome): Promise<Workshop[]> {
  return (JSON.parse(await home.expect('workshop', 'list', '--json')) as { workshops: Workshop[] }).workshops;
}

function controlPlaneOf(home: TestHome): number {
  return (JSON.parse(readFileSync(join(home.folder, 'daemon.json'), 'utf8')) as { pid: number }).pid;
}

describe('a workshop from the command line', function () {
  this.timeout(180_000);
  let home: TestHome;
  beforeEach(() => (home = new TestHome()));
  afterEach(() => home.dispose());

  it('is made, used and deleted, and nothing of it is left', async () => {
    await home.expect('workshop', 'list');
    const before = home.census();
    assert.equal(before.processes.length, 1);
    assert.equal(before.ports, 1);

    const { workshop, operation, seats } = await create(home, 'Intro', '--seats', '3');
    assert.equal(workshop.status, 'running');
    assert.equal(operation.status, 'succeeded');
    assert.deepEqual(
      seats.map(({ seat, status }) => [seat, status]),
      [
        [1, 'ready'],
        [2, 'ready'],
        [3, 'ready'],
      ],
    );
    assert.match(await home.expect('seat', 'exec', 'Intro', '1', '--', 'uname', '-a'), /^Linux .+\n$/);
    for (const seat of ['1', '2']) {
      await home.expect('seat', 'exec', 'Intro', seat, '--', 'sh', '-c', 'setsid nohup sleep 9999 >/dev/null 2>&1 &');
    }
    // What nohup says of its output would be lost with the terminal, and nohup ends then.
    const leaving = 'setsid nohup sleep 9999 >/dev/null 2>&1 &\nexit\n';
    const typed = await home.run(['seat', 'terminal', 'Intro', '3'], leaving);
    assert.equal(typed.code, 0, typed.stderr);
    await home.settled(() => home.census().processes.filter((command) => command === 'sleep 9999').length === 3);
    assert.ok(home.census().sockets.length >= 6);

    await home.expect('workshop', 'delete', 'Intro', '--yes');
    const afterwards = home.census();
    assert.deepEqual({ ...afterwards, folders: [] }, { ...before, folders: [] });
    assert.deepEqual(
      afterwards.folders.filter((folder) => folder.includes(workshop.id)),
      [],
    );
    assert.deepEqual(await listed(home), []);
  });

  it('that is wrong is refused with exit 2, by a sentence or as JSON, and nothing is made', async () => {
    const wrong = [
      ['Intro', '--seats', '0'],
      ['Intro', '--seats', '501'],
      ['Intro', '--seats', 'x'],
      ['x'.repeat(65), '--seats', '1'],
    ];
    for (const words of wrong) {
      const sentence = await home.run(['workshop', 'create', ...words]);
      assert.equal(sentence.code, 2);
      assert.match(sentence.stderr, /^carapace: "(seats|name)" is not valid: .+\.\n$/);
      const json = await home.run(['workshop', 'create', ...words, '--json', '--wait']);
      assert.equal(json.code, 2);
      assert.equal(json.stdout, '');
      const { error } = errorBodySchema.parse(JSON.parse(json.stderr));
      assert.equal(error.code, 'INVALID_INPUT');
      assert.match(String(error.details?.['path']), /^(seats|name)$/);
    }
    assert.deepEqual(home.census(), { processes: [], sockets: [], ports: 0, folders: [] });
    assert.deepEqual(await listed(home), []);
  });

  it('ends with the documented codes', async () => {
    const made = await Promise.all([
      home.expect('workshop', 'create', 'Twin', '--seats', '1', '--no-start', '--json'),
      home.expect('workshop', 'create', 'Twin', '--seats', '1', '--no-start', '--json'),
    ]);
    const ids = made.map((text) => (JSON.parse(text) as Created).workshop.id);
    // Of the two control planes that were started at once, one finds the other and ends.
    await home.settled(() => processesNaming(home.folder).length === 1);
    const ambiguous = await home.run(['workshop', 'show', 'Twin']);
    assert.equal(ambiguous.code, 2);
    for (const id of ids) assert.match(ambiguous.stderr, new RegExp(id));
    assert.equal((await home.run(['workshop', 'show', 'Nobody'])).code, 3);
    assert.equal((await home.run(['seat', 'list', 'Nobody', '--json'])).code, 3);
    assert.equal((await home.run(['workshop', 'stop', ids[0]!])).code, 4);
    const away = await home.run(['workshop', 'list', '--server', 'http://127.0.0.1:1']);
    assert.equal(away.code, 1);
    assert.match(away.stderr, /cannot be reached/);
    const { url } = await home.connection();
    const stranger = await home.run(['workshop', 'list', '--server', url], '', { CARAPACE_TOKEN: 'guessed' });
    assert.equal(stranger.code, 1);
    for (const id of ids) await home.expect('workshop', 'delete', id, '--yes');
  });

  it('goes on when who waits for it presses Ctrl-C', async () => {
    const words = ['workshop', 'create', 'Long', '--seats', '3', '--wait'];
    const child = spawn(CARAPACE, words, { env: home.environment, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      if (stderr === '') child.kill('SIGINT');
      stderr += String(chunk);
    });
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 130);
    assert.match(
      stderr,
      /^Create workshop "Long" \(op-\w+\) goes on\. To undo it: carapace workshop delete ws-\w+ --yes/m,
    );
    const [workshop] = await listed(home);
    await home.expect('workshop', 'delete', workshop!.id, '--yes');
    assert.deepEqual(await listed(home), []);
  });

  it('is waited for over the death of the control plane, which goes on with it', async () => {
    for (const words of [
      ['create', 'Cut', '--seats', '3', '--wait'],
      ['delete', 'Cut', '--yes'],
    ]) {
      const child = spawn(CARAPACE, ['workshop', ...words], {
        env: home.environment,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk) => (stdout += String(chunk)));
      child.stderr.on('data', (chunk) => {
        if (stderr === '') process.kill(controlPlaneOf(home), 'SIGKILL');
        stderr += String(chunk);
      });
      const [code] = (await once(child, 'close')) as [number];
      assert.equal(code, 0, stderr);
      assert.notEqual(stderr, '', 'something was told while it went on, and the control plane killed then');
      assert.match(stdout, words[0] === 'create' ? /"Cut" .* running, 3 seats/ : /"Cut" .* is deleted/);
    }
    assert.deepEqual(await listed(home), []);
  });

  it('is given up where the control plane dies of it each time, and can be taken back', async () => {
    // A home of its own: the control plane that is started here is to die.
    const dying = new TestHome();
    const words = ['workshop', 'create', 'Deadly', '--seats', '1', '--wait'];
    const { code, stderr } = await dying.run(words, '', { CARAPACE_CRASH_AT: 'seat.create:before' });
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /^carapace: Create workshop "Deadly" \(op-\w+\) gets no further, .* started again 3 times, and ended each time\. See carapace logs\. To undo it: carapace workshop delete ws-\w+ --yes$/m,
    );
    await dying.expect('workshop', 'delete', 'Deadly', '--yes', '--wait');
    assert.deepEqual(await listed(dying), []);
    await dying.dispose();
  });

  it('keeps its files over a stop, and loses those of a seat that is reset', async () => {
    await create(home, 'Files', '--seats', '1');
    await home.expect('seat', 'exec', 'Files', '1', '--', 'sh', '-c', 'echo kept >note');
    await home.expect('workshop', 'stop', 'Files', '--wait');
    await home.settled(() => processesNaming(home.folder).length === 1);
    assert.equal((await home.run(['seat', 'exec', 'Files', '1', '--', 'true'])).code, 4);
    await home.expect('workshop', 'start', 'Files', '--wait');
    assert.equal(await home.expect('seat', 'exec', 'Files', '1', '--', 'cat', 'note'), 'kept\n');
    const unasked = await home.run(['seat', 'reset', 'Files', '1']);
    assert.equal(unasked.code, 2);
    assert.match(unasked.stderr, /needs --yes/);
    assert.equal(await home.expect('seat', 'exec', 'Files', '1', '--', 'cat', 'note'), 'kept\n');
    await home.expect('seat', 'reset', 'Files', '1', '--yes', '--wait');
    assert.equal((await home.run(['seat', 'exec', 'Files', '1', '--', 'cat', 'note'])).code, 1);
    await home.expect('workshop', 'extend', 'Files', '30', '--wait');
    const [workshop] = await listed(home);
    assert.ok(Date.parse(workshop!.expires_at) - Date.now() <= 30 * 60_000);
    await home.expect('workshop', 'delete', 'Files', '--yes');
  });
});

describe('a seat from the command line', function () {
  this.timeout(180_000);
  const home = new TestHome();
  before(() => create(home, 'Intro', '--seats', '2'));
  after(async () => {
    await home.expect('workshop', 'delete', 'Intro', '--yes');
    await home.dispose();
  });

  it('runs a command as it is, and ends with its code', async () => {
    const script = 'printf "%s\\n" "$1"; echo wrong >&2; exit 7';
    const odd = 'a  b\'"$HOME\n✓';
    const ran = await home.run(['seat', 'exec', 'Intro', '1', '--', 'sh', '-c', script, 'sh', odd]);
    assert.deepEqual(ran, { code: 7, stdout: `${odd}\n`, stderr: 'wrong\n' });
    const json = await home.run(['seat', 'exec', 'Intro', '1', '--json', '--', 'sh', '-c', 'echo out; exit 3']);
    assert.equal(json.code, 3);
    assert.deepEqual(JSON.parse(json.stdout), { exit_code: 3, stdout: 'out\n', stderr: '', truncated: false });
    assert.equal((await home.run(['seat', 'exec', 'Intro', '3', '--', 'true'])).code, 3);
    const late = await home.run(['seat', 'exec', 'Intro', '1', '--timeout', '1', '--', 'sleep', '60']);
    assert.deepEqual([late.code, late.stderr], [124, '[carapace: the command was ended after 1 s, its time limit]\n']);
    const own = await home.run(['seat', 'exec', 'Intro', '1', '--', 'sh', '-c', 'exit 124']);
    assert.deepEqual([own.code, own.stderr], [124, '']);
  });

  it('takes files in and gives them out, whatever their size and name', async () => {
    const folder = join(home.folder, 'local');
    mkdirSync(folder);
    const name = 'odd #1 100% 💥.bin';
    const bytes = randomBytes(20 * 1024 * 1024);
    writeFileSync(join(folder, name), bytes);
    await home.expect('seat', 'cp', 'Intro', '1', join(folder, name), ':some/where/');
    const [sum] = (
      await home.expect('seat', 'exec', 'Intro', '1', '--', 'sha256sum', '--zero', `some/where/${name}`)
    ).split(' ');
    assert.equal(sum, createHash('sha256').update(bytes).digest('hex'));
    await home.expect('seat', 'cp', 'Intro', '1', `:some/where/${name}`, join(folder, 'back'));
    assert.deepEqual(readFileSync(join(folder, 'back')), bytes);
    // Into folders that exist, on either side.
    await home.expect('seat', 'cp', 'Intro', '1', join(folder, 'back'), ':some');
    await home.expect('seat', 'cp', 'Intro', '1', ':some/back', home.folder);
    assert.deepEqual(readFileSync(join(home.folder, 'back')), bytes);
    // Folders with all that is in them, beside what is there.
    mkdirSync(join(folder, 'tree', 'empty'), { recursive: true });
    writeFileSync(join(folder, 'tree', name), 'in a folder');
    assert.equal((await home.run(['seat', 'cp', 'Intro', '1', join(folder, 'tree'), ':'])).code, 2);
    await home.expect('seat', 'cp', '-r', 'Intro', '1', join(folder, 'tree'), ':');
    await home.expect('seat', 'cp', '-r', 'Intro', '1', ':tree', join(folder, 'copied'));
    assert.deepEqual(readdirSync(join(folder, 'copied')).sort(), ['empty', name]);
    assert.equal(readFileSync(join(folder, 'copied', name), 'utf8'), 'in a folder');
    await home.expect('seat', 'cp', '-r', 'Intro', '1', ':tree', `${folder}/`);
    assert.equal((await home.run(['seat', 'cp', 'Intro', '1', join(folder, 'missing'), ':x'])).code, 3);
    assert.equal((await home.run(['seat', 'cp', 'Intro', '1', ':missing', join(folder, 'x')])).code, 3);
    assert.equal((await home.run(['seat', 'cp', 'Intro', '1', ':some', join(folder, 'x')])).code, 2);
    assert.equal((await home.run(['seat', 'cp', 'Intro', '1', join(folder, 'back'), ':../../out'])).code, 1);
    assert.equal((await home.run(['seat', 'cp', 'Intro', '1', ':some/back', '/proc/back'])).code, 1);
  }).timeout(180_000);

  it('is joined with a code or a link, always the same one from the same place', async () => {
    const [workshop] = await listed(home);
    const { url } = await home.connection();
    const join = async (words: string[], from: string): Promise<{ code: number; seat?: number }> => {
      const { code, stdout } = await home.run(['join', ...words, '--json'], '', { CARAPACE_HOME: from });
      return { code, ...(code === 0 && { seat: (JSON.parse(stdout) as { seat: number }).seat }) };
    };
    const link = `${url}/join#${workshop!.code.toLowerCase()}`;
    const [mine, other, third] = ['mine', 'other', 'third'].map((name) => `${home.folder}/${name}`);
    assert.deepEqual(await join([link, '--name', 'Ada'], mine!), { code: 0, seat: 1 });
    assert.deepEqual(await join([link], other!), { code: 0, seat: 2 });
    assert.deepEqual(await join([link], mine!), { code: 0, seat: 1 });
    assert.equal((await join([link], third!)).code, 4);
    assert.equal((await join([`${url}/join#2222-2222`], third!)).code, 3);
    const seats = await home.expect('seat', 'list', 'Intro');
    assert.match(seats, /^1 +ready +Ada /m);
    const shell = await home.run(['join', link], 'echo seat-$((40+2))\nexit 5\n', { CARAPACE_HOME: mine! });
    assert.equal(shell.code, 5, shell.stderr);
    assert.match(shell.stdout, /seat-42/);
  });

  it('is looked after by daemons that say what is wrong', async () => {
    const second = await home.run(['serve', '--port', '0']);
    assert.equal(second.code, 3);
    assert.match(second.stderr, /^carapace: .+\n$/);
    const options = ['--state-dir', join(home.folder, 'elsewhere'), '--listen', '127.0.0.1:0', '--insecure-loopback'];
    const agent = await home.run(['agent', ...options]);
    assert.notEqual(agent.code, 0);
    assert.match(agent.stderr, /AGENT_TOKEN/);
    assert.match(await home.expect('logs'), /==> .*serve\.log/);
    assert.match(await home.expect('status'), /status: ok/);
  });

  it('is looked into by the doctor, which reads the store while its control plane holds it, and after a crash', async () => {
    const store = async (): Promise<{ ok: boolean; said: string } | undefined> => {
      const { stdout, stderr } = await home.run(['doctor', 'machine', '--json']);
      assert.equal(stderr, '');
      const { machine } = JSON.parse(stdout) as { machine: { what: string; ok: boolean; said: string }[] };
      return machine.find(({ what }) => what === 'store');
    };
    const seen = { what: 'store', ok: true, said: '1 workshop, 0 unfinished operations', next: null };
    assert.deepEqual(await store(), seen);
    assert.equal((await listed(home)).length, 1);
    const pid = controlPlaneOf(home);
    process.kill(pid, 'SIGKILL');
    await home.settled(() => !processesNaming(home.folder).some((one) => one.pid === pid));
    const path = join(home.folder, 'store.db');
    const parts = (): Buffer[] => [path, `${path}-wal`].map((part) => readFileSync(part));
    const before = parts();
    assert.deepEqual(await store(), seen);
    assert.deepEqual(parts(), before);
    assert.equal((await listed(home)).length, 1);
  });
});

describe('bin/carapace', () => {
  const home = new TestHome();
  after(() => home.dispose());
  const run = promisify(execFile);

  it('finds its checkout through links, from any folder', async () => {
    const link = join(home.folder, 'a b');
    symlinkSync(CARAPACE, link);
    symlinkSync('a b', join(home.folder, 'c'));
    const options = { env: home.environment, cwd: '/' };
    assert.match((await run(join(home.folder, 'c'), ['--version'], options)).stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it('says that its output cannot be written, and is silent where nobody reads on', async () => {
    const shell = (script: string) => run('sh', ['-c', script, CARAPACE], { env: home.environment });
    await assert.rejects(shell('"$0" --help >/dev/full'), (error: { code: number; stderr: string }) => {
      assert.equal(error.code, 1);
      assert.match(error.stderr, /^carapace: The output cannot be written: ENOSPC.+\n$/);
      return true;
    });
    assert.equal((await shell('{ sleep 1; "$0" --help; } | true')).stderr, '');
  });

  it('says what to do where it has not been built, or where there is no Node', async () => {
    const bin = join(home.folder, 'checkout', 'bin');
    mkdirSync(bin, { recursive: true });
    copyFileSync(CARAPACE, join(bin, 'carapace'));
    const environment = { env: { PATH: process.env['PATH'] } };
    await assert.rejects(run(join(bin, 'carapace'), environment), /is not built\. Run .*bin\/try or .*bin\/test first/);
    const old = join(home.folder, 'old');
    mkdirSync(old);
    writeFileSync(join(old, 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const path = `${old}:/usr/bin:/bin`;
    await assert.rejects(run(join(bin, 'carapace'), { env: { PATH: path } }), /no Node\.js 22\.19 or newer/);
  });
});
