/**
 * Seats made of plain processes: a workspace server with a home of its own for each. No isolation: whoever has a seat
 * can do what the agent's user can. Only for this machine's own user.
 */
import { access, constants } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join, sep } from 'node:path';
import type { Logger } from 'pino';
import { isAlive, type ProcessIdentity } from '../../../lib/process-identity.ts';
import { MAX_SOCKET_PATH } from '../../../lib/state-folder.ts';
import { ConflictError, InvalidInputError, UnavailableError } from '../../../protocol/errors.ts';
import type { RunningSeat, SeatKey, SeatLimits, VmDriver } from '../driver.ts';
import { processCapacity } from './capacity.ts';
import { endSeatProcesses } from './end-processes.ts';
import { findMarkedFolders } from './hunt.ts';
import type { Programs } from './launch.ts';
import { listSeatFolders, readState, removeIfEmpty, seatPaths, type SeatPaths } from './seat-folder.ts';
import { clearSeat, endSeat, hasServer, makeSeat, reapSeat, removeSeat, renewSeat, type RunningState } from './seat.ts';

export interface ProcessDriverOptions {
  /** The agent's state folder, absolute and without symbolic links. */
  readonly stateFolder: string;
  /** The folder for the seats' sockets; only this user can enter it. */
  readonly socketFolder: string;
  readonly programs: Programs;
  readonly log: Logger;
}

export class ProcessDriver implements VmDriver {
  readonly runtime = 'process';
  readonly accelerated = false;
  readonly capacity = processCapacity(totalmem(), availableParallelism());
  readonly #options: ProcessDriverOptions;
  readonly #seatsFolder: string;
  readonly #servers = new Map<string, ProcessIdentity>();

  constructor(options: ProcessDriverOptions) {
    this.#options = options;
    this.#seatsFolder = join(options.stateFolder, 'seats');
  }

  versions(): Record<string, string> {
    return { node: process.versions.node };
  }

  /** Makes a seat in a folder aside, and removes it. */
  async probe(signal: AbortSignal): Promise<void> {
    const { programs } = this.#options;
    await mustExist(programs.workspace, constants.R_OK, 'the workspace server');
    await mustExist(programs.shell, constants.X_OK, 'the shell');
    const paths = this.#probePaths();
    await this.#clear(paths);
    try {
      await makeSeat(paths, 0, false, programs, signal);
    } finally {
      await this.#clear(paths);
    }
  }

  async adopt(signal: AbortSignal): Promise<RunningSeat[]> {
    const adopted: RunningSeat[] = [];
    for (const key of await listSeatFolders(this.#seatsFolder)) {
      await this.#attempt(nameOf(key), async () => {
        const seat = await this.#adoptSeat(key, signal);
        if (seat !== undefined) adopted.push(seat);
      });
    }
    await this.#attempt('probe', () => this.#clear(this.#probePaths()));
    await this.#attempt('unknown', () => this.#endUnknown(adopted));
    return adopted;
  }

  /** The limits are the machine's own: a plain process has no others. */
  async create(key: SeatKey, _limits: SeatLimits, signal: AbortSignal): Promise<RunningSeat> {
    const paths = this.#paths(key);
    if (paths.terminalSocket.length > MAX_SOCKET_PATH) {
      throw new InvalidInputError(`The workshop's id is too long for sockets in ${this.#options.socketFolder}.`);
    }
    const before = await readState(paths);
    if (before?.phase !== 'stopped') await reapSeat(paths);
    const keepFiles = before?.keep_files === true;
    try {
      return this.#running(key, await makeSeat(paths, key.seatId, keepFiles, this.#options.programs, signal));
    } catch (error) {
      await reapSeat(paths);
      await this.#removeEmptyFolders(paths);
      throw error;
    }
  }

  async reset(key: SeatKey, signal: AbortSignal): Promise<RunningSeat> {
    const paths = this.#paths(key);
    const before = await readState(paths);
    if (before === undefined) throw new ConflictError('The seat has no folder any more. Delete it and make it again.');
    try {
      return this.#running(key, await renewSeat(paths, key.seatId, before, this.#options.programs, signal));
    } catch (error) {
      await endSeat(paths, await readState(paths));
      throw error;
    }
  }

  async destroy(key: SeatKey, options: { readonly keepFiles: boolean }, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const paths = this.#paths(key);
    await removeSeat(paths, options.keepFiles);
    this.#servers.delete(nameOf(key));
    await this.#removeEmptyFolders(paths);
  }

  isRunning(key: SeatKey): boolean {
    const server = this.#servers.get(nameOf(key));
    return server !== undefined && isAlive(server);
  }

  #paths(key: SeatKey): SeatPaths {
    const folder = join(this.#seatsFolder, key.workshopId, String(key.seatId));
    return seatPaths(folder, join(this.#options.socketFolder, nameOf(key)));
  }

  /** Outside the folder of the seats, and with a name that no seat has. */
  #probePaths(): SeatPaths {
    return seatPaths(join(this.#options.stateFolder, 'probe'), join(this.#options.socketFolder, 'probe'));
  }

  async #clear(paths: SeatPaths): Promise<void> {
    await clearSeat(paths, await readState(paths));
  }

  #running(key: SeatKey, state: RunningState): RunningSeat {
    const paths = this.#paths(key);
    this.#servers.set(nameOf(key), state.server);
    return {
      key,
      ip: null,
      terminal: { socketPath: paths.terminalSocket },
      files: { socketPath: paths.filesSocket },
      startedInMs: state.started_in_ms,
      fromSnapshot: false,
      createdAt: state.created_at,
    };
  }

  /** One seat that cannot be mended must not keep the others from their learners. */
  async #attempt(seat: string, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#options.log.error({ seat, err: error }, 'what an earlier agent left could not be taken over or removed');
    }
  }

  /** Takes over a seat that still runs, finishes a reset, and ends anything else. */
  async #adoptSeat(key: SeatKey, signal: AbortSignal): Promise<RunningSeat | undefined> {
    const paths = this.#paths(key);
    const state = await readState(paths);
    if (hasServer(state) && state.phase === 'ready' && isAlive(state.server)) return this.#running(key, state);
    if (state?.phase === 'resetting') {
      return this.#running(key, await renewSeat(paths, key.seatId, state, this.#options.programs, signal));
    }
    await reapSeat(paths);
    await this.#removeEmptyFolders(paths);
    return undefined;
  }

  /** Ends what carries the marker of a seat that has no folder any more. */
  async #endUnknown(adopted: readonly RunningSeat[]): Promise<void> {
    const known = adopted.map((seat) => this.#paths(seat.key).folder);
    for (const folder of findMarkedFolders(this.#seatsFolder)) {
      const isKnown = known.some((seat) => folder === seat || folder.startsWith(seat + sep));
      if (!isKnown) await endSeatProcesses({ folder, queueLimit: undefined });
    }
  }

  async #removeEmptyFolders(paths: SeatPaths): Promise<void> {
    await removeIfEmpty(dirname(paths.folder));
    await removeIfEmpty(this.#seatsFolder);
  }
}

function nameOf(key: SeatKey): string {
  return `${key.workshopId}-${key.seatId}`;
}

async function mustExist(path: string, mode: number, what: string): Promise<void> {
  try {
    await access(path, mode);
  } catch (cause) {
    throw new UnavailableError(`Seats cannot be made: ${what} is missing at ${path}.`, undefined, { cause });
  }
}
