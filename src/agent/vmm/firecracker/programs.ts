/** The programs that Firecracker's machines need, and what is missing of them. */
import { execFile } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { ENVIRONMENT } from './process.ts';
import { isRecentEnough, OLDEST_VERSION } from './rules.ts';

const run = promisify(execFile);

const VERSION_MS = 5_000;

/** Paths of programs, each found. */
export interface Programs {
  readonly firecracker: string;
  readonly version: string;
  /** Confines each machine further; machines run without it as the agent's own user. */
  readonly jailer: string | undefined;
  readonly nsenter: string;
  readonly prlimit: string;
  readonly unshare: string;
}

/** What was found, and a sentence for each thing that was not. */
export interface Search {
  readonly programs: Programs | undefined;
  readonly missing: readonly string[];
}

/** The file of a program, with links followed; undefined where there is none that can be run. */
export function findProgram(name: string, path: string): string | undefined {
  for (const folder of path.split(delimiter).filter((entry) => entry !== '')) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return realpathSync(file);
    } catch {
      // In the next folder, perhaps.
    }
  }
  return undefined;
}

/** Such as `1.17.0`; the first line names the program and its version, and log lines follow. */
export function parseVersion(output: string): string | undefined {
  return /^\w+ v(\d+\.\d+\.\d+\S*)/.exec(output)?.[1];
}

async function versionOf(program: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const limits = { timeout: VERSION_MS, signal, killSignal: 'SIGKILL' } as const;
    const { stdout } = await run(program, ['--version'], { ...limits, env: ENVIRONMENT });
    return parseVersion(stdout);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function checkFirecracker(program: string, signal: AbortSignal): Promise<{ version: string } | string> {
  const version = await versionOf(program, signal);
  if (version === undefined) return `${program} does not tell its version.`;
  if (isRecentEnough(version)) return { version };
  return `Firecracker ${version} is too old: the images' kernel needs ${OLDEST_VERSION} or newer.`;
}

/** A jailer must be of the same release as the program that it starts. */
async function checkJailer(program: string | undefined, version: string, signal: AbortSignal): Promise<string[]> {
  if (program === undefined) return [];
  const its = await versionOf(program, signal);
  if (its === version) return [];
  return [`${program} is of version ${its ?? 'unknown'} and does not fit Firecracker ${version}: install both anew.`];
}

/** Looks for all programs on the PATH. */
export async function findPrograms(path: string, signal: AbortSignal): Promise<Search> {
  const [nsenter, prlimit, unshare] = ['nsenter', 'prlimit', 'unshare'].map((name) => findProgram(name, path));
  const missing: string[] = [];
  if (nsenter === undefined || prlimit === undefined || unshare === undefined) {
    missing.push('One of the programs nsenter, prlimit and unshare is missing: install util-linux.');
  }
  const firecracker = findProgram('firecracker', path);
  if (firecracker === undefined) {
    missing.push('The program firecracker is not on the PATH.');
    return { programs: undefined, missing };
  }
  const checked = await checkFirecracker(firecracker, signal);
  if (typeof checked === 'string') return { programs: undefined, missing: [...missing, checked] };
  const jailer = findProgram('jailer', path);
  missing.push(...(await checkJailer(jailer, checked.version, signal)));
  if (missing.length > 0 || nsenter === undefined || prlimit === undefined || unshare === undefined) {
    return { programs: undefined, missing };
  }
  return { programs: { firecracker, version: checked.version, jailer, nsenter, prlimit, unshare }, missing };
}
