/** A folder that is watched, and what is known to be in it. */
import type { FSWatcher } from 'node:fs';
import { NoCapacityError, TooLargeError } from '../../protocol/errors.ts';
import { hasCode } from './file-errors.ts';

/** Of all watches of a seat together. A folder costs about 4 KiB here and 1 KiB in the kernel, a name about 100 bytes. */
export interface WatchBounds {
  readonly folders: number;
  readonly entries: number;
}

export const WATCH_BOUNDS: WatchBounds = { folders: 8_000, entries: 200_000 };

/** What the watches of a seat take together of their bounds. */
export class WatchBudget {
  readonly #bounds: WatchBounds;
  #folders = 0;
  #entries = 0;

  constructor(bounds: WatchBounds) {
    this.#bounds = bounds;
  }

  /** @throws TooLargeError naming the bound; then nothing is taken */
  take(folders: number, entries: number): void {
    const { folders: maxFolders, entries: maxEntries } = this.#bounds;
    if (this.#folders + folders > maxFolders) throw tooLarge('folders', maxFolders);
    if (this.#entries + entries > maxEntries) throw tooLarge('entries', maxEntries);
    this.#folders += folders;
    this.#entries += entries;
  }

  giveBack(folders: number, entries: number): void {
    this.#folders -= folders;
    this.#entries -= entries;
  }
}

function tooLarge(what: 'folders' | 'entries', limit: number): TooLargeError {
  const message = `There is too much to watch: a seat watches at most ${limit} ${what}. Watch a smaller folder.`;
  return new TooLargeError(message, { limit, what });
}

/** The typed error for what the kernel said about a watch; what it says of the folder itself comes back as it is. */
export function watchError(error: unknown): unknown {
  if (!hasCode(error, 'ENOSPC', 'EMFILE', 'ENFILE')) return error;
  const message =
    'The system of this seat watches as many folders as it can already (fs.inotify.max_user_watches and ' +
    'max_user_instances). Watch a smaller folder, or end programs that watch files.';
  return new NoCapacityError(message, undefined, { cause: error });
}

export class WatchedFolder {
  readonly parent: WatchedFolder | undefined;
  /** Empty for the folder that the watch is about. */
  readonly name: string;
  readonly inode: bigint;
  /** Undefined for a folder that must not be read. */
  watcher: FSWatcher | undefined;
  /** Something happened to the folder itself: it may be gone, and another may have its name and even its inode. */
  isStale = false;
  /** The names of what is no folder. */
  readonly others = new Set<string>();
  readonly folders = new Map<string, WatchedFolder>();
  readonly #budget: WatchBudget;
  #isLet = false;

  /** @throws TooLargeError */
  constructor(parent: WatchedFolder | undefined, name: string, inode: bigint, budget: WatchBudget) {
    budget.take(1, 0);
    this.parent = parent;
    this.name = name;
    this.inode = inode;
    this.#budget = budget;
  }

  /** The names on the way from the folder that the watch is about. */
  get path(): string[] {
    return this.parent === undefined ? [] : [...this.parent.path, this.name];
  }

  /** Whether it is not watched any more. */
  get isLet(): boolean {
    return this.#isLet;
  }

  /** The paths of all that is known below, from here, and whether each is a folder. */
  *known(): Generator<readonly [path: string, isFolder: boolean]> {
    for (const name of this.others) yield [name, false];
    for (const [name, folder] of this.folders) {
      yield [name, true];
      for (const [path, isFolder] of folder.known()) yield [`${name}/${path}`, isFolder];
    }
  }

  knows(name: string): boolean {
    return this.others.has(name) || this.folders.has(name);
  }

  /** @throws TooLargeError */
  addOther(name: string): void {
    this.#budget.take(0, 1);
    this.others.add(name);
  }

  /** Forgets an entry, and ends the watches below it. */
  forget(name: string): void {
    if (this.others.delete(name)) this.#budget.giveBack(0, 1);
    this.folders.get(name)?.letGo();
    this.folders.delete(name);
  }

  /** Ends the watches here and below. */
  letGo(): void {
    if (this.#isLet) return;
    this.#isLet = true;
    this.watcher?.close();
    this.#budget.giveBack(1, this.others.size);
    for (const folder of this.folders.values()) folder.letGo();
  }
}
