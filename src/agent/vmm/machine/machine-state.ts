/** What the state file of a machine remembers for the next agent. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import * as z from 'zod/mini';
import { writeFileAtomic } from '../../../lib/atomic-file.ts';
import { DiskFullError } from '../../../protocol/errors.ts';
import { asDiskFull } from './disk.ts';
import type { MachineSize } from './hypervisor.ts';
import type { MachinePaths } from './machine-paths.ts';

/**
 * `starting`: being made. `ready`: its servers have answered. `resetting`: being made new. `removing`: being ended.
 * `stopped`: ended, with its disk kept.
 *
 * `keep_files` says what becomes of the disk where an agent finds the seat without its machine. The file is written
 * before each step, so a crash at any point leaves enough to finish or to undo the step.
 */
const machineStateSchema = z.object({
  phase: z.enum(['starting', 'ready', 'resetting', 'removing', 'stopped']),
  keep_files: z.boolean(),
  created_at: z.iso.datetime(),
  started_in_ms: z.number(),
  from_snapshot: z.boolean(),
  /** Who it is: a seat that is started again over its disk is the same machine. */
  machine_id: z.string(),
  size: z.object({ vcpus: z.int(), memory_mb: z.int(), disk_mb: z.int() }),
  /** The slot of the network, and its namespace, in which the machine's processes are found. */
  link: z.nullable(z.object({ slot: z.int(), namespace: z.string() })),
  process: z.nullable(z.object({ pid: z.int(), start_time: z.string() })),
});
export type MachineState = z.infer<typeof machineStateSchema>;

/** 32 hexadecimal digits, see machine-id(5). */
function newMachineId(): string {
  return randomBytes(16).toString('hex');
}

export function newState(size: MachineSize): MachineState {
  return {
    phase: 'starting',
    keep_files: false,
    created_at: new Date().toISOString(),
    started_in_ms: 0,
    from_snapshot: false,
    machine_id: newMachineId(),
    size: { vcpus: size.vcpus, memory_mb: size.memoryMb, disk_mb: size.diskMb },
    link: null,
    process: null,
  };
}

export function sizeIn(state: MachineState): MachineSize {
  const { vcpus, memory_mb, disk_mb } = state.size;
  return { vcpus, memoryMb: memory_mb, diskMb: disk_mb };
}

/** Makes the folder, with its parents, where it is missing. */
export async function writeState(paths: MachinePaths, state: MachineState): Promise<void> {
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(paths.stateFile, `${JSON.stringify(state, undefined, 2)}\n`);
}

/** Writes down that a machine is being ended. On a full disk that is done without; answers whether it was written. */
export async function noteState(paths: MachinePaths, state: MachineState): Promise<boolean> {
  try {
    await writeState(paths, state);
    return true;
  } catch (error) {
    if (!(asDiskFull(error) instanceof DiskFullError)) throw error;
    return false;
  }
}

/** Writes down that a machine has been ended and its disk is kept; on a full disk, by having no state file beside it. */
export async function noteStopped(paths: MachinePaths, state: MachineState): Promise<void> {
  try {
    await writeState(paths, { ...state, phase: 'stopped', link: null, process: null });
  } catch (error) {
    if (!(asDiskFull(error) instanceof DiskFullError)) throw error;
    await removeState(paths);
  }
}

export async function removeState(paths: MachinePaths): Promise<void> {
  await rm(paths.stateFile, { force: true });
}

/** What is assumed where there is a disk and nothing to be understood about it: it is a learner's; what runs is looked for. */
async function unknownState(paths: MachinePaths): Promise<MachineState | undefined> {
  const diskMb = await diskSizeMb(paths);
  if (diskMb === undefined) return undefined;
  return { ...newState({ vcpus: 1, memoryMb: 0, diskMb }), phase: 'removing', keep_files: true };
}

/** The size of the machine's disk; undefined where it has none. */
export async function diskSizeMb(paths: MachinePaths): Promise<number | undefined> {
  const found = await stat(paths.disk).catch(() => undefined);
  return found === undefined ? undefined : Math.ceil(found.size / 1024 ** 2);
}

/** The state file's content; undefined where there is nothing of a machine. */
export async function readState(paths: MachinePaths): Promise<MachineState | undefined> {
  const text = await readFile(paths.stateFile, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  });
  try {
    const parsed = machineStateSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : await unknownState(paths);
  } catch {
    return unknownState(paths);
  }
}
