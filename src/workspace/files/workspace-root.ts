/** From a path of the API to a place on the disk that is certainly inside the workspace. */
import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readlink, realpath, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ForbiddenError } from '../../protocol/errors.ts';
import { conflict, hasCode, notFound } from './file-errors.ts';
import { quotePath } from './path.ts';

/** As many as Linux follows, path_resolution(7). */
const MAX_LINKS = 40;

/** O_PATH of open(2), which Node has no name for: a place to stand on, without the right to read. */
const O_PATH = 0o10000000;

/** Where a path leads. */
export interface Place {
  /** A real folder inside the workspace. */
  readonly folder: string;
  /** What is asked for in it; `.` is the folder itself. */
  readonly name: string;
  /** Names below `name`; some only where `name` does not exist. */
  readonly below: readonly string[];
  /** What is there, a link not followed; undefined where nothing is. */
  readonly stats: BigIntStats | undefined;
}

/** The workspace folder. */
export class WorkspaceRoot {
  /** Without symbolic links in it. */
  readonly path: string;
  readonly #given: string;

  private constructor(given: string, path: string) {
    this.#given = given;
    this.path = path;
  }

  /** @throws the file system's error where there is no such folder */
  static async open(folder: string): Promise<WorkspaceRoot> {
    const given = resolve(folder);
    const path = await realpath(given);
    await (await open(path, constants.O_RDONLY | constants.O_DIRECTORY)).close();
    return new WorkspaceRoot(given, path);
  }

  contains(path: string): boolean {
    return path === this.path || path.startsWith(this.path === '/' ? '/' : `${this.path}/`);
  }

  /**
   * Walks to a path, following links as long as they stay inside.
   * @param follow whether a link at the very end is followed, too
   * @throws ForbiddenError where a link leads outside, ConflictError where a file stands in place of a folder
   */
  async find(names: readonly string[], follow: boolean): Promise<Place> {
    let folder = this.path;
    let links = 0;
    const ahead = [...names];
    for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
      if (name === '..') {
        if (folder === this.path) throw leadsOutside(names);
        folder = dirname(folder);
        continue;
      }
      const path = join(folder, name);
      const stats = await statIfThere(path);
      const last = ahead.length === 0;
      if (stats?.isSymbolicLink() === true && (follow || !last)) {
        if (++links > MAX_LINKS) throw new ForbiddenError(`${quotePath(names)} leads through too many symbolic links.`);
        const target = await readlink(path);
        if (target.startsWith('/')) folder = this.path;
        ahead.unshift(...this.#namesOf(target, names));
      } else if (stats === undefined || last) {
        if (ahead.includes('..')) throw notFound(names);
        return { folder, name, below: ahead, stats };
      } else if (stats.isDirectory()) {
        folder = path;
      } else {
        throw conflict('not_a_directory', `${quotePath(names)} is below something that is not a folder.`);
      }
    }
    return { folder, name: '.', below: [], stats: await lstat(folder, { bigint: true }) };
  }

  /** Like {@link find}, for what has to be there, links followed. @throws NotFoundError */
  async findExisting(names: readonly string[]): Promise<Place & { readonly stats: BigIntStats }> {
    const place = await this.find(names, true);
    if (place.stats === undefined) throw notFound(names);
    return { ...place, stats: place.stats };
  }

  /** The names in a link's target; those of an absolute one count from the workspace folder. */
  #namesOf(target: string, names: readonly string[]): string[] {
    if (!target.startsWith('/')) return splitNames(target);
    const path = resolve(target);
    const base = [this.path, this.#given].find((root) => path === root || path.startsWith(`${root}/`));
    if (base === undefined) throw leadsOutside(names);
    return splitNames(path.slice(base.length));
  }
}

function splitNames(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function leadsOutside(names: readonly string[]): ForbiddenError {
  return new ForbiddenError(`${quotePath(names)} leads out of the workspace through a symbolic link.`);
}

/** What is at a path, a link not followed; undefined where nothing is. */
export async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * A folder held open: paths through it stay in this very folder, whatever is renamed or linked meanwhile. That is what
 * openat(2) is for; Node lacks it, but Linux has every open file under /proc.
 */
export class HeldFolder {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** @throws ForbiddenError where the folder is not, or not any more, where the walk found it */
  static async open(folder: string): Promise<HeldFolder> {
    const held = new HeldFolder(await open(folder, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW));
    try {
      if (!(await held.isAt(folder))) throw new ForbiddenError('The folder was moved meanwhile. Try again.');
    } catch (error) {
      await held.close();
      throw error;
    }
    return held;
  }

  /** The path of something in it. */
  at(name: string): string {
    return `/proc/self/fd/${this.#handle.fd}/${name}`;
  }

  async isAt(folder: string): Promise<boolean> {
    return (await realPathOf(this.#handle)) === folder;
  }

  /** Makes changes in it durable. A file system that cannot is not an error. */
  async sync(): Promise<void> {
    try {
      const folder = await open(this.at('.'), constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    } catch (error) {
      if (!hasCode(error, 'EACCES', 'EINVAL', 'ENOTSUP')) throw error;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Where an open file is now. */
export function realPathOf(file: FileHandle): Promise<string> {
  return readlink(`/proc/self/fd/${file.fd}`);
}

/** Holds a folder for the time of a call. */
export async function inFolder<T>(folder: string, use: (held: HeldFolder) => Promise<T>): Promise<T> {
  const held = await HeldFolder.open(folder);
  try {
    return await use(held);
  } finally {
    await held.close();
  }
}
