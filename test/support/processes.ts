/** Processes as /proc tells them: starting one with a deadline, and finding what a run of the tests left behind. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that somebody forgot. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** How a command ended; `reason` says why where the exit code alone does not. */
export interface Ending {
  readonly code: number;
  readonly reason?: string;
}

export interface CommandOptions {
  readonly environment: Record<string, string>;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** Runs a command on this terminal, without its keyboard, in a process group of its own that ends with the deadline. */
export async function runCommand(command: readonly string[], options: CommandOptions): Promise<Ending> {
  const [program, ...args] = command;
  const child = spawn(program!, args, {
    env: options.environment,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const ended = new AbortController();
  const deadline = AbortSignal.timeout(options.deadlineMs);
  const stop = AbortSignal.any([deadline, options.signal]);
  const end = (): void => {
    if (child.pid !== undefined) kill(-child.pid);
  };
  stop.addEventListener('abort', end, { signal: ended.signal });
  if (stop.aborted) end();
  try {
    return await new Promise<Ending>((resolve) => {
      child.once('error', (error) => resolve({ code: 1, reason: error.message }));
      child.once('exit', (code, signal) => {
        const late = `it took longer than ${options.deadlineMs / 1000} s`;
        resolve(code === null ? { code: 1, reason: deadline.aborted ? late : `it ended by ${signal}` } : { code });
      });
    });
  } finally {
    ended.abort();
  }
}

/** Every process, but this one, whose environment, command line or current folder names the text. */
export function processesNaming(text: string): Leftover[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.flatMap((pid) => {
    const facts = [read(`/proc/${pid}/environ`), read(`/proc/${pid}/cmdline`), link(`/proc/${pid}/cwd`)];
    if (!facts.some((fact) => fact.includes(text))) return [];
    return [{ pid: Number(pid), command: facts[1]!.replaceAll('\0', ' ').trim() }];
  });
}

/** Waits a little for what is about to end; kills the rest and tells it. */
export async function endLeftovers(text: string, graceMs: number): Promise<Leftover[]> {
  const deadline = Date.now() + graceMs;
  while (processesNaming(text).length > 0 && Date.now() < deadline) await sleep(50);
  const leftovers = processesNaming(text);
  for (const { pid } of leftovers) kill(pid);
  // What they had started meanwhile goes, too, but is not told apart.
  while (processesNaming(text).length > 0) {
    for (const { pid } of processesNaming(text)) kill(pid);
    await sleep(50);
  }
  return leftovers;
}

/**
 * Sends a signal to a process, or to a group by its negative number, that may end by itself at any moment.
 * @throws Error where it runs and may not be told
 */
export function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
