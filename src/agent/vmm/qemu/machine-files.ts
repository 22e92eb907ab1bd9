/** What QEMU has in a machine's private folder. */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_SOCKET_PATH } from '../../../lib/state-folder.ts';
import { UnavailableError } from '../../../protocol/errors.ts';

export interface MachineFiles {
  /** The monitor: commands to QEMU itself. */
  readonly monitor: string;
  /** The channel to the root program of the seat. */
  readonly channel: string;
  /** The only folder that QEMU sees once it runs; it cannot write to it. */
  readonly root: string;
  /** Where a snapshot's stream of device states is received; in {@link root}. */
  readonly stream: string;
}

/** How QEMU calls {@link MachineFiles.stream}, from inside its root. */
export const STREAM_INSIDE = '/state.sock';

export function machineFiles(folder: string): MachineFiles {
  const root = join(folder, 'root');
  return {
    monitor: join(folder, 'monitor.sock'),
    channel: join(folder, 'channel.sock'),
    root,
    stream: join(root, STREAM_INSIDE),
  };
}

/** Makes what must be there before QEMU starts. @throws UnavailableError where the sockets' paths would be too long */
export async function prepareFiles(folder: string): Promise<MachineFiles> {
  const files = machineFiles(folder);
  const longest = Math.max(files.monitor.length, files.channel.length, files.stream.length);
  if (longest > MAX_SOCKET_PATH) {
    throw new UnavailableError(`The path ${folder} is too long for sockets: set SOCKET_DIR to a shorter one.`);
  }
  await mkdir(files.root, { recursive: true });
  // QEMU runs as a user of its own there; everybody else is kept out by the folders above. No umask may change it.
  await chmod(files.root, 0o711);
  return files;
}

/** After QEMU has ended: what it and {@link prepareFiles} have made. */
export async function removeFiles(files: MachineFiles): Promise<void> {
  const { monitor, channel, root } = files;
  for (const path of [monitor, channel, root]) await rm(path, { recursive: true, force: true });
}
