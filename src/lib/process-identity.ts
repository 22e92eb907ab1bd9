/** Tells a process from a later one that got the same number (Linux, proc(5)). */
import { readFileSync } from 'node:fs';

/** A process for good: its number, and when it started in clock ticks since boot. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly start_time: string;
}

/** The place of `starttime` in proc_pid_stat(5), counted after the command's closing parenthesis. */
const START_TIME_FIELD = 19;

/** When the process started, in clock ticks since boot; undefined where there is none or it is a zombie. */
export function processStartTime(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command may hold spaces and parentheses; the last parenthesis ends it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ended = fields[0] === 'Z' || fields[0] === 'X';
  return ended ? undefined : fields[START_TIME_FIELD];
}

/** This process, to be written where another process looks for it. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, start_time: processStartTime(process.pid) ?? 'unknown' };
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return processStartTime(identity.pid) === identity.start_time;
}
