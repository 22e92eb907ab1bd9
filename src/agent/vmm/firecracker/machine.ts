/** One Firecracker machine that runs, started by this process or by an earlier one. */
import { chmod, chown, copyFile, rename, rm } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '../../../lib/process-identity.ts';
import { SEAT_CHANNEL } from '../../../protocol/seat-init.ts';
import type { Machine, SeatChannelAddress, Template } from '../machine/hypervisor.ts';
import { withApi } from './api-client.ts';
import { NAMES, TEMPLATE_NAMES, type MachinePaths } from './files.ts';
import { clearMachineFolder } from './machine-folder.ts';
import { end, tailOf } from './process.ts';
import { resumeRequest, snapshotRequests } from './sequence.ts';

/** The most of the console that is told, in characters. */
const CONSOLE_TAIL = 4_000;

/** Users of jailed machines read the template; its folder lets nobody else in. */
const TEMPLATE_MODE = 0o644;

/** Moves a file, also to another file system. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error;
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await rm(from);
  }
}

export class FirecrackerMachine implements Machine {
  readonly process: ProcessIdentity;
  readonly channel: SeatChannelAddress;
  readonly #paths: MachinePaths;

  constructor(process: ProcessIdentity, paths: MachinePaths) {
    this.process = process;
    this.#paths = paths;
    this.channel = { kind: 'vsock', socketPath: join(paths.work, NAMES.vsock), port: SEAT_CHANNEL.vsockPort };
  }

  consoleTail(): Promise<string> {
    return tailOf(join(this.#paths.work, NAMES.console), CONSOLE_TAIL);
  }

  async snapshot(template: Template, signal: AbortSignal): Promise<void> {
    const written = {
      [TEMPLATE_NAMES.memory]: join(this.#paths.work, NAMES.newMemory),
      [TEMPLATE_NAMES.state]: join(this.#paths.work, NAMES.newState),
    };
    try {
      await withApi(this.#socket, (api) => api.sendAll(snapshotRequests(), signal));
      for (const [name, path] of Object.entries(written)) {
        const place = join(template.folder, name);
        await move(path, place);
        await chown(place, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
        await chmod(place, TEMPLATE_MODE);
      }
    } finally {
      for (const path of Object.values(written)) await rm(path, { force: true });
    }
  }

  async resume(signal: AbortSignal): Promise<void> {
    await withApi(this.#socket, (api) => api.send(resumeRequest(), signal));
  }

  async kill(): Promise<void> {
    await end(this.process);
    await clearMachineFolder(this.#paths);
  }

  get #socket(): string {
    return join(this.#paths.work, NAMES.api);
  }
}
