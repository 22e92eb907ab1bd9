/** Finds out by what the kernel here bounds groups of processes. */
import { access, constants, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { CONTROLLERS, createCgroup2Limiter, openParent } from './cgroup2.ts';
import type { Limiter } from './limiter.ts';
import { createNoLimiter } from './no-limiter.ts';
import { createSystemdLimiter, systemdVersion } from './systemd.ts';

/** What the choice depends on, for tests. */
export interface LimitsPlace {
  /** Where the cgroup v2 file system is mounted on a machine that has no other. */
  readonly cgroupRoot: string;
  /** Exists where systemd is PID 1 (sd_booted(3)). */
  readonly systemdMark: string;
  /** The folders of programs, as in PATH. */
  readonly path: string;
}

function defaultPlace(): LimitsPlace {
  return { cgroupRoot: '/sys/fs/cgroup', systemdMark: '/run/systemd/system', path: process.env['PATH'] ?? '' };
}

const NO_BOUNDS = 'the size of a machine is its only bound';

async function exists(path: string, mode = constants.F_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

async function hasProgram(name: string, path: string): Promise<boolean> {
  const found = await Promise.all(path.split(delimiter).map((folder) => exists(join(folder, name), constants.X_OK)));
  return found.includes(true);
}

/** Why the controllers of the whole machine cannot be used; undefined where they can. */
async function missingControllers(root: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(join(root, 'cgroup.controllers'), 'utf8');
  } catch {
    return `${root} is not cgroup v2 (boot with systemd.unified_cgroup_hierarchy=1)`;
  }
  const there = text.trim().split(' ');
  const missing = CONTROLLERS.filter((controller) => !there.includes(controller));
  return missing.length === 0 ? undefined : `cgroup v2 has no controller ${missing.join(', ')} here`;
}

/**
 * A limiter of the best kind that this machine has. Never fails: the kind `none` says what is missing for a better one.
 * @param owner tells the groups of one agent from those of another on this machine: one never removes the other's
 */
export async function chooseLimiter(owner: string, place: LimitsPlace = defaultPlace()): Promise<Limiter> {
  const missing = await missingControllers(place.cgroupRoot);
  if (missing !== undefined) return createNoLimiter(`Seats have no limits of their own: ${missing}; ${NO_BOUNDS}.`);
  const isSystemd = await exists(place.systemdMark);
  if (isSystemd && (await hasProgram('systemd-run', place.path))) {
    return createSystemdLimiter(place.cgroupRoot, owner, await systemdVersion());
  }
  try {
    return createCgroup2Limiter(await openParent(place.cgroupRoot, owner));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return createNoLimiter(`Seats have no limits of their own: cgroup v2 cannot be used (${reason}); ${NO_BOUNDS}.`);
  }
}
