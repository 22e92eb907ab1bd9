/** What proc(5) tells of the processes of this machine. A process that ends while it is read is simply not there. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ProcessIdentity } from '../../../lib/process-identity.ts';

/** A living process: identity, and its place in the trees of parents and of sessions. */
export interface ProcessEntry extends ProcessIdentity {
  readonly parent: number;
  readonly session: number;
  /** The program's name, at most 15 characters. */
  readonly name: string;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Parses a line of proc_pid_stat(5); undefined for a process that has ended and is not collected yet. */
export function parseStat(stat: string): ProcessEntry | undefined {
  // The name may hold spaces and parentheses; the last parenthesis ends it.
  const nameEnd = stat.lastIndexOf(')');
  const name = stat.slice(stat.indexOf('(') + 1, nameEnd);
  const fields = stat.slice(nameEnd + 2).split(' ');
  const [state, parent, , session] = fields;
  const startTime = fields[19];
  if (startTime === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid: parseInt(stat, 10), start_time: startTime, parent: Number(parent), session: Number(session), name };
}

/** Every living process, by its number. */
export function readProcesses(): Map<number, ProcessEntry> {
  const processes = new Map<number, ProcessEntry>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readText(`/proc/${name}/stat`);
    const entry = stat === undefined ? undefined : parseStat(stat);
    if (entry !== undefined) processes.set(entry.pid, entry);
  }
  return processes;
}

/** A variable of the environment that the process was started with; of several of the same name, the first. */
export function readVariable(pid: number, name: string): string | undefined {
  const environment = readText(`/proc/${pid}/environ`);
  const found = environment?.split('\0').find((entry) => entry.startsWith(`${name}=`));
  return found === undefined ? undefined : Buffer.from(found.slice(name.length + 1), 'latin1').toString();
}

/** The hard limit of bytes in POSIX message queues (RLIMIT_MSGQUEUE of getrlimit(2)). */
export function readQueueLimit(pid: number | 'self'): number | undefined {
  const line = /^Max msgqueue size +\S+ +(\d+)/m.exec(readText(`/proc/${pid}/limits`) ?? '');
  return line === null ? undefined : Number(line[1]);
}

/** The working folder and the root folder, where this process may know them. */
export function readFolders(pid: number): string[] {
  return [readLink(`/proc/${pid}/cwd`), readLink(`/proc/${pid}/root`)].filter((path) => path !== undefined);
}

/** Access mode bits of open(2) flags, in octal as /proc/PID/fdinfo tells them: 1 is write only, 2 is both. */
const WRITES = /^flags:\s*[0-7]*[1256]$/m;

/** The files that the process has open for writing. */
export function readWrittenFiles(pid: number): string[] {
  let descriptors: string[];
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
  return descriptors
    .filter((descriptor) => WRITES.test(readText(`/proc/${pid}/fdinfo/${descriptor}`) ?? ''))
    .map((descriptor) => readLink(`/proc/${pid}/fd/${descriptor}`))
    .filter((path) => path !== undefined);
}
