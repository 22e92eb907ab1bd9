/** A group of processes as the kernel shows it: a folder in the cgroup v2 file system. */
import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UnavailableError } from '../../protocol/errors.ts';

/** How long the kernel may take to end all processes of a group; one that waits for a disk does not end at once. */
const END_TIMEOUT_MS = 15_000;

const PAUSE_MS = 10;

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  // Reading a group that has just been removed fails with ENODEV.
  return code === 'ENOENT' || code === 'ENODEV';
}

/** The groups right under this one; none where it does not exist. */
export async function listGroups(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Whether there is any process in the group or under it; undefined where there is no group. */
async function isPopulated(folder: string): Promise<boolean | undefined> {
  try {
    return /^populated 1$/m.test(await readFile(join(folder, 'cgroup.events'), 'utf8'));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Asks the kernel to end all processes of the group and of those under it, at once and without exception. */
async function kill(folder: string): Promise<void> {
  try {
    await writeFile(join(folder, 'cgroup.kill'), '1', { flag: 'r+' });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/**
 * Ends all processes of the group. Whoever made the group removes it afterwards.
 * @throws UnavailableError where some still run after 15 s
 */
export async function endGroup(folder: string): Promise<void> {
  const deadline = performance.now() + END_TIMEOUT_MS;
  while (await isPopulated(folder)) {
    await kill(folder);
    if (performance.now() > deadline) throw notEnded(folder, await processesOf(folder));
    await sleep(PAUSE_MS);
  }
}

async function processesOf(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
  return text.trim().split('\n').join(', ');
}

function notEnded(folder: string, processes: string): UnavailableError {
  return new UnavailableError(
    `The processes ${processes} of the group ${folder} do not end. They wait for a device, perhaps: see ps, then try again.`,
  );
}

/** Removes a group without processes, and those under it; also where there is none. */
export async function removeGroup(folder: string): Promise<void> {
  for (const name of await listGroups(folder)) await removeGroup(join(folder, name));
  const deadline = performance.now() + END_TIMEOUT_MS;
  for (;;) {
    try {
      // Its files are the kernel's and go with it.
      await rmdir(folder);
      return;
    } catch (error) {
      if (isMissing(error)) return;
      // A process that has ended counts until its parent has collected it.
      const isBusy = (error as NodeJS.ErrnoException).code === 'EBUSY';
      if (!isBusy || performance.now() > deadline) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
