/** Moves what was unpacked to where it belongs. */
import { link, lstat, mkdir, readdir, rename } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { ConflictError } from '../../protocol/errors.ts';

export interface MoveInOptions {
  /** Whether files that are there are replaced; folders are always joined. */
  readonly overwrite: boolean;
  /** A folder that does not exist yet, on the same file system, for what is replaced. */
  readonly aside: string;
  /** How a path relative to the target is told in a sentence. */
  readonly show: (path: string) => string;
}

interface Step {
  readonly from: string;
  readonly to: string;
  /** The folder of `to`. */
  readonly folder: string;
  /** Relative to the target. */
  readonly path: string;
  /** Where what is replaced goes. */
  readonly aside: string | undefined;
}

/**
 * Moves all that is in the folder `from` into the folder `to`, both on one file system. What is replaced comes back when
 * something fails in the middle.
 * @returns the folders in which something is new, which may have to be flushed
 * @throws ConflictError naming the first file that is there already; the file system's errors
 */
export async function moveIn(from: string, to: string, options: MoveInOptions): Promise<ReadonlySet<string>> {
  const steps: Step[] = [];
  await plan(from, to, '', options, steps);
  await mkdir(options.aside, { mode: 0o700 });
  const done: Step[] = [];
  try {
    for (const step of steps) {
      await take(step, options.show);
      done.push(step);
    }
  } catch (error) {
    for (const step of done.toReversed()) await takeBack(step);
    throw error;
  }
  return new Set(steps.map(({ folder }) => folder));
}

async function plan(from: string, to: string, below: string, options: MoveInOptions, steps: Step[]): Promise<void> {
  for (const name of (await readdir(from)).sort()) {
    const [source, target, path] = [join(from, name), join(to, name), below + name];
    const there = await statIfThere(target);
    if (there?.isDirectory() === true && (await lstat(source)).isDirectory()) {
      await plan(source, target, `${path}/`, options, steps);
    } else if (there === undefined) {
      steps.push({ from: source, to: target, folder: to, path, aside: undefined });
    } else if (options.overwrite) {
      steps.push({ from: source, to: target, folder: to, path, aside: join(options.aside, String(steps.length)) });
    } else {
      throw exists(path, options.show);
    }
  }
}

async function take({ from, to, aside, path }: Step, show: MoveInOptions['show']): Promise<void> {
  if (aside !== undefined) await keep(from, to, aside);
  else if ((await statIfThere(to)) !== undefined) throw exists(path, show);
  try {
    await rename(from, to);
  } catch (error) {
    if (aside !== undefined) await rename(aside, to);
    throw error;
  }
}

/** A file stays there until the new one takes its name in one step; a folder must step aside first. */
async function keep(from: string, to: string, aside: string): Promise<void> {
  const isFolder = (await lstat(from)).isDirectory() || (await lstat(to)).isDirectory();
  const linked = !isFolder && (await isLinked(to, aside));
  if (!linked) await rename(to, aside);
}

/** Some file systems have no links, and some files of others must not be linked. */
async function isLinked(path: string, as: string): Promise<boolean> {
  try {
    await link(path, as);
    return true;
  } catch {
    return false;
  }
}

async function takeBack({ from, to, aside }: Step): Promise<void> {
  await rename(to, from);
  if (aside !== undefined) await rename(aside, to);
}

function exists(path: string, show: MoveInOptions['show']): ConflictError {
  return new ConflictError(`${show(path)} exists already.`, { reason: 'exists', path });
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
