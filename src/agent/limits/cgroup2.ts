/** Bounds by cgroup v2 without systemd: one folder per machine under a folder of ours. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UnavailableError } from '../../protocol/errors.ts';
import { readCounters } from './counters.ts';
import { endGroup, listGroups, removeGroup } from './group-folder.ts';
import { requireGroupName } from './group-name.ts';
import type { Bounds, Confinement, Limiter } from './limiter.ts';

/** The controllers that the bounds need. */
export const CONTROLLERS = ['cpu', 'memory', 'pids'] as const;

/** The parent of the groups of all agents; each has a folder in it. */
export const PARENT = 'clarateach';

/** In microseconds; the kernel's own default. */
const CPU_PERIOD = 100_000;

/** 0 stands for the process that writes it. */
const ENTER = 'echo 0 >"$0" && exec "$@"';

/** A shell that moves itself into the group, then becomes the command: it keeps its number, and nothing of it ran outside. */
export function wrapInGroup(folder: string, command: readonly string[]): readonly [string, ...string[]] {
  return ['/bin/sh', '-c', ENTER, join(folder, 'cgroup.procs'), ...command];
}

/** The files of a group that hold its bounds. */
export function filesOf(bounds: Bounds): Record<string, string> {
  return {
    'memory.max': String(bounds.memoryMb * 1024 * 1024),
    // Swapping would make every neighbour slow instead of the one who takes too much.
    'memory.swap.max': '0',
    'cpu.max': `${Math.round(bounds.cpus * CPU_PERIOD)} ${CPU_PERIOD}`,
    'pids.max': String(bounds.processes),
  };
}

/** A kernel without swap accounting has no such file, and then there is no swap to bound. */
const OPTIONAL = new Set(['memory.swap.max']);

async function writeExisting(path: string, value: string): Promise<void> {
  // Never creates the file: in a folder that is no group, that would only look as if there were bounds.
  await writeFile(path, value, { flag: 'r+' });
}

async function writeBounds(folder: string, bounds: Bounds): Promise<void> {
  for (const [name, value] of Object.entries(filesOf(bounds))) {
    try {
      await writeExisting(join(folder, name), value);
    } catch (error) {
      if (!OPTIONAL.has(name) || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

function notMade(folder: string, error: unknown): UnavailableError {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `The group ${folder}, which bounds a seat, cannot be made: ${reason}. Start the agent again as root.`;
  return new UnavailableError(message, undefined, { cause: error });
}

/** Passes the controllers of a group on to the groups under it. */
async function enableControllers(folder: string): Promise<void> {
  const enabled = (await readFile(join(folder, 'cgroup.subtree_control'), 'utf8')).trim().split(' ');
  const missing = CONTROLLERS.filter((controller) => !enabled.includes(controller));
  if (missing.length === 0) return;
  await writeExisting(join(folder, 'cgroup.subtree_control'), missing.map((controller) => `+${controller}`).join(' '));
}

/** Makes the parent of an owner's groups. @throws Error where the kernel does not let this process, or has no such controllers */
export async function openParent(root: string, owner: string): Promise<string> {
  const all = join(root, PARENT);
  const parent = join(all, requireGroupName(owner));
  await mkdir(parent, { recursive: true });
  for (const folder of [root, all, parent]) await enableControllers(folder);
  return parent;
}

/** @param parent what {@link openParent} made */
export function createCgroup2Limiter(parent: string): Limiter {
  const folderOf = (name: string): string => join(parent, requireGroupName(name));

  async function remove(name: string): Promise<void> {
    const folder = folderOf(name);
    await endGroup(folder);
    await removeGroup(folder);
  }

  async function prepare(name: string, bounds: Bounds, signal: AbortSignal): Promise<Confinement> {
    signal.throwIfAborted();
    const folder = folderOf(name);
    // What a crash left would count against the new machine.
    await remove(name);
    try {
      await mkdir(folder);
      await writeBounds(folder, bounds);
    } catch (error) {
      await removeGroup(folder);
      throw notMade(folder, error);
    }
    return { wrap: (command) => wrapInGroup(folder, command) };
  }

  return {
    kind: 'cgroup2',
    missing: undefined,
    prepare,
    counters: (name) => readCounters(folderOf(name)),
    remove,
    async reap(keep) {
      for (const name of await listGroups(parent)) if (!keep.has(name)) await remove(name);
    },
  };
}
