import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { writeFileAtomic } from '../../../src/lib/atomic-file.ts';
import { cleanEnvironment } from '../../../src/lib/child-environment.ts';
import { acquireFileLock } from '../../../src/lib/file-lock.ts';
import { isAlive, ownIdentity, processStartTime } from '../../../src/lib/process-identity.ts';
import { MAX_SOCKET_PATH, socketFolder } from '../../../src/lib/state-folder.ts';

describe('helpers of all processes', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'carapace-lib-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('tells a process from a later one with its number', async () => {
    const child = spawn('sleep', ['60']);
    const identity = { pid: child.pid ?? 0, start_time: processStartTime(child.pid ?? 0) ?? '' };
    assert.ok(isAlive(identity));
    assert.ok(!isAlive({ ...identity, start_time: '1' }));
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(!isAlive(identity));
    assert.ok(isAlive(ownIdentity()));
  });

  it('writes a file whole and private, or not at all', async () => {
    const path = join(folder, 'a.json');
    await writeFileAtomic(path, 'one');
    await writeFileAtomic(path, 'two');
    assert.equal(readFileSync(path, 'utf8'), 'two');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await assert.rejects(writeFileAtomic(join(folder, 'absent', 'b'), 'x'), { code: 'ENOENT' });
    assert.deepEqual(readdirSync(folder), ['a.json']);
  });

  it('locks against another process, until that process is killed', async () => {
    const path = join(folder, 'lock');
    const program = `
      import { acquireFileLock } from ${JSON.stringify(join(process.cwd(), 'src/lib/file-lock.ts'))};
      console.log(acquireFileLock(${JSON.stringify(path)}) === undefined ? 'busy' : 'held');
      if (process.argv[1] === 'stay') setInterval(() => {}, 1000);`;
    const run = ['--input-type=module', '-e', program];
    const holder = spawn(process.execPath, [...run, 'stay']);
    const [said] = (await once(holder.stdout, 'data')) as [Buffer];
    assert.equal(said.toString().trim(), 'held');
    assert.equal(acquireFileLock(path), undefined);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const lock = acquireFileLock(path);
    assert.ok(lock);
    assert.equal(spawnSync(process.execPath, run, { encoding: 'utf8' }).stdout.trim(), 'busy');
    lock.release();
    assert.equal(spawnSync(process.execPath, run, { encoding: 'utf8' }).stdout.trim(), 'held');
  });

  it('keeps socket paths within the limit of the kernel', () => {
    const longest = '/ws-23456789-500/terminal.sock';
    for (const state of ['/home/a/.carapace', `/home/${'deep/'.repeat(30)}state`]) {
      assert.ok(socketFolder(state).length + longest.length <= MAX_SOCKET_PATH, state);
    }
    assert.notEqual(socketFolder(`/${'a'.repeat(90)}`), socketFolder(`/${'b'.repeat(90)}`));
  });

  it('hands no switch of the editor to a child', () => {
    const environment = {
      PATH: '/bin',
      ELECTRON_RUN_AS_NODE: '1',
      VSCODE_PID: '1',
      NODE_OPTIONS: '--x',
      AWS_PROFILE: 'p',
    };
    assert.deepEqual(cleanEnvironment(environment), { PATH: '/bin', AWS_PROFILE: 'p' });
  });
});
