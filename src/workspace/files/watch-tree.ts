/**
 * Watches a folder with all below it through inotify(7), one watch a folder.
 *
 * On `fs.watch` and not on chokidar: chokidar puts a watch on each file too (10,000 files are 10,000 of the few that a
 * user has), passes over a change of mode, and cannot tell of names that were lost.
 */
import { watch, type BigIntStats, type Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ForbiddenError } from '../../protocol/errors.ts';
import { hasCode } from './file-errors.ts';
import { isTemporary } from './temporary.ts';
import { WatchedFolder, watchError, type WatchBudget } from './watch-folder.ts';
import { HeldFolder, statIfThere } from './workspace-root.ts';

/** How long events are gathered: several about one name become one. */
const SETTLE_MS = 50;
/** The same where so much happens that everything has to be read anew. */
const STORM_SETTLE_MS = 400;
/** More than this at once may have overrun the kernel's queue, which Node does not tell. */
const STORM_EVENTS = 4_000;

/** What happened below the folder; `names` lead there from it. `reset`: read everything anew. */
export type TreeEvent =
  { readonly type: 'created' | 'changed' | 'deleted'; readonly names: readonly string[] } | { readonly type: 'reset' };

export interface TreeListener {
  told(event: TreeEvent): void;
  /** Nothing more is told: the folder itself is gone, or cannot be watched any more because of an error. */
  ended(error?: unknown): void;
}

export class WatchTree {
  readonly #folder: string;
  readonly #held: HeldFolder;
  readonly #budget: WatchBudget;
  readonly #stormEvents: number;
  readonly #listeners = new Set<TreeListener>();
  #root: WatchedFolder | undefined;
  #pending = new Map<WatchedFolder, Set<string>>();
  #events = 0;
  #isStorm = false;
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;
  #isClosed = false;

  private constructor(folder: string, held: HeldFolder, budget: WatchBudget, stormEvents: number) {
    this.#folder = folder;
    this.#held = held;
    this.#budget = budget;
    this.#stormEvents = stormEvents;
  }

  /**
   * Resolves once everything is watched.
   * @param folder a real folder in the workspace
   * @throws TooLargeError, NoCapacityError, and the file system's errors; then nothing is watched
   */
  static async open(folder: string, budget: WatchBudget): Promise<WatchTree> {
    const held = await HeldFolder.open(folder);
    const tree = new WatchTree(folder, held, budget, await stormEvents());
    try {
      tree.#root = await tree.#attach(undefined, '', undefined);
      return tree;
    } catch (error) {
      await tree.close();
      throw error;
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Tells a listener of all that happens from now on, until the function that comes back is called. */
  listen(listener: TreeListener): () => void {
    this.#listeners.add(listener);
    if (this.#isClosed) listener.ended();
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#root?.letGo();
    this.#pending.clear();
    await this.#held.close();
  }

  #pathOf(folder: WatchedFolder | undefined, name = ''): string {
    return join(this.#folder, ...(folder?.path ?? []), name);
  }

  /**
   * Watches a folder with all below it. The watch stands before the folder is read, so nothing falls between.
   * @param found takes the events for what is in it, where somebody wants them
   */
  async #attach(
    parent: WatchedFolder | undefined,
    name: string,
    found: TreeEvent[] | undefined,
  ): Promise<WatchedFolder> {
    const path = this.#pathOf(parent, name);
    const held = await HeldFolder.open(path);
    let folder: WatchedFolder | undefined;
    try {
      const { ino } = (await statIfThere(held.at('.'))) ?? { ino: 0n };
      folder = new WatchedFolder(parent, name, ino, this.#budget);
      const entries = await this.#watchAndRead(folder, held);
      for (const entry of entries) {
        if (!isTemporary(entry.name)) await this.#add(folder, entry.name, entry.isDirectory(), found);
      }
      return folder;
    } catch (error) {
      folder?.letGo();
      throw error;
    } finally {
      await held.close();
    }
  }

  async #watchAndRead(folder: WatchedFolder, held: HeldFolder): Promise<Dirent[]> {
    try {
      // What happens to the folder itself is told under the last name of this path, which no entry has.
      folder.watcher = watch(held.at('.'), { persistent: false }, (_type, name) => this.#note(folder, name));
      folder.watcher.on('error', () => this.#note(folder, null));
      return await readdir(held.at('.'), { withFileTypes: true });
    } catch (error) {
      // Known, but nothing of what is in it, until its mode changes.
      if (folder.parent !== undefined && hasCode(error, 'EACCES')) return [];
      throw watchError(error);
    }
  }

  /** Notes an entry that was not known. Whatever went away again meanwhile is told by an event of its own. */
  async #add(parent: WatchedFolder, name: string, isFolder: boolean, found: TreeEvent[] | undefined): Promise<void> {
    const inside: TreeEvent[] | undefined = found && [];
    if (!isFolder) parent.addOther(name);
    else if (!(await this.#addFolder(parent, name, inside))) return;
    found?.push({ type: 'created', names: [...parent.path, name] });
    for (const event of inside ?? []) found?.push(event);
  }

  /** Answers whether it was still there. */
  async #addFolder(parent: WatchedFolder, name: string, inside: TreeEvent[] | undefined): Promise<boolean> {
    try {
      const folder = await this.#attach(parent, name, inside);
      parent.folders.set(name, folder);
      // All may have been ended meanwhile.
      if (parent.isLet) folder.letGo();
      return true;
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP') || error instanceof ForbiddenError) return false;
      throw error;
    }
  }

  #note(folder: WatchedFolder, name: string | null): void {
    if (this.#isClosed || folder.isLet) return;
    this.#events += 1;
    if (name === '.') folder.isStale = true;
    if (name === null || this.#events > this.#stormEvents) {
      this.#isStorm = true;
      this.#pending.clear();
    } else if (!this.#isStorm) {
      const names = this.#pending.get(folder) ?? new Set();
      this.#pending.set(folder, names.add(name));
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isBusy || this.#isClosed) return;
    this.#timer ??= setTimeout(() => void this.#settle(), this.#isStorm ? STORM_SETTLE_MS : SETTLE_MS);
  }

  /** Finds out what became of the names that something happened to, and tells it. */
  async #settle(): Promise<void> {
    this.#timer = undefined;
    this.#isBusy = true;
    const { isStorm, pending } = this.#take();
    try {
      if (!(await this.#held.isAt(this.#folder))) {
        this.#tell({ type: 'deleted', names: [] });
        await this.#end();
      } else if (isStorm) {
        await this.#readAnew();
      } else {
        for (const [folder, names] of pending) {
          for (const name of names) await this.#settleName(folder, name);
        }
      }
    } catch (error) {
      await this.#end(error);
    } finally {
      this.#isBusy = false;
    }
    if (this.#pending.size > 0 || this.#isStorm) this.#schedule();
  }

  #take(): { isStorm: boolean; pending: Map<WatchedFolder, Set<string>> } {
    const taken = { isStorm: this.#isStorm, pending: this.#pending };
    this.#isStorm = false;
    this.#pending = new Map();
    this.#events = 0;
    return taken;
  }

  async #readAnew(): Promise<void> {
    this.#root?.letGo();
    this.#root = await this.#attach(undefined, '', undefined);
    if (this.#isClosed) this.#root.letGo();
    this.#tell({ type: 'reset' });
  }

  async #settleName(folder: WatchedFolder, name: string): Promise<void> {
    if (this.#isClosed || folder.isLet || name === '.' || isTemporary(name)) return;
    const stats = await lookAt(this.#pathOf(folder, name));
    const known = folder.folders.get(name);
    if (stats !== undefined && isSame(folder, name, known, stats)) {
      this.#tell({ type: 'changed', names: [...folder.path, name] });
      // It could not be read before and may be now, or it is another one.
      if (known !== undefined && (known.isStale || known.watcher === undefined)) await this.#compare(known);
      return;
    }
    if (folder.knows(name)) {
      folder.forget(name);
      this.#tell({ type: 'deleted', names: [...folder.path, name] });
    }
    if (stats === undefined) return;
    for (const event of await this.#found(folder, name, stats.isDirectory())) this.#tell(event);
  }

  async #found(folder: WatchedFolder, name: string, isFolder: boolean): Promise<TreeEvent[]> {
    const found: TreeEvent[] = [];
    await this.#add(folder, name, isFolder, found);
    return found;
  }

  /** Reads a folder again, and tells how it differs from what was known. */
  async #compare(before: WatchedFolder): Promise<void> {
    const { parent, name, path } = before;
    if (parent === undefined) return;
    parent.forget(name);
    const found = await this.#found(parent, name, true);
    const now = parent.folders.get(name);
    if (now === undefined) {
      this.#tell({ type: 'deleted', names: path });
      return;
    }
    const [known, there] = [new Map(before.known()), new Map(now.known())];
    for (const [below, isFolder] of known) {
      const isGone = there.get(below) !== isFolder;
      if (isGone) this.#tell({ type: 'deleted', names: [...path, below] });
    }
    for (const event of found.slice(1)) {
      if (event.type === 'reset') continue;
      const below = event.names.slice(path.length).join('/');
      if (known.get(below) !== there.get(below)) this.#tell(event);
    }
  }

  #tell(event: TreeEvent): void {
    if (this.#isClosed) return;
    for (const listener of this.#listeners) listener.told(event);
  }

  async #end(error?: unknown): Promise<void> {
    await this.close();
    for (const listener of this.#listeners) listener.ended(error);
  }
}

/** Whether a known entry is still the same thing, though it may have other content. */
function isSame(folder: WatchedFolder, name: string, known: WatchedFolder | undefined, stats: BigIntStats): boolean {
  return stats.isDirectory() ? known?.inode === stats.ino : folder.others.has(name);
}

/** What is at a path; undefined where nothing is that anybody could see. */
async function lookAt(path: string): Promise<BigIntStats | undefined> {
  try {
    return await statIfThere(path);
  } catch (error) {
    if (hasCode(error, 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

/** How many events at once may be too many: well below the kernel's queue. */
async function stormEvents(): Promise<number> {
  const text = await readFile('/proc/sys/fs/inotify/max_queued_events', 'utf8').catch(() => '');
  const queue = Number.parseInt(text, 10);
  return Number.isNaN(queue) ? STORM_EVENTS : Math.min(STORM_EVENTS, Math.ceil(queue / 4));
}
