import assert from 'node:assert/strict';
import { jailCommand, plainCommand, userOf } from '../../../../../src/agent/vmm/firecracker/command-line.ts';
import { machinePaths } from '../../../../../src/agent/vmm/firecracker/files.ts';
import { findProgram, parseVersion, type Programs } from '../../../../../src/agent/vmm/firecracker/programs.ts';
import type { MachineSpec } from '../../../../../src/agent/vmm/machine/hypervisor.ts';
import type { MachineImage } from '../../../../../src/agent/vmm/machine/image.ts';

const programs: Programs = {
  firecracker: '/opt/firecracker-v1.17.0-x86_64',
  version: '1.17.0',
  jailer: '/opt/jailer',
  nsenter: '/bin/nsenter',
  prlimit: '/bin/prlimit',
  unshare: '/bin/unshare',
};
const spec: MachineSpec = {
  name: 'seat-ws-1',
  folder: '/run/c/seat-ws-1',
  image: {} as MachineImage,
  size: { vcpus: 1, memoryMb: 512, diskMb: 2048 },
  disk: '/var/s/disk.raw',
  link: { slot: 7, ip: '192.168.100.17', namespace: '/run/netns/c-7', tap: 'tap0', mac: '06:00:ac:10:00:02' },
  confinement: { wrap: (command) => ['bounded', ...command] },
};
const paths = machinePaths(spec.folder);
const LIMIT = (2048 + 64) * 1024 * 1024;

describe("Firecracker's command line", () => {
  it('joins the network first, bounds its files, and names the machine and its folder', () => {
    assert.deepEqual(plainCommand(spec, paths, programs), [
      ...['bounded', '/bin/nsenter', '--net=/run/netns/c-7', '--', '/bin/sh', '-c'],
      plainCommand(spec, paths, programs)[6] ?? '',
      ...['carapace-machine', 'tap0', '/bin/prlimit', `--fsize=${LIMIT}`],
      ...['/opt/firecracker-v1.17.0-x86_64', '--api-sock', '/run/c/seat-ws-1/vm/api.sock', '--id', 'seat-ws-1'],
    ]);
  });

  it('mounts what is borrowed before the jail is closed, and leaves all that the jailer knows to the jailer', () => {
    const borrowed = [{ source: '/images/kernel', name: 'kernel', writable: false }];
    const command = jailCommand(spec, paths, programs, '/opt/jailer', borrowed);
    assert.deepEqual(command.slice(0, 5), ['bounded', '/bin/unshare', '--mount', '--propagation', 'private']);
    const mounts = command.indexOf('/images/kernel');
    assert.equal(command[mounts + 1], '/run/c/seat-ws-1/vm/kernel');
    assert.equal(command[mounts + 2], '--');
    assert.deepEqual(command.slice(mounts + 3), [
      ...['/opt/jailer', '--id', 'seat-ws-1', '--exec-file', '/opt/firecracker-v1.17.0-x86_64'],
      ...['--uid', '400007', '--gid', '400007', '--chroot-base-dir', '/run/c/seat-ws-1/area'],
      ...['--netns', '/run/netns/c-7', '--resource-limit', `fsize=${LIMIT}`, '--', '--api-sock', 'api.sock'],
    ]);
  });

  it('gives every slot another user', () => {
    assert.equal(userOf(spec), 400_007);
    assert.notEqual(userOf({ ...spec, link: { ...spec.link, slot: 8 } }), userOf(spec));
  });
});

describe('the programs', () => {
  it('tell their version in their first line', () => {
    assert.equal(
      parseVersion('Firecracker v1.17.0\n\n2026-09-12T00:00:00 [anonymous-instance:main] exit_code=0\n'),
      '1.17.0',
    );
    assert.equal(parseVersion('Jailer v1.17.0\n\n'), '1.17.0');
    assert.equal(parseVersion('Firecracker v1.18.0-dev\n'), '1.18.0-dev');
    for (const text of ['', 'v1.17.0', 'Firecracker 1.17.0', 'error\nFirecracker v1.17.0']) {
      assert.equal(parseVersion(text), undefined, text);
    }
  });

  it('are looked for on the PATH in its order, links followed', () => {
    assert.equal(findProgram('no-such-program', '/usr/bin:/bin'), undefined);
    assert.match(findProgram('sh', ':/nowhere:/bin') ?? '', /^\//);
  });
});
