/** The control plane of this machine: finding it, and starting it where none runs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { access, constants, mkdir, open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanEnvironment, runAsNode } from '../lib/child-environment.ts';
import { isAlive } from '../lib/process-identity.ts';
import { statePaths } from '../lib/state-folder.ts';
import { VERSION } from '../lib/version.ts';
import { daemonFileSchema, type DaemonFile } from '../protocol/daemon.ts';
import { CarapaceError, DiskFullError, TimedOutError, UnavailableError } from '../protocol/errors.ts';
import type { Connection } from './connection.ts';
import { ControlPlaneClient } from './control-plane.ts';
import { endIfAtRest, outdatedOf, type Outdated } from './outdated.ts';

const START_DEADLINE_MS = 20_000;
const POLL_MS = 100;
/** How `carapace serve` ends when another one holds the state folder: one that starts as well, or is just ending. */
export const EXIT_HELD_BY_ANOTHER = 3;
/** How `carapace serve` ends on a full disk, which has no room for the reason in its log either. */
export const EXIT_DISK_FULL = 6;
const LOG_TAIL_BYTES = 4_096;

/**
 * How to reach the control plane of this machine; `byHand` where a person has started it, and so starts it again; what is
 * outdated about it, where it is older than its client.
 */
export interface FoundControlPlane extends Connection {
  readonly byHand?: true;
  readonly outdated?: Outdated;
}

/** A control plane that was started has died, without saying why. */
export class EndedAtStartError extends UnavailableError {}

export interface EnsureOptions {
  readonly stateFolder: string;
  /** Path of dist/cli.cjs. */
  readonly program: string;
  readonly signal?: AbortSignal;
  /** What counts as this client's version; default its own. */
  readonly version?: string;
}

/**
 * The control plane that holds this state folder, if its process lives and answers. One that makes way for a newer
 * version is left as it is here.
 */
export async function findControlPlane(
  stateFolder: string,
  signal?: AbortSignal,
  version = VERSION,
): Promise<FoundControlPlane | undefined> {
  const file = await readDaemonFile(statePaths(stateFolder).daemonFile);
  return file === undefined ? undefined : reach(file, version, signal);
}

/** Whether the control plane that the state folder names runs, whether or not it answers. */
export async function isControlPlaneAlive(stateFolder: string): Promise<boolean> {
  const file = await readDaemonFile(statePaths(stateFolder).daemonFile);
  return file !== undefined && isAlive(file);
}

/** Whether a person has started the control plane that the state folder names, and so starts it again. */
export async function isStartedByHand(stateFolder: string): Promise<boolean> {
  const file = await readDaemonFile(statePaths(stateFolder).daemonFile);
  return file?.background === false;
}

/**
 * The control plane of this state folder, started where none runs. It outlives the caller, and ends by itself once it
 * is not needed. One of an older version is replaced where nothing runs and no person started it; else it is used, and
 * told as `outdated`.
 * @throws UnavailableError when it does not start, naming its log; TimedOutError
 */
export async function ensureControlPlane(options: EnsureOptions): Promise<FoundControlPlane> {
  const { stateFolder, signal, version = VERSION } = options;
  const running = await findCurrent(stateFolder, version, signal);
  if (running !== undefined) return running;
  let starting = await startControlPlane(options);
  // Not by the time of day, which may be set meanwhile.
  const deadline = performance.now() + START_DEADLINE_MS;
  while (performance.now() < deadline) {
    const found = await findControlPlane(stateFolder, signal, version);
    if (found !== undefined) return found;
    await sleep(POLL_MS, undefined, { ...(signal && { signal }) });
    if (starting.child.exitCode === EXIT_HELD_BY_ANOTHER) starting = await startControlPlane(options);
    else await failIfEnded(starting, stateFolder);
  }
  throw new TimedOutError(
    `The control plane did not answer within ${START_DEADLINE_MS / 1000} s. Its log is ${serveLog(stateFolder)}.`,
  );
}

/** The control plane that runs, unless it has just made way for one of this version. */
async function findCurrent(
  stateFolder: string,
  version: string,
  signal?: AbortSignal,
): Promise<FoundControlPlane | undefined> {
  const file = await readDaemonFile(statePaths(stateFolder).daemonFile);
  const found = file === undefined ? undefined : await reach(file, version, signal);
  if (file === undefined || found?.outdated?.background !== true) return found;
  if (await endIfAtRest(file, new ControlPlaneClient(found), signal)) return undefined;
  // Somebody else may be ending it just now.
  return reach(file, version, signal);
}

async function reach(file: DaemonFile, version: string, signal?: AbortSignal): Promise<FoundControlPlane | undefined> {
  if (!isAlive(file)) return undefined;
  const { url, token, pid, start_time } = file;
  const connection = { url, token, process: { pid, start_time } };
  try {
    await new ControlPlaneClient(connection).health(signal);
  } catch (error) {
    if (error instanceof CarapaceError) return undefined;
    throw error;
  }
  const outdated = outdatedOf(file, version);
  return {
    ...connection,
    ...(file.background === false && { byHand: true }),
    ...(outdated !== undefined && { outdated }),
  };
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

/** A control plane on its way; what is in its log before `logStart`, in bytes, is of earlier ones. */
interface Starting {
  readonly child: ChildProcess;
  readonly logStart: number;
}

async function startControlPlane(options: EnsureOptions): Promise<Starting> {
  const { stateFolder, program } = options;
  const log = await openServeLog(stateFolder);
  try {
    const { size: logStart } = await log.stat();
    const words = ['serve', '--port', '0', '--state-dir', stateFolder, '--background'];
    const child = spawn(process.execPath, [program, ...words], {
      cwd: stateFolder,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...cleanEnvironment(), ...runAsNode() },
    });
    await spawned(child);
    child.unref();
    return { child, logStart };
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
    const code = (await whyNotWritable(stateFolder)) ?? codeOf(error);
    if (code === 'ENOSPC') throw diskFull(stateFolder, error);
    const message = `Carapace cannot keep its state in ${stateFolder} (${code}). `;
    const advice = 'Make it a folder that you may write to, or set CARAPACE_HOME to another one.';
    throw new UnavailableError(message + advice, undefined, { cause: error });
  }
}

/** Making a folder on a disk that is read-only fails with ENOENT: the folder itself knows better. */
async function whyNotWritable(folder: string): Promise<string | undefined> {
  try {
    await access(folder, constants.W_OK);
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    return code === 'EROFS' || code === 'EACCES' ? code : undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function diskFull(stateFolder: string, cause?: unknown): DiskFullError {
  const message = `Carapace cannot start: the disk of ${stateFolder} is full. Make room on it and try again.`;
  return new DiskFullError(message, undefined, { cause });
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

async function failIfEnded({ child, logStart }: Starting, stateFolder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) return;
  if (child.exitCode === EXIT_DISK_FULL) throw diskFull(stateFolder);
  const log = serveLog(stateFolder);
  const text = await tail(log, logStart);
  // What it says on its standard error when it ends, for a person.
  const reason = [...text.matchAll(/^carapace: (.+)$/gm)].at(-1)?.[1];
  if (reason !== undefined)
    throw new UnavailableError(`The control plane does not start. ${reason} Its log is ${log}.`);
  const how = child.exitCode === null ? `signal ${child.signalCode ?? ''}` : `exit code ${child.exitCode}`;
  throw new EndedAtStartError(`The control plane ended at its start with ${how}. Its log is ${log}:\n${text}`);
}

async function tail(path: string, start: number): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { size } = await file.stat();
    // A log that has grown too long begins anew.
    const length = Math.min(size >= start ? size - start : size, LOG_TAIL_BYTES);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8');
  } catch {
    return '';
  } finally {
    await file?.close();
  }
}
