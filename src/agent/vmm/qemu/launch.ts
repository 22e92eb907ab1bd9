/** Starts QEMU as a process of its own, which outlives the agent. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, processStartTime, type ProcessIdentity } from '../../../lib/process-identity.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import { readProcesses } from '../process/process-table.ts';

/** The most of QEMU's complaints that is kept, in characters. */
const STDERR_TAIL = 2_000;

/** How long the kernel may take to end a killed process. */
const END_MS = 15_000;
const PAUSE_MS = 5;

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Started {
  readonly process: ProcessIdentity;
  /** Resolves when it ends, with an error that says how and has its last words; for as long as this process watches. */
  readonly ended: Promise<UnavailableError>;
}

/** Keeps reading, so that the other side never waits, and keeps the end of it. */
function keepTail(stream: Socket): () => string {
  let tail = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => (tail = (tail + text).slice(-STDERR_TAIL)));
  stream.on('error', () => undefined);
  // Must not keep the agent alive when it wants to end. After that QEMU's words are lost; it does not mind.
  stream.unref();
  return () => tail.trim();
}

async function watchEnd(child: ChildProcess, lastWords: () => string): Promise<UnavailableError> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  const how = signal === null ? `with exit code ${code ?? 'unknown'}` : `by ${signal}`;
  const reason = lastWords();
  return new UnavailableError(`QEMU ended ${how}${reason === '' ? '.' : `: ${reason}`}`);
}

/**
 * Starts a command in a session of its own.
 * @param input an open file that it finds as its descriptor 3
 * @throws UnavailableError where the program cannot be started
 */
export async function launch(command: readonly [string, ...string[]], input: number | 'ignore'): Promise<Started> {
  const [program, ...parameters] = command;
  const child = spawn(program, parameters, {
    cwd: '/',
    detached: true,
    env: { PATH: process.env['PATH'] ?? DEFAULT_PATH, LANG: 'C.UTF-8' },
    stdio: ['ignore', 'ignore', 'pipe', input],
  });
  const lastWords = keepTail(child.stderr as Socket);
  const ended = watchEnd(child, lastWords);
  ended.catch(() => undefined);
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new UnavailableError(`The program ${program} could not be started: ${String(cause)}`, undefined, { cause });
  }
  child.unref();
  const pid = child.pid ?? 0;
  return { process: { pid, start_time: processStartTime(pid) ?? 'ended' }, ended };
}

/** What runs in the session that a process leads or led; what got its number later does not belong. */
function findSession(leader: ProcessIdentity): ProcessIdentity[] {
  const processes = readProcesses();
  const holder = processes.get(leader.pid);
  if (holder !== undefined && holder.start_time !== leader.start_time) return [];
  return [...processes.values()].filter((entry) => entry.session === leader.pid);
}

function killIfAlive(identity: ProcessIdentity): void {
  try {
    if (isAlive(identity)) process.kill(identity.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Kills a process and all of its session; also where it has ended. @throws UnavailableError naming what does not end */
export async function endSession(leader: ProcessIdentity): Promise<void> {
  const deadline = performance.now() + END_MS;
  killIfAlive(leader);
  while (isAlive(leader) && performance.now() < deadline) await sleep(PAUSE_MS);
  for (;;) {
    const left = findSession(leader);
    if (left.length === 0) return;
    left.forEach(killIfAlive);
    if (performance.now() > deadline) {
      const list = left.map((entry) => entry.pid).join(', ');
      throw new UnavailableError(`The processes ${list} of a machine could not be ended. End them and try again.`);
    }
    await sleep(PAUSE_MS);
  }
}
