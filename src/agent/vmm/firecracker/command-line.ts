/** The command lines that become Firecracker, in its seat's network and within its bounds; none of them forks. */
import { basename, join } from 'node:path';
import type { MachineSpec } from '../machine/hypervisor.ts';
import { NAMES, type Borrowed, type MachinePaths } from './files.ts';
import type { Programs } from './programs.ts';
import { checkMachineName } from './rules.ts';

export type Command = readonly [string, ...string[]];

const MIB = 1024 * 1024;

/** What a machine writes beside its disk and its memory is smaller than this. */
const OTHER_FILES = 64 * MIB;

/**
 * Each machine has a user of its own, so that one that broke out of Firecracker could not touch its neighbours. The
 * numbers are between those that distributions give to users and those for containers.
 */
const FIRST_USER = 400_000;

export function userOf(spec: MachineSpec): number {
  return FIRST_USER + spec.link.slot;
}

/** No file may become larger: the program's own log has no other bound. */
function largestFile(spec: MachineSpec): number {
  return Math.max(spec.size.diskMb, spec.size.memoryMb) * MIB + OTHER_FILES;
}

/** Becomes the rest where the device is there: Firecracker as root would make another one that leads nowhere. */
const REQUIRE_TAP =
  'grep -q "^ *$1:" /proc/self/net/dev || { echo "The TAP device $1 is missing." >&2; exit 1; }; shift; exec "$@"';

/**
 * Without a jailer: as this program's own user, to be started in the machine's own folder. The whole path of the socket
 * is an argument from the beginning: by the caller's folder in it, the process is found if nobody wrote down its number.
 */
export function plainCommand(spec: MachineSpec, paths: MachinePaths, programs: Programs): Command {
  const id = checkMachineName(spec.name);
  return spec.confinement.wrap([
    programs.nsenter,
    `--net=${spec.link.namespace}`,
    '--',
    ...['/bin/sh', '-c', REQUIRE_TAP, 'carapace-machine', spec.link.tap],
    programs.prlimit,
    `--fsize=${largestFile(spec)}`,
    programs.firecracker,
    ...['--api-sock', join(paths.work, NAMES.api), '--id', id],
  ]);
}

/** Where the jailer makes the machine's root, below the folder that it is given. */
export function jailRoot(spec: MachineSpec, programs: Programs): string {
  return join(basename(programs.firecracker), checkMachineName(spec.name), 'root');
}

/**
 * Mounts files on their places, in pairs up to `--`, and becomes the rest. In a mount namespace of its own, so nothing
 * is to be unmounted: the mounts go with the process.
 */
const MOUNT_SCRIPT = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 1; shift 2; done; shift; exec "$@"';

export function jailCommand(
  spec: MachineSpec,
  paths: MachinePaths,
  programs: Programs,
  jailer: string,
  borrowed: readonly Borrowed[],
): Command {
  const user = String(userOf(spec));
  return spec.confinement.wrap([
    programs.unshare,
    ...['--mount', '--propagation', 'private', '--'],
    ...['/bin/sh', '-c', MOUNT_SCRIPT, 'carapace-jail'],
    ...borrowed.flatMap(({ source, name }) => [source, join(paths.work, name)]),
    '--',
    jailer,
    ...['--id', checkMachineName(spec.name), '--exec-file', programs.firecracker],
    ...['--uid', user, '--gid', user, '--chroot-base-dir', paths.area],
    ...['--netns', spec.link.namespace, '--resource-limit', `fsize=${largestFile(spec)}`],
    ...['--', '--api-sock', NAMES.api],
  ]);
}
