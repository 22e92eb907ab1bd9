import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endMachineProcesses, findMachineProcesses } from '../../../../../src/agent/vmm/machine/remnants.ts';

describe('the processes of a machine that nobody wrote down', () => {
  let folder: string;
  let children: ChildProcess[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-remnants-'));
    children = [];
  });

  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  async function start(argv0: string, detached: boolean): Promise<ChildProcess> {
    const child = spawn('/bin/sleep', ['1000000'], { argv0, detached, stdio: 'ignore' });
    children.push(child);
    await once(child, 'spawn');
    return child;
  }

  function found(): (number | undefined)[] {
    return findMachineProcesses({ sockets: folder, namespace: undefined }).map((entry) => entry.pid);
  }

  it('are found by their folder, and ended', async () => {
    const machine = await start(`unix:${folder}/monitor.sock,server=on`, true);
    assert.deepEqual(found(), [machine.pid]);
    const ended = once(machine, 'exit');
    await endMachineProcesses({ sockets: folder, namespace: undefined });
    assert.deepEqual((await ended)[1], 'SIGKILL');
    assert.deepEqual(found(), []);
  });

  it('are not a person’s command that names the folder, nor a machine whose folder begins with the same letters', async () => {
    await start(`${folder}/console.log`, false);
    await start(`${folder}0/monitor.sock`, true);
    await start(`${folder}-1`, true);
    assert.deepEqual(found(), []);
  });

  it('are not everything, where the namespace is gone or is this process’s own', () => {
    const file = join(folder, 'netns');
    writeFileSync(file, '');
    for (const namespace of [file, join(folder, 'none'), '/proc/self/ns/net', `/proc/${process.pid}/ns/net`]) {
      assert.deepEqual(findMachineProcesses({ sockets: folder, namespace }), []);
    }
  });
});
