import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { ensureControlPlane, findControlPlane, serveLog } from '../../../src/client/daemon.ts';
import { isAlive, ownIdentity, processStartTime } from '../../../src/lib/process-identity.ts';
import { UnavailableError } from '../../../src/protocol/errors.ts';
import { serve, type TestServer } from './servers.ts';

/** A program that takes the arguments of `carapace serve` and is a control plane as far as finding one goes: one per folder. */
const PROGRAM = `
const { createServer } = require('node:http');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const folder = process.argv[process.argv.indexOf('--state-dir') + 1];
const [, serve, , port] = process.argv.slice(1);
if (serve !== 'serve' || port !== '0') throw new Error('unexpected arguments');
try {
  mkdirSync(folder + '/lock');
} catch {
  process.exit(3);
}
console.log('environment', process.env.VSCODE_PID, process.env.KEPT);
const server = createServer((_, response) => response.end('{"status":"ok","version":"1"}'));
server.listen(0, '127.0.0.1', () => {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const start_time = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const url = 'http://127.0.0.1:' + server.address().port;
  const file = { url, token: 'made', pid: process.pid, start_time, version: '1' };
  writeFileSync(folder + '/daemon.json.new', JSON.stringify(file));
  renameSync(folder + '/daemon.json.new', folder + '/daemon.json');
});
`;

describe('the control plane of this machine', () => {
  let folder = '';
  let server: TestServer;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'carapace-daemon-'));
    server = await serve((_, response) => void response.end('{"status":"ok","version":"1"}'));
  });
  afterEach(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  const daemonFile = (facts: object): Promise<void> =>
    writeFile(
      join(folder, 'daemon.json'),
      JSON.stringify({ url: server.url, token: 'secret', version: '1', ...ownIdentity(), ...facts }),
    );

  async function program(text: string): Promise<string> {
    const path = join(folder, 'program.cjs');
    await writeFile(path, text);
    return path;
  }

  it('is found by its file while its process lives and answers', async () => {
    assert.equal(await findControlPlane(folder), undefined);
    const connection = { url: server.url, token: 'secret', process: ownIdentity() };
    await daemonFile({});
    assert.deepEqual(await findControlPlane(folder), connection);
    await daemonFile({ background: true });
    assert.deepEqual(await findControlPlane(folder), connection);
  });

  it('is known to be one that a person has started', async () => {
    await daemonFile({ background: false });
    assert.equal((await findControlPlane(folder))?.byHand, true);
  });

  it('is not started where its state cannot be kept, and says where and why', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const started = ensureControlPlane({ stateFolder: file, program: await program(PROGRAM) });
    await assert.rejects(
      started,
      (error) => error instanceof UnavailableError && error.message.includes(`${file} (EEXIST)`),
    );
  });

  it('is not found by a file that is broken, of a dead process, of a later one, or of one that is mute', async () => {
    await writeFile(join(folder, 'daemon.json'), '{"url":');
    assert.equal(await findControlPlane(folder), undefined);
    await daemonFile({ url: 'no url' });
    assert.equal(await findControlPlane(folder), undefined);
    const child = spawn('true');
    const { pid } = child;
    await once(child, 'exit');
    await daemonFile({ pid });
    assert.equal(await findControlPlane(folder), undefined);
    await daemonFile({ start_time: '1' });
    assert.equal(await findControlPlane(folder), undefined);
    await daemonFile({ url: 'http://127.0.0.1:1' });
    assert.equal(await findControlPlane(folder), undefined);
  });

  it('is started where none runs, in a private folder and without what an editor left in the environment', async () => {
    process.env['VSCODE_PID'] = '7';
    process.env['KEPT'] = 'yes';
    const path = await program(PROGRAM);
    const [first, second] = await Promise.all(
      [1, 2].map(() => ensureControlPlane({ stateFolder: folder, program: path })),
    );
    const facts = JSON.parse(await readFile(join(folder, 'daemon.json'), 'utf8')) as {
      pid: number;
      start_time: string;
    };
    try {
      assert.equal(first?.token, 'made');
      assert.ok(second);
      assert.deepEqual(
        await ensureControlPlane({ stateFolder: folder, program: '/nowhere' }),
        await findControlPlane(folder),
      );
      assert.match(await readFile(serveLog(folder), 'utf8'), /environment undefined yes/);
      assert.equal((await stat(serveLog(folder))).mode & 0o777, 0o600);
      assert.equal((await stat(join(folder, 'logs'))).mode & 0o777, 0o700);
    } finally {
      delete process.env['VSCODE_PID'];
      delete process.env['KEPT'];
      await endAll(path);
    }
    assert.ok(!isAlive(facts));
  });

  it('says why it does not start, with the end of its log', async () => {
    const path = await program("console.error('the disk is on fire'); process.exit(1);");
    await assert.rejects(ensureControlPlane({ stateFolder: folder, program: path }), (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.match(error.message, /exit code 1/);
      assert.match(error.message, /serve\.log/);
      assert.match(error.message, /the disk is on fire/);
      return true;
    });
  });

  it('says in a sentence why it does not start, where that tells it, and nothing of earlier starts', async () => {
    await ensureControlPlane({
      stateFolder: folder,
      program: await program("console.error('carapace: The moon is full.'); process.exit(1);"),
    }).catch(() => undefined);
    const path = await program("console.error('{}\\ncarapace: The disk is on fire. Put it out.'); process.exit(1);");
    await assert.rejects(ensureControlPlane({ stateFolder: folder, program: path }), {
      message: `The control plane does not start. The disk is on fire. Put it out. Its log is ${serveLog(folder)}.`,
    });
    const silent = ensureControlPlane({ stateFolder: folder, program: await program('process.exit(1);') });
    await assert.rejects(silent, /ended at its start with exit code 1/);
  });

  it('says that the disk is full, also where its log has no room for that', async () => {
    const path = await program('process.exit(6);');
    await assert.rejects(ensureControlPlane({ stateFolder: folder, program: path }), {
      name: 'DiskFullError',
      message: `Carapace cannot start: the disk of ${folder} is full. Make room on it and try again.`,
    });
  });

  it('waits for one that holds the folder and is about to go', async () => {
    const path = await program(
      `const { existsSync, rmSync } = require('node:fs');
       const held = ${JSON.stringify(join(folder, 'held'))};
       if (existsSync(held)) { rmSync(held); process.exit(3); }
       ${PROGRAM}`,
    );
    await writeFile(join(folder, 'held'), '');
    try {
      assert.equal((await ensureControlPlane({ stateFolder: folder, program: path })).token, 'made');
    } finally {
      await endAll(path);
    }
  });

  it('gives up when the caller does', async () => {
    const path = await program('setTimeout(() => undefined, 60_000);');
    const starting = ensureControlPlane({ stateFolder: folder, program: path, signal: AbortSignal.timeout(300) });
    await assert.rejects(starting);
    await endAll(path);
  });
});

/** Ends the processes that run this program, which are children of ours. */
async function endAll(program: string): Promise<void> {
  const mine: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (command.split('\0').includes(program)) mine.push(Number(name));
  }
  for (const pid of mine) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The one that found the folder held has ended by itself.
    }
  }
  while (mine.some((pid) => processStartTime(pid) !== undefined))
    await new Promise((resolve) => setTimeout(resolve, 10));
}
