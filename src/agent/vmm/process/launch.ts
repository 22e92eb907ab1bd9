/** Starts a seat's workspace server as a process of its own, which outlives the agent. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { runAsNode } from '../../../lib/child-environment.ts';
import { processStartTime, type ProcessIdentity } from '../../../lib/process-identity.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import { MARKER } from './hunt.ts';
import { removeFolder } from './remove-folder.ts';
import type { SeatPaths } from './seat-folder.ts';

/** What every seat of an agent is started from. */
export interface Programs {
  /** The workspace server, run by this process's own Node. */
  readonly workspace: string;
  readonly shell: string;
}

/** A server that was started; `failed` settles, by rejecting, when it ends while it is still watched. */
export interface Launched {
  readonly server: ProcessIdentity;
  readonly failed: Promise<never>;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The most of a log that an error carries, in characters. */
const LOG_TAIL = 2_000;

/** The seat's environment: nothing of this process but what names the machine's language, time and programs. */
export function seatEnvironment(paths: SeatPaths, shell: string, source = process.env): Record<string, string> {
  const passed = Object.entries(source).filter(
    (entry): entry is [string, string] => /^(LANG|LC_\w+|TZ)$/.test(entry[0]) && entry[1] !== undefined,
  );
  const user = userInfo().username;
  return {
    LANG: 'C.UTF-8',
    ...Object.fromEntries(passed),
    PATH: source['PATH'] ?? DEFAULT_PATH,
    TERM: 'xterm-256color',
    USER: user,
    LOGNAME: user,
    SHELL: shell,
    HOME: paths.home,
    [MARKER]: paths.folder,
    ...runAsNode(),
  };
}

/** Bash sets the limit and becomes the server: same process, same start time. A limit that is refused is done without. */
const LAUNCHER = 'ulimit -q "$1" 2>/dev/null; shift; exec "$@"';

function commandLine(paths: SeatPaths, programs: Programs, queueLimit: number | null): [string, string[]] {
  const server = [
    programs.workspace,
    ...['--root', paths.home],
    ...['--terminal-socket', paths.terminalSocket],
    ...['--files-socket', paths.filesSocket],
    ...['--shell', programs.shell],
  ];
  if (queueLimit === null) return [process.execPath, server];
  return ['/bin/bash', ['-c', LAUNCHER, 'carapace-seat', String(queueLimit), process.execPath, ...server]];
}

async function logTail(paths: SeatPaths): Promise<string> {
  const text = await readFile(paths.log, 'utf8').catch(() => '');
  return text.slice(-LOG_TAIL);
}

async function failure(child: ChildProcess, paths: SeatPaths): Promise<never> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  const how = signal === null ? `with exit code ${code ?? 'unknown'}` : `by ${signal}`;
  throw new UnavailableError(`The seat's server ended ${how} before it answered.`, { log: await logTail(paths) });
}

/**
 * Starts the server in a session of its own, with fresh folders for its sockets and its output in the seat's log.
 * @throws the system's error where the program cannot be started
 */
export async function launch(paths: SeatPaths, programs: Programs, queueLimit: number | null): Promise<Launched> {
  await removeFolder(paths.sockets);
  await mkdir(paths.sockets, { mode: 0o700 });
  const log = await open(paths.log, 'a', 0o600);
  try {
    const [program, parameters] = commandLine(paths, programs, queueLimit);
    const child = spawn(program, parameters, {
      cwd: paths.home,
      detached: true,
      env: seatEnvironment(paths, programs.shell),
      stdio: ['ignore', log.fd, log.fd],
    });
    const failed = failure(child, paths);
    // The watch may outlast the wait for the server; then nobody asks for its result.
    failed.catch(() => undefined);
    await once(child, 'spawn');
    child.unref();
    const pid = child.pid ?? 0;
    return { server: { pid, start_time: processStartTime(pid) ?? 'ended' }, failed };
  } finally {
    await log.close();
  }
}
