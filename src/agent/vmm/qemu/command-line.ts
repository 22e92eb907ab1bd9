/**
 * QEMU's command line. A memory snapshot fits only the machine that it was taken of: the same devices in the same order,
 * so there is one list of devices for all, and what {@link machineArguments} gives is part of the fingerprint.
 */
import { SEAT_CHANNEL } from '../../../protocol/seat-init.ts';
import type { MachineSize } from '../machine/hypervisor.ts';
import type { MachineFiles } from './machine-files.ts';

/** How the processor of a machine is made. */
export type Acceleration =
  | { readonly kind: 'kvm' }
  /** By software. The kernel hangs while it measures the processor's speed, unless it is told. */
  | { readonly kind: 'tcg'; readonly kiloHertz: number | undefined };

/** Where the machine's memory is: its own, or a private copy, made page by page on writing, of a snapshot's. */
export type Memory = { readonly kind: 'own' } | { readonly kind: 'copy'; readonly file: string };

export interface CommandLine {
  readonly name: string;
  readonly acceleration: Acceleration;
  readonly size: Pick<MachineSize, 'vcpus' | 'memoryMb'>;
  readonly memory: Memory;
  readonly files: MachineFiles;
  readonly kernel: string;
  readonly initramfs: string;
  /** Shared, read-only. */
  readonly rootfs: string;
  readonly disk: string;
  readonly tap: string;
  readonly mac: string;
  /** The user and group that QEMU becomes once it has opened all that it needs. */
  readonly uid: number;
}

/** What one machine may do to the worker's disk. Short peaks are let through: starting programs reads a lot at once. */
export const DISK_LIMITS = {
  'bps-total': 64 * 1024 ** 2,
  'bps-total-max': 256 * 1024 ** 2,
  'bps-total-max-length': 5,
  'iops-total': 2_000,
  'iops-total-max': 10_000,
  'iops-total-max-length': 5,
  // Larger requests count as several, so that the bound on their number holds for any size.
  'iops-size': 64 * 1024,
} as const;

/** How much of its console a machine keeps for errors, in bytes: the newest, in QEMU's own memory. */
export const CONSOLE_BYTES = 64 * 1024;

/** Random bytes that a machine may draw from the worker: 64 KiB a second. */
const RANDOM_LIMIT = 'max-bytes=65536,period=1000';

/** Translated code that QEMU keeps without KVM, in MiB; left alone it would take up to a gibibyte. */
const TRANSLATED_MB = 96;

/** In QEMU's lists of options a comma in a value is written twice. */
function quoted(path: string): string {
  return path.replaceAll(',', ',,');
}

function accelerationArguments(acceleration: Acceleration): string[] {
  return acceleration.kind === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', `tcg,thread=multi,tb-size=${TRANSLATED_MB}`, '-cpu', 'max'];
}

/** The kernel's own: quiet but for its last words, and a crash ends the machine. */
export function kernelArguments(acceleration: Acceleration): string {
  // The emulated counter is right. What the kernel compares it with loses ticks on a busy worker: without `tsc=reliable`
  // it would go by those, and the seat's clock would be late by seconds in each minute.
  const speed =
    acceleration.kind === 'tcg' && acceleration.kiloHertz !== undefined
      ? [`tsc_early_khz=${acceleration.kiloHertz}`, 'tsc=reliable']
      : [];
  return ['console=ttyS0', 'reboot=t', 'panic=-1', ...speed, 'quiet', 'loglevel=1'].join(' ');
}

function memoryArguments(memory: Memory, memoryMb: number): string[] {
  const size = `size=${memoryMb}M`;
  // Shared, so that it is not part of the stream of states, and a snapshot copies it from outside.
  if (memory.kind === 'own') return ['-object', `memory-backend-memfd,id=ram,${size},share=on`];
  return ['-object', `memory-backend-file,id=ram,mem-path=${quoted(memory.file)},${size},share=off`];
}

/** The shared disk is found as vda and the seat's own as vdb, because they are the first and the second device. */
function diskArguments(rootfs: string, disk: string): string[] {
  const system = {
    driver: 'raw',
    'node-name': 'system',
    'read-only': true,
    file: {
      driver: 'throttle',
      'throttle-group': 'disk-limits',
      'read-only': true,
      file: { driver: 'file', filename: rootfs, 'read-only': true },
    },
  };
  const own = {
    driver: 'raw',
    'node-name': 'own',
    discard: 'unmap',
    'detect-zeroes': 'unmap',
    file: {
      driver: 'throttle',
      'throttle-group': 'disk-limits',
      discard: 'unmap',
      file: { driver: 'file', filename: disk, discard: 'unmap' },
    },
  };
  return [
    ...['-object', JSON.stringify({ 'qom-type': 'throttle-group', id: 'disk-limits', limits: DISK_LIMITS })],
    ...['-blockdev', JSON.stringify(system), '-device', 'virtio-blk-device,drive=system,serial=system'],
    ...['-blockdev', JSON.stringify(own), '-device', 'virtio-blk-device,drive=own,serial=own'],
  ];
}

function consoleArguments(): string[] {
  return ['-chardev', `ringbuf,id=console,size=${CONSOLE_BYTES}`, '-serial', 'chardev:console'];
}

function deviceArguments(line: CommandLine): string[] {
  const channel = `socket,id=channel,path=${quoted(line.files.channel)},server=on,wait=off`;
  return [
    ...diskArguments(line.rootfs, line.disk),
    ...['-netdev', `tap,id=net,ifname=${line.tap},script=no,downscript=no`],
    ...['-device', `virtio-net-device,netdev=net,mac=${line.mac}`],
    ...['-chardev', channel, '-device', 'virtio-serial-device'],
    ...['-device', `virtserialport,chardev=channel,name=${SEAT_CHANNEL.serialPort}`],
    ...['-object', 'rng-builtin,id=rng', '-device', `virtio-rng-device,rng=rng,${RANDOM_LIMIT}`],
    ...consoleArguments(),
  ];
}

/** What a broken-out machine could still do: nothing as root, see no files, start no program. */
function confinementArguments(root: string, uid: number): string[] {
  const sandbox = 'on,obsolete=deny,spawn=deny,resourcecontrol=deny';
  return ['-sandbox', sandbox, '-chroot', quoted(root), '-runas', `${uid}:${uid}`];
}

function baseArguments(name: string, acceleration: Acceleration, size: CommandLine['size'], memory: Memory): string[] {
  return [
    ...['-name', name, '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-M', 'microvm,acpi=on,memory-backend=ram', ...accelerationArguments(acceleration)],
    ...['-smp', String(size.vcpus), '-m', `${size.memoryMb}M`, ...memoryArguments(memory, size.memoryMb)],
  ];
}

/** All but the program. A copy waits to be told where the snapshot's state is. */
export function machineArguments(line: CommandLine): string[] {
  return [
    ...baseArguments(line.name, line.acceleration, line.size, line.memory),
    ...['-kernel', line.kernel, '-initrd', line.initramfs, '-append', kernelArguments(line.acceleration)],
    ...deviceArguments(line),
    ...['-qmp', `unix:${quoted(line.files.monitor)},server=on,wait=off`],
    ...confinementArguments(line.files.root, line.uid),
    ...(line.memory.kind === 'copy' ? ['-S', '-incoming', 'defer'] : []),
  ];
}

/** What the initramfs says when it is started with {@link PROBE_WORD}; then it ends the machine. */
export const PROBE_ANSWER = 'carapace-probe-ok';
const PROBE_WORD = 'carapace.probe';

/** A machine without disks and network that only shows that a kernel starts; its console is the standard output. */
export function probeArguments(acceleration: Acceleration, kernel: string, initramfs: string): string[] {
  const size = { vcpus: 1, memoryMb: 192 };
  return [
    ...baseArguments('carapace-probe', acceleration, size, { kind: 'own' }),
    ...['-kernel', kernel, '-initrd', initramfs, '-append', `${kernelArguments(acceleration)} ${PROBE_WORD}`],
    ...['-serial', 'stdio'],
  ];
}

/** QEMU would make a TAP device that is missing, joined to nothing. */
const REQUIRE_TAP =
  'grep -q "^ *$1:" /proc/self/net/dev || { echo "the TAP device $1 is missing" >&2; exit 1; }; shift; exec "$@"';

/**
 * What starts QEMU in a network namespace. It becomes QEMU: the process keeps its number. Whatever it starts could never
 * gain rights, not even by a program that gives them.
 * @param namespace its file
 * @param tap a device that must be there
 */
export function enterArguments(namespace: string, tap: string): [string, ...string[]] {
  const enter = ['nsenter', `--net=${namespace}`, '--', '/bin/sh', '-c', REQUIRE_TAP, 'sh', tap];
  return ['setpriv', '--no-new-privs', '--', ...enter];
}
