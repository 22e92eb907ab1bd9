/**
 * Where the files of one machine are. Firecracker knows them by bare names only, relative to a folder of its own: a
 * snapshot keeps the paths of its drives, and every copy must find its own files under the same paths.
 */
import { dirname, join } from 'node:path';

/** Names inside the machine's own folder, which with a jailer is all that the machine's process sees. */
export const NAMES = {
  api: 'api.sock',
  vsock: 'vsock.sock',
  kernel: 'kernel',
  initramfs: 'initramfs',
  rootfs: 'rootfs.ext4',
  disk: 'disk.raw',
  memory: 'memory',
  state: 'state',
  newMemory: 'new-memory',
  newState: 'new-state',
  console: 'console.log',
  log: 'firecracker.log',
} as const;

/** In a template's folder. */
export const TEMPLATE_NAMES = { memory: 'memory', state: 'state' } as const;

/** Paths of one machine as this program sees them. */
export interface MachinePaths {
  /** The caller's folder, for sockets. */
  readonly folder: string;
  /**
   * A link to what this machine is made of, beside its disk: the folder for sockets may be of a file system that has
   * no devices, which a jail needs, and that is kept in memory, where a snapshot has no room.
   */
  readonly area: string;
  /** A link to the machine's own folder: the area, or the root of the jail in it, whose path is too long for sockets. */
  readonly work: string;
  /** What the program says before it has a log. */
  readonly output: string;
}

export function machinePaths(folder: string): MachinePaths {
  return { folder, area: join(folder, 'area'), work: join(folder, 'vm'), output: join(folder, 'firecracker.out') };
}

/** Where {@link MachinePaths.area} leads. */
export function areaBeside(disk: string): string {
  return join(dirname(disk), 'machine');
}

/** A file that exists elsewhere and that the machine sees under a name. */
export interface Borrowed {
  readonly source: string;
  readonly name: string;
  /** Whether the machine writes to it. */
  readonly writable: boolean;
}
