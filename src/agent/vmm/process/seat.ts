/** The life of one seat made of processes, each step written down before it is taken. */
import { mkdir } from 'node:fs/promises';
import { waitUntilHealthy } from '../../seat-health.ts';
import { askToEnd, endSeatProcesses } from './end-processes.ts';
import { launch, type Programs } from './launch.ts';
import { chooseQueueLimit } from './queue-limit.ts';
import { removeFolder } from './remove-folder.ts';
import { readState, writeState, type SeatPaths, type SeatState } from './seat-folder.ts';
import { makeHome } from './skeleton.ts';

/** The state of a seat whose server runs. */
export type RunningState = SeatState & { readonly server: NonNullable<SeatState['server']> };

/** How long a server may take to end its shells gently before they are killed. */
const GENTLE_END_MS = 2_000;

export function hasServer(state: SeatState | undefined): state is RunningState {
  return state !== undefined && state.server !== null;
}

function newState(phase: 'starting' | 'resetting', keepFiles: boolean): SeatState {
  return {
    phase,
    keep_files: keepFiles,
    created_at: new Date().toISOString(),
    started_in_ms: 0,
    server: null,
    queue_limit: chooseQueueLimit() ?? null,
  };
}

/** Starts the servers, waits until they answer, and writes down what runs before and after. */
async function start(
  paths: SeatPaths,
  state: SeatState,
  programs: Programs,
  signal: AbortSignal,
): Promise<RunningState> {
  const begun = performance.now();
  signal.throwIfAborted();
  const { server, failed } = await launch(paths, programs, state.queue_limit);
  await writeState(paths, { ...state, server });
  const servers = { terminal: { socketPath: paths.terminalSocket }, files: { socketPath: paths.filesSocket } };
  await Promise.race([waitUntilHealthy(servers, signal), failed]);
  const startedInMs = Math.round(performance.now() - begun);
  const ready: RunningState = { ...state, server, phase: 'ready', keep_files: true, started_in_ms: startedInMs };
  await writeState(paths, ready);
  return ready;
}

/**
 * Makes a seat and returns once its servers answer.
 * @param seatNumber what the prompt of its shells says
 * @param keepFiles whether the folder is there, with a home of an earlier life
 * @throws the cause; the folder is left for {@link reapSeat}
 */
export async function makeSeat(
  paths: SeatPaths,
  seatNumber: number,
  keepFiles: boolean,
  programs: Programs,
  signal: AbortSignal,
): Promise<RunningState> {
  // With its parents, which go when the last seat of a workshop does.
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  const state = newState('starting', keepFiles);
  await writeState(paths, state);
  if (!keepFiles) await makeHome(paths.home, seatNumber);
  return start(paths, state, programs, signal);
}

/** Ends a seat's processes and starts it with a new home. The same again finishes one that was interrupted. */
export async function renewSeat(
  paths: SeatPaths,
  seatNumber: number,
  before: SeatState,
  programs: Programs,
  signal: AbortSignal,
): Promise<RunningState> {
  await writeState(paths, { ...before, phase: 'resetting', keep_files: false });
  await endSeat(paths, before);
  await removeFolder(paths.home);
  await removeFolder(paths.log);
  const state = newState('resetting', false);
  await writeState(paths, state);
  await makeHome(paths.home, seatNumber);
  return start(paths, state, programs, signal);
}

/** Ends a seat's processes and removes its sockets. */
export async function endSeat(paths: SeatPaths, state: SeatState | undefined): Promise<void> {
  await endSeatProcesses({ folder: paths.folder, queueLimit: state?.queue_limit ?? undefined });
  await removeFolder(paths.sockets);
}

/** Ends a seat and removes all of it. */
export async function clearSeat(paths: SeatPaths, state: SeatState | undefined): Promise<void> {
  await endSeat(paths, state);
  // The state file goes last: without it nobody knows how the processes are found.
  await removeFolder(paths.home);
  await removeFolder(paths.folder);
}

/** Ends a seat; removes all of it, or all but its files where its state says that they are kept. */
export async function reapSeat(paths: SeatPaths): Promise<void> {
  const state = await readState(paths);
  if (state?.keep_files !== true) {
    await clearSeat(paths, state);
    return;
  }
  await endSeat(paths, state);
  await removeFolder(paths.log);
  await writeState(paths, { ...state, phase: 'stopped', server: null, queue_limit: null });
}

/** Ends a seat for good, or until it is made again over its files; its shells get a moment to save their history. */
export async function removeSeat(paths: SeatPaths, keepFiles: boolean): Promise<void> {
  const state = await readState(paths);
  if (state !== undefined) {
    await writeState(paths, { ...state, phase: 'removing', keep_files: keepFiles });
    if (keepFiles && state.server !== null) await askToEnd(state.server, GENTLE_END_MS);
  }
  await reapSeat(paths);
}
