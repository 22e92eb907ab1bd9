import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kvmDevice, tryKvm, type KvmTrial } from '../../../src/lib/kvm.ts';

describe('a trial of KVM', () => {
  let folder = '';
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'carapace-kvm-test-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A program in place of QEMU or Firecracker. */
  const play = (script: string): string => {
    const path = join(folder, 'program');
    writeFileSync(path, `#!/bin/bash\n${script}\n`, { mode: 0o755 });
    return path;
  };
  const attempt = (script: string, change: Partial<KvmTrial> = {}, signal = AbortSignal.timeout(9_000)) =>
    tryKvm({ program: 'qemu', path: play(script), kernel: '/images/vmlinuz', ...change }, signal);

  it('says that it works where a kernel speaks and the machine ends', async () => {
    assert.equal(await attempt(`echo "$@" > ${folder}/words; echo 'Linux version 6.1'; exit 1`), true);
    assert.match(readFileSync(join(folder, 'words'), 'utf8'), /-accel kvm .*-kernel \/images\/vmlinuz/);
  });

  it('says that it does not where the machine hangs, and leaves none', async () => {
    const pid = join(folder, 'pid');
    const script = `echo 'Linux version 6.1'; echo $$ > ${pid}; exec sleep 60`;
    assert.equal(await attempt(script, { limitMs: 3_000 }), false);
    assert.equal(existsSync(`/proc/${readFileSync(pid, 'utf8').trim()}`), false);
  });

  it('says that it does not where no kernel speaks, or there is no program', async () => {
    assert.equal(await attempt('echo failed to initialize KVM >&2; exit 1'), false);
    assert.equal(await attempt('', { path: join(folder, 'none') }), false);
  });

  it('gives Firecracker a machine of the kernel alone', async () => {
    const script = `cp "$3" ${folder}/machine; echo 'Linux version 6.1'`;
    assert.equal(await attempt(script, { program: 'firecracker' }), true);
    const machine = JSON.parse(readFileSync(join(folder, 'machine'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual(Object.keys(machine), ['boot-source', 'machine-config', 'drives']);
  });

  it('proves nothing when it is given up', async () => {
    const given = AbortSignal.timeout(200);
    await assert.rejects(attempt('exec sleep 60', {}, given), /Timeout|aborted/);
  });

  it('is not made where there is no device', () => {
    assert.equal(kvmDevice(join(folder, 'none')), 'absent');
    writeFileSync(join(folder, 'kvm'), '');
    assert.equal(kvmDevice(join(folder, 'kvm')), 'unproven');
  });
});
