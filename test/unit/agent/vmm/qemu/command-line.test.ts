import assert from 'node:assert/strict';
import {
  enterArguments,
  kernelArguments,
  machineArguments,
  probeArguments,
  type CommandLine,
} from '../../../../../src/agent/vmm/qemu/command-line.ts';
import { fingerprintOf } from '../../../../../src/agent/vmm/qemu/fingerprint.ts';
import { machineFiles } from '../../../../../src/agent/vmm/qemu/machine-files.ts';

const LINE: CommandLine = {
  name: 'seat-ws-1-3',
  acceleration: { kind: 'tcg', kiloHertz: 2_600_000 },
  size: { vcpus: 2, memoryMb: 384 },
  memory: { kind: 'own' },
  files: machineFiles('/run/clarateach/seat-ws-1-3'),
  kernel: '/images/vmlinuz',
  initramfs: '/images/initramfs',
  rootfs: '/images/rootfs.ext4',
  disk: '/seats/ws-1/3/disk.raw',
  tap: 'tap0',
  mac: '06:00:ac:10:00:02',
  uid: 2_000_000_003,
};

/** The values that follow an option, in order. */
function valuesOf(option: string, all: readonly string[]): string[] {
  return all.filter((_, index) => all[index - 1] === option);
}

function only(option: string, line: CommandLine = LINE): string {
  const values = valuesOf(option, machineArguments(line));
  assert.equal(values.length, 1, `${option} stands once`);
  return values[0]!;
}

function valueWith(option: string, word: string, line: CommandLine = LINE): string {
  const found = valuesOf(option, machineArguments(line)).filter((value) => value.includes(word));
  assert.equal(found.length, 1, `one ${option} has ${word}`);
  return found[0]!;
}

describe('the command line of QEMU', () => {
  it('has a machine that is found by ACPI, without defaults, and ends when the guest crashes', () => {
    const all = machineArguments(LINE);
    assert.equal(only('-M'), 'microvm,acpi=on,memory-backend=ram');
    assert.equal(only('-smp'), '2');
    assert.equal(only('-m'), '384M');
    assert.match(only('-append'), /(^| )panic=-1( |$)/);
    for (const option of ['-nodefaults', '-no-user-config', '-no-reboot']) assert.ok(all.includes(option));
  });

  it('tells the kernel the speed of the processor by software only', () => {
    assert.match(kernelArguments({ kind: 'tcg', kiloHertz: 2_600_000 }), / tsc_early_khz=2600000 /);
    assert.doesNotMatch(kernelArguments({ kind: 'tcg', kiloHertz: undefined }), /tsc/);
    assert.doesNotMatch(kernelArguments({ kind: 'kvm' }), /tsc/);
  });

  it('uses KVM with the host’s processor, or software with a bound on what it translates', () => {
    assert.match(only('-accel'), /^tcg,thread=multi,tb-size=\d+$/);
    assert.equal(only('-cpu'), 'max');
    const fast: CommandLine = { ...LINE, acceleration: { kind: 'kvm' } };
    assert.equal(only('-accel', fast), 'kvm');
    assert.equal(only('-cpu', fast), 'host');
  });

  it('has the shared disk before the seat’s own, and never writes to the shared one', () => {
    const disks = valuesOf('-blockdev', machineArguments(LINE)).map(
      (text) => JSON.parse(text) as Record<string, unknown>,
    );
    assert.deepEqual(
      disks.map((disk) => [disk['node-name'], disk['read-only'] ?? false]),
      [
        ['system', true],
        ['own', false],
      ],
    );
    const [system, own] = disks as { file: { file: { filename: string } } }[];
    assert.equal(system!.file.file.filename, LINE.rootfs);
    assert.equal(own!.file.file.filename, LINE.disk);
    const devices = valuesOf('-device', machineArguments(LINE)).filter((device) => device.startsWith('virtio-blk'));
    assert.deepEqual(
      devices.map((device) => /drive=(\w+)/.exec(device)![1]),
      ['system', 'own'],
    );
  });

  it('bounds both disks together', () => {
    const limits = JSON.parse(valueWith('-object', 'throttle-group')) as { id: string; limits: Record<string, number> };
    assert.ok(limits.limits['bps-total']! > 0 && limits.limits['iops-total']! > 0);
    for (const text of valuesOf('-blockdev', machineArguments(LINE))) {
      const { file } = JSON.parse(text) as { file: Record<string, unknown> };
      assert.equal(file['driver'], 'throttle');
      assert.equal(file['throttle-group'], limits.id);
    }
  });

  it('keeps the console in memory, bounded, and writes none of it to a file', () => {
    assert.match(valueWith('-chardev', 'id=console'), /^ringbuf,id=console,size=65536$/);
    assert.equal(only('-serial'), 'chardev:console');
  });

  it('has its own memory shared, and a snapshot’s as a private copy that waits to be told its state', () => {
    assert.equal(valueWith('-object', 'id=ram'), 'memory-backend-memfd,id=ram,size=384M,share=on');
    assert.ok(!machineArguments(LINE).includes('-incoming'));
    const copy: CommandLine = { ...LINE, memory: { kind: 'copy', file: '/templates/a,b/memory' } };
    const memory = valueWith('-object', 'id=ram', copy);
    assert.equal(memory, 'memory-backend-file,id=ram,mem-path=/templates/a,,b/memory,size=384M,share=off');
    assert.equal(only('-incoming', copy), 'defer');
    assert.ok(machineArguments(copy).includes('-S'));
  });

  it('has the same devices for both, in the same order', () => {
    const copy: CommandLine = { ...LINE, memory: { kind: 'copy', file: '/m' } };
    assert.deepEqual(valuesOf('-device', machineArguments(copy)), valuesOf('-device', machineArguments(LINE)));
  });

  it('gives up rights: a user of its own, a folder of its own, no new programs', () => {
    assert.equal(only('-runas'), '2000000003:2000000003');
    assert.equal(only('-chroot'), LINE.files.root);
    assert.match(only('-sandbox'), /^on,.*spawn=deny/);
    const enter = enterArguments('/run/netns/seat3', 'tap0');
    assert.deepEqual(enter.slice(0, 6), ['setpriv', '--no-new-privs', '--', 'nsenter', '--net=/run/netns/seat3', '--']);
    assert.equal(enter.at(-1), 'tap0');
  });

  it('writes a comma in a path twice where QEMU reads a list', () => {
    const line: CommandLine = { ...LINE, files: machineFiles('/a,b'), disk: '/c,d/disk' };
    assert.match(valueWith('-chardev', 'id=channel', line), /path=\/a,,b\/channel\.sock,/);
    assert.match(only('-qmp', line), /^unix:\/a,,b\/monitor\.sock,/);
    assert.ok(valueWith('-blockdev', '"own"', line).includes('"/c,d/disk"'));
  });

  it('probes with a word for the initramfs, without disk and network', () => {
    const all = probeArguments({ kind: 'kvm' }, '/k', '/i');
    assert.match(valuesOf('-append', all)[0]!, / carapace\.probe$/);
    assert.deepEqual(valuesOf('-netdev', all), []);
    assert.deepEqual(valuesOf('-blockdev', all), []);
  });
});

describe('the fingerprint of a snapshot', () => {
  const processor = { model: 'One', flags: 'a b', kiloHertz: 1 };
  const tcg = { kind: 'tcg', kiloHertz: 1 } as const;
  const fingerprint = fingerprintOf('7.2', tcg, processor);

  it('differs with version, acceleration and processor', () => {
    const others = [
      fingerprintOf('7.3', tcg, processor),
      fingerprintOf('7.2', { kind: 'kvm' }, processor),
      fingerprintOf('7.2', tcg, { ...processor, model: 'Other' }),
      fingerprintOf('7.2', tcg, { ...processor, flags: 'a' }),
    ];
    assert.equal(new Set([fingerprint, ...others]).size, 5);
  });

  it('stays when the measured speed varies', () => {
    assert.equal(fingerprintOf('7.2', { kind: 'tcg', kiloHertz: 2 }, { ...processor, kiloHertz: 2 }), fingerprint);
  });
});
