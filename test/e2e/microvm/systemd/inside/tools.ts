/** What the parts of the program inside the guest share. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStartTime } from '../../../../../src/lib/process-identity.ts';
import type { Ran } from '../facts.ts';

/** Where the test's disk is mounted (tools/systemd-guest/carapace-test). */
export const INPUT = '/mnt/input';

const RUN_TIMEOUT_MS = 120_000;

/** Runs a program to its end; the exit code says whether it failed. */
export function run(file: string, ...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(file, args, { timeout: RUN_TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, output: `${stdout}${stderr}`.trim() });
    });
  });
}

export async function outputOf(file: string, ...args: string[]): Promise<string> {
  return (await run(file, ...args)).output;
}

/** Starts a program that outlives this one; what it has to say goes to the console. */
export function start([file, ...args]: readonly [string, ...string[]]): ChildProcess & { readonly pid: number } {
  const child = spawn(file, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
  if (child.pid === undefined) throw new Error(`${file} could not be started`);
  return child as ChildProcess & { readonly pid: number };
}

/** Looks until it is so. @throws Error naming what it was not */
export async function until<T>(what: string, look: () => T | Promise<T>, timeoutMs = 120_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await sleep(50);
  }
}

export function runs(pid: number): boolean {
  return processStartTime(pid) !== undefined;
}
