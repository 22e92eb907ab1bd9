/**
 * Bounds by systemd: each machine is a transient scope of its own. So it outlives the agent's service, whose restart ends
 * only what is in the service's own group, and systemd, which owns the tree of groups, knows about it.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readCounters } from './counters.ts';
import { endGroup, listGroups } from './group-folder.ts';
import { requireGroupName } from './group-name.ts';
import type { Bounds, Limiter } from './limiter.ts';

const run = promisify(execFile);

/** All seats of a worker; the hyphen puts it under clarateach.slice. */
const SLICE = 'clarateach-seats.slice';
const SLICE_FOLDER = join('clarateach.slice', SLICE);

const PREFIX = 'clarateach-seat-';
const SUFFIX = '.scope';

/** How long systemd may take to answer; it is busy while many seats start. */
const ANSWER_TIMEOUT_MS = 15_000;

export function scopeOf(owner: string, name: string): string {
  return `${PREFIX}${requireGroupName(owner)}-${requireGroupName(name)}${SUFFIX}`;
}

/** The name in that of a scope of this owner; undefined for another unit. */
export function nameIn(owner: string, unit: string): string | undefined {
  const prefix = `${PREFIX}${owner}-`;
  return unit.startsWith(prefix) && unit.endsWith(SUFFIX) ? unit.slice(prefix.length, -SUFFIX.length) : undefined;
}

/** The first version that knows OOMPolicy= for scopes. */
const OOM_POLICY_SINCE = 252;

/** The version in what `systemctl --version` prints. */
export function parseVersion(text: string): number | undefined {
  const match = /^systemd (\d+)/.exec(text);
  return match === null ? undefined : Number(match[1]);
}

/** What systemd sets on the scope. */
export function propertiesOf(bounds: Bounds, version: number): readonly string[] {
  return [
    `MemoryMax=${bounds.memoryMb}M`,
    // Swapping would make every neighbour slow instead of the one who takes too much.
    'MemorySwapMax=0',
    `CPUQuota=${Math.round(bounds.cpus * 100)}%`,
    `TasksMax=${bounds.processes}`,
    // Counted without being asked for only where systemd's defaults say so.
    'CPUAccounting=yes',
    // What the kernel has ended is enough: by default systemd would end the rest, and with it what was counted.
    ...(version >= OOM_POLICY_SINCE ? ['OOMPolicy=continue'] : []),
  ];
}

/** systemd-run makes the scope around itself, then becomes the command: the process keeps its number. */
export function wrapInScope(
  scope: string,
  properties: readonly string[],
  command: readonly string[],
): readonly [string, ...string[]] {
  // Collected even after a failure, or the unit's name would stay taken.
  const options = ['--quiet', '--collect', '--scope', `--slice=${SLICE}`, `--unit=${scope}`];
  const settings = properties.flatMap((property) => ['--property', property]);
  return ['systemd-run', ...options, ...settings, '--', ...command];
}

async function systemctl(...args: string[]): Promise<string> {
  return (await run('systemctl', args, { timeout: ANSWER_TIMEOUT_MS, killSignal: 'SIGKILL' })).stdout;
}

/** The version of the systemd that runs this machine; 0 where it does not tell. */
export async function systemdVersion(): Promise<number> {
  return parseVersion(await systemctl('--version').catch(() => '')) ?? 0;
}

/**
 * @param root where the cgroup v2 file system is mounted
 * @param owner tells the groups of one agent from those of another on this machine
 * @param version of systemd
 */
export function createSystemdLimiter(root: string, owner: string, version: number): Limiter {
  const parent = join(root, SLICE_FOLDER);
  const folderOf = (name: string): string => join(parent, scopeOf(owner, name));

  async function remove(name: string): Promise<void> {
    // The kernel first: systemd would ask politely, wait, and ask again.
    await endGroup(folderOf(name));
    // systemd collects an empty scope by itself, but when it gets to it; after this the name is free. Where there is no
    // such unit it fails, and that is as well.
    await systemctl('stop', '--quiet', scopeOf(owner, name)).catch(() => undefined);
  }

  return {
    kind: 'systemd',
    missing: undefined,
    async prepare(name, bounds, signal) {
      signal.throwIfAborted();
      // What a crash left has the name that the new scope needs.
      await remove(name);
      const properties = propertiesOf(bounds, version);
      return { wrap: (command) => wrapInScope(scopeOf(owner, name), properties, command) };
    },
    counters: (name) => readCounters(folderOf(name)),
    remove,
    async reap(keep) {
      const names = (await listGroups(parent)).map((unit) => nameIn(owner, unit)).filter((name) => name !== undefined);
      for (const name of names) if (!keep.has(name)) await remove(name);
    },
  };
}
