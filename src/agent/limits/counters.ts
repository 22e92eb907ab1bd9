/** What the kernel has counted in a group of processes (cgroup v2), by the names under which we tell it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a counter is found: the file, and the key of its line where the file has several. */
interface Source {
  readonly file: string;
  readonly key?: string;
}

/** Kernels before 5.19 have no memory.peak; a file that is not there is left out. */
const SOURCES: Readonly<Record<string, Source>> = {
  memory_bytes: { file: 'memory.current' },
  memory_peak_bytes: { file: 'memory.peak' },
  memory_refused: { file: 'memory.events', key: 'max' },
  oom_kills: { file: 'memory.events', key: 'oom_kill' },
  processes: { file: 'pids.current' },
  refused_forks: { file: 'pids.events', key: 'max' },
  cpu_usec: { file: 'cpu.stat', key: 'usage_usec' },
  throttled_periods: { file: 'cpu.stat', key: 'nr_throttled' },
  throttled_usec: { file: 'cpu.stat', key: 'throttled_usec' },
};

/** The number in a file of one number, or in the line of this key of a flat keyed file; undefined for `max` and the like. */
export function parseCounter(text: string, key?: string): number | undefined {
  const fields = text.split('\n').map((line) => line.trim().split(' '));
  const value = key === undefined ? fields[0]?.[0] : fields.find(([name]) => name === key)?.[1];
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    // The group ended meanwhile, or this kernel has no such file.
    return '';
  }
}

/** All counters of the group in this folder; none where there is no such group. */
export async function readCounters(folder: string): Promise<Record<string, number>> {
  const files = [...new Set(Object.values(SOURCES).map((source) => source.file))];
  const texts = new Map(
    await Promise.all(files.map(async (file) => [file, await readText(join(folder, file))] as const)),
  );
  const counters: Record<string, number> = {};
  for (const [name, { file, key }] of Object.entries(SOURCES)) {
    const value = parseCounter(texts.get(file) ?? '', key);
    if (value !== undefined) counters[name] = value;
  }
  return counters;
}
