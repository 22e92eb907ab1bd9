/** The control plane of this machine: finding it, and starting it where none runs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanEnvironment, runAsNode } from '../lib/child-environment.ts';
import { isAlive } from '../lib/process-identity.ts';
import { statePaths } from '../lib/state-folder.ts';
import { daemonFileSchema, type DaemonFile } from '../protocol/daemon.ts';
import { CarapaceError, DiskFullError, TimedOutError, UnavailableError } from '../protocol/errors.ts';
import type { Connection } from './connection.ts';
import { ControlPlaneClient } from './control-plane.ts';

const START_DEADLINE_MS = 20_000;
const POLL_MS = 100;
/** How `carapace serve` ends when another one holds the state folder: one that starts as well, or is just ending. */
export const EXIT_HELD_BY_ANOTHER = 3;
const LOG_TAIL_BYTES = 4_096;

/** The control plane that holds this state folder, if its process lives and answers. */
export async function findControlPlane(stateFolder: string, signal?: AbortSignal): Promise<Connection | undefined> {
  const file = await readDaemonFile(statePaths(stateFolder).daemonFile);
  if (file === undefined || !isAlive(file)) return undefined;
  const connection = { url: file.url, token: file.token };
  try {
    await new ControlPlaneClient(connection).health(signal);
    return connection;
  } catch (error) {
    if (error instanceof CarapaceError) return undefined;
    throw error;
  }
}

export interface EnsureOptions {
  readonly stateFolder: string;
  /** Path of dist/cli.cjs. */
  readonly program: string;
  readonly signal?: AbortSignal;
}

/**
 * The control plane of this state folder, started where none runs. It outlives the caller.
 * @throws UnavailableError when it does not start, naming its log; TimedOutError
 */
export async function ensureControlPlane(options: EnsureOptions): Promise<Connection> {
  const { stateFolder, signal } = options;
  const running = await findControlPlane(stateFolder, signal);
  if (running !== undefined) return running;
  let child = await startControlPlane(options);
  const deadline = Date.now() + START_DEADLINE_MS;
  while (Date.now() < deadline) {
    const found = await findControlPlane(stateFolder, signal);
    if (found !== undefined) return found;
    await sleep(POLL_MS, undefined, { ...(signal && { signal }) });
    if (child.exitCode === EXIT_HELD_BY_ANOTHER) child = await startControlPlane(options);
    else await failIfEnded(child, stateFolder);
  }
  throw new TimedOutError(
    `The control plane did not answer within ${START_DEADLINE_MS / 1000} s. Its log is ${serveLog(stateFolder)}.`,
  );
}

/** Where a control plane that was started in the background writes. */
export function serveLog(stateFolder: string): string {
  return join(statePaths(stateFolder).logs, 'serve.log');
}

async function readDaemonFile(path: string): Promise<DaemonFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return daemonFileSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function startControlPlane(options: EnsureOptions): Promise<ChildProcess> {
  const { stateFolder, program } = options;
  const log = await openServeLog(stateFolder);
  try {
    const child = spawn(process.execPath, [program, 'serve', '--port', '0', '--state-dir', stateFolder], {
      cwd: stateFolder,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...cleanEnvironment(), ...runAsNode() },
    });
    await spawned(child);
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

/** @throws DiskFullError, UnavailableError naming the folder and what is wrong with it */
async function openServeLog(stateFolder: string): Promise<FileHandle> {
  try {
    await mkdir(stateFolder, { recursive: true, mode: 0o700 });
    await mkdir(statePaths(stateFolder).logs, { recursive: true, mode: 0o700 });
    return await open(serveLog(stateFolder), 'a', 0o600);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const message = `Carapace cannot keep its state in ${stateFolder} (${code}). `;
    if (code === 'ENOSPC') throw new DiskFullError(`${message}Free some space.`, undefined, { cause: error });
    const advice = 'Make it a folder that you may write to, or set CARAPACE_HOME to another one.';
    throw new UnavailableError(message + advice, undefined, { cause: error });
  }
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      reject(
        new UnavailableError(`The control plane cannot be started: ${error.message}.`, undefined, { cause: error }),
      );
    });
  });
}

async function failIfEnded(child: ChildProcess, stateFolder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) return;
  const how = child.exitCode === null ? `signal ${child.signalCode ?? ''}` : `exit code ${child.exitCode}`;
  const log = serveLog(stateFolder);
  throw new UnavailableError(
    `The control plane ended at its start with ${how}. Its log is ${log}:\n${await tail(log)}`,
  );
}

async function tail(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { size } = await file.stat();
    const length = Math.min(size, LOG_TAIL_BYTES);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8');
  } catch {
    return '';
  } finally {
    await file?.close();
  }
}
