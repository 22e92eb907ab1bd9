/** What a seat made of processes has on disk, and what its state file remembers for the next agent. */
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { writeFileAtomic } from '../../../lib/atomic-file.ts';
import { idSchema, seatNumberSchema } from '../../../protocol/names.ts';
import type { SeatKey } from '../driver.ts';

/** Where the parts of one seat are. */
export interface SeatPaths {
  readonly folder: string;
  /** The learner's home, which is the workspace. */
  readonly home: string;
  readonly stateFile: string;
  readonly log: string;
  readonly sockets: string;
  readonly terminalSocket: string;
  readonly filesSocket: string;
}

/** `folder` and `sockets` are the seat's own, absolute. */
export function seatPaths(folder: string, sockets: string): SeatPaths {
  return {
    folder,
    home: join(folder, 'home'),
    stateFile: join(folder, 'state.json'),
    log: join(folder, 'workspace.log'),
    sockets,
    terminalSocket: join(sockets, 'terminal.sock'),
    filesSocket: join(sockets, 'files.sock'),
  };
}

/**
 * `starting`: being made. `ready`: its servers have answered. `resetting`: being made new. `removing`: being ended.
 * `stopped`: ended, with its files kept.
 *
 * `keep_files` says what becomes of the home where an agent finds the seat without its processes. The file is written
 * before each step, so a crash at any point leaves enough to finish or to undo the step.
 */
const seatStateSchema = z.object({
  phase: z.enum(['starting', 'ready', 'resetting', 'removing', 'stopped']),
  keep_files: z.boolean(),
  created_at: z.iso.datetime(),
  started_in_ms: z.number(),
  server: z.nullable(z.object({ pid: z.int(), start_time: z.string() })),
  queue_limit: z.nullable(z.int()),
});
export type SeatState = z.infer<typeof seatStateSchema>;

export async function writeState(paths: SeatPaths, state: SeatState): Promise<void> {
  await writeFileAtomic(paths.stateFile, `${JSON.stringify(state, undefined, 2)}\n`);
}

/** What is assumed of a state file that cannot be understood: a learner's files are in the folder, nothing runs. */
function unknownState(): SeatState {
  const created_at = new Date().toISOString();
  return { phase: 'ready', keep_files: true, created_at, started_in_ms: 0, server: null, queue_limit: null };
}

/** The state file's content; undefined where there is none. */
export async function readState(paths: SeatPaths): Promise<SeatState | undefined> {
  const text = await readFile(paths.stateFile, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const parsed = seatStateSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : unknownState();
  } catch {
    return unknownState();
  }
}

/** The names in a folder, none where it does not exist. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

/** The seats that have a folder `<seatsFolder>/<workshop>/<seat>`; other names are not ours. */
export async function listSeatFolders(seatsFolder: string): Promise<SeatKey[]> {
  const keys: SeatKey[] = [];
  for (const workshopId of await namesIn(seatsFolder)) {
    if (!idSchema.safeParse(workshopId).success) continue;
    for (const name of await namesIn(join(seatsFolder, workshopId))) {
      const seatId = Number(name);
      if (String(seatId) === name && seatNumberSchema.safeParse(seatId).success) keys.push({ workshopId, seatId });
    }
  }
  return keys;
}

/** Removes a folder that is empty; one that is not, or is not there, stays as it is. */
export async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch {
    // Another seat's folder is in it, or it is gone.
  }
}
