/** Takes too much in the groups of a limiter, and reads what the limiter counts. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bounds, Limiter } from '../../../../../src/agent/limits/limiter.ts';
import type { LimitFacts } from '../facts.ts';
import { runs, start, until } from './tools.ts';

const SIGNAL = AbortSignal.timeout(10 * 60_000);
const WIDE: Bounds = { memoryMb: 128, cpus: 1, processes: 50 };

/** A sleep that only these tests have; its duration is in its command line. */
const MARK = '987654';

/** Keeps all of an endless line; the shell lives on, so that the group does. */
const MEMORY_HOG = `head -c 200M /dev/zero | tail -n 1 >/dev/null; exec sleep ${MARK}`;
/** Each copy starts two more, for ever. */
const FORK_BOMB = `exec 2>/dev/null; bomb() { bomb | bomb & }; bomb; exec sleep ${MARK}`;
const BUSY_LOOP = 'while :; do :; done';

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** The command lines of programs that were started here and still run. */
function findPrograms(): string[] {
  const lines = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandLineOf);
  return lines.filter((line) => line.includes(MARK) || line.includes(BUSY_LOOP));
}

async function begin(limiter: Limiter, name: string, bounds: Bounds, script: string): Promise<number> {
  const confinement = await limiter.prepare(name, bounds, SIGNAL);
  return start(confinement.wrap(['/bin/bash', '-c', script])).pid;
}

/** Waits until the group has counted this. */
async function counted(limiter: Limiter, name: string, counter: string): Promise<Record<string, number>> {
  return until(`${counter} of ${name}`, async () => {
    const counters = await limiter.counters(name);
    return (counters[counter] ?? 0) > 0 ? counters : undefined;
  });
}

async function takeTime(limiter: Limiter): Promise<Pick<LimitFacts, 'cpu' | 'cpuElapsedUsec'>> {
  await begin(limiter, 'test-cpu', { ...WIDE, cpus: 0.2 }, BUSY_LOOP);
  const first = await counted(limiter, 'test-cpu', 'throttled_periods');
  const began = performance.now();
  await sleep(3000);
  const cpu = await limiter.counters('test-cpu');
  const cpuElapsedUsec = Math.round((performance.now() - began) * 1000);
  return { cpu: { ...cpu, cpu_usec: (cpu['cpu_usec'] ?? 0) - (first['cpu_usec'] ?? 0) }, cpuElapsedUsec };
}

/** Where the command finds itself: its number and its group. */
async function look(limiter: Limiter): Promise<Pick<LimitFacts, 'started' | 'found'>> {
  const file = `/run/found-${limiter.kind}`;
  const started = await begin(limiter, 'test-kept', WIDE, `echo $$ $(</proc/self/cgroup) >${file}; exec sleep ${MARK}`);
  const found = await until(file, () => {
    try {
      // Nothing, while the shell has made it and has not written yet.
      return readFileSync(file, 'utf8').trim() || undefined;
    } catch {
      return undefined;
    }
  });
  return { started, found };
}

/** @param list the names of all groups that there are */
export async function measureLimits(limiter: Limiter, list: () => string[]): Promise<LimitFacts> {
  const kept = await look(limiter);
  await begin(limiter, 'test-memory', { ...WIDE, memoryMb: 32 }, MEMORY_HOG);
  const memory = await counted(limiter, 'test-memory', 'oom_kills');
  await begin(limiter, 'test-processes', { ...WIDE, processes: 20, cpus: 0.2 }, FORK_BOMB);
  const processes = await counted(limiter, 'test-processes', 'refused_forks');
  const cpu = await takeTime(limiter);
  for (const name of ['test-memory', 'test-processes']) await limiter.remove(name);
  const removed = list();
  await limiter.reap(new Set(['test-kept']));
  const reaped = list();
  const keptRuns = runs(kept.started);
  await limiter.remove('test-kept');
  await limiter.remove('test-kept');
  const end = list();
  const { kind, missing = null } = limiter;
  const groups = { removed, reaped, end };
  return { kind, missing, ...kept, memory, processes, ...cpu, groups, keptRuns, leftRuns: findPrograms() };
}
