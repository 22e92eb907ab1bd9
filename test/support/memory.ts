/** The memory of a process, as the kernel counts it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { quantile } from './figures.ts';
import { readIfThere } from './files.ts';

const COLLECTOR = pathToFileURL(join(import.meta.dirname, 'collect-garbage.ts')).href;
const ROUNDS = 5;
const SETTLE_MS = 200;

/**
 * For a program that is started with this environment, {@link collected} works; and little is kept for later that nobody
 * uses now: V8 holds up to 100 MiB of pages of its young generation, the C library what was freed (mallopt(3)).
 */
export const COLLECTABLE = {
  NODE_OPTIONS: `--import=${COLLECTOR} --max-semi-space-size=1`,
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '65536',
} as const;

/** Writes a program that is `program` with that ability, for one that gets no environment of ours. @returns its path */
export function writeCollectable(path: string, program: string): string {
  const load = (url: string): string => `import(${JSON.stringify(url)})`;
  writeFileSync(path, `${load(COLLECTOR)}.then(() => ${load(pathToFileURL(program).href)});\n`);
  return path;
}

/** Resident memory in bytes. The kernel's own, such as buffers of sockets, is not in it. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

/** The same after the process has collected its garbage, the median of some tries. For programs started {@link COLLECTABLE}. */
export async function collected(pid: number): Promise<number> {
  const values: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    process.kill(pid, 'SIGUSR2');
    await sleep(SETTLE_MS);
    values.push(residentBytes(pid));
  }
  return quantile(values, 0.5);
}

const IDLE_MS = 1000;
const LOOK_MS = 50;
const IDLE_TICKS = 5;

/**
 * Waits until processes have nothing more to do: however busy the machine is, what was asked of them is done then. One
 * that the others on a busy machine leave no processor uses none either, but it does not sleep.
 */
export async function untilIdle(...pids: readonly number[]): Promise<void> {
  const ticks = (): number => pids.reduce((sum, pid) => sum + processorTicks(pid), 0);
  for (;;) {
    const before = ticks();
    let sleeps = true;
    for (let look = 0; look < IDLE_MS / LOOK_MS; look += 1) {
      await sleep(LOOK_MS);
      sleeps &&= pids.every(isSleeping);
    }
    if (sleeps && ticks() - before < IDLE_TICKS * pids.length) return;
  }
}

/** Whether each thread of a process waits for something (proc(5): state `S`). */
function isSleeping(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    const stat = readIfThere(`/proc/${pid}/task/${thread}/stat`);
    return stat === undefined || stat.slice(stat.lastIndexOf(')') + 2).startsWith('S');
  });
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(2)} MiB`;
}

/** Processor time that a process has used, in clock ticks (proc(5): `utime` and `stime`). */
export function processorTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
