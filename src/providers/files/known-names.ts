/** What is known to be in the folders of one seat while events tell of every change. Pure. */
import type { FileEntry } from '../../protocol/files.ts';

/** Names that are kept for one seat, each folder that was listed being one more; what is beyond is asked for. */
const MAX_NAMES = 50_000;

/** What is behind a name. Only a folder is looked into: what is behind a link changes without an event of its path. */
type Kind = 'folder' | 'other' | 'unknown';

/**
 * Made when a watch begins to tell everything, thrown away when it may have missed something. What is remembered may
 * name too much, never too little: "not there" is certain.
 */
export class KnownNames {
  readonly #folders = new Map<string, Map<string, Kind>>();
  readonly #listings = new Set<{ readonly folder: string; readonly created: string[] }>();
  #count = 0;

  /** Remembers what a list says, with what is created while it is made. */
  async learn(folder: string, list: () => Promise<FileEntry[]>): Promise<FileEntry[]> {
    const listing = { folder, created: [] as string[] };
    this.#listings.add(listing);
    try {
      const entries = await list();
      this.#remember(folder, entries, listing.created);
      return entries;
    } finally {
      this.#listings.delete(listing);
    }
  }

  /** Whether something is certainly not there. */
  isAbsent(path: string): boolean {
    for (const [folder, name] of steps(path)) {
      const names = this.#folders.get(folder);
      if (names === undefined) return false;
      const kind = names.get(name);
      if (kind === undefined) return true;
      if (kind !== 'folder') return false;
    }
    return false;
  }

  /** Something is there now, and so are the folders above it. */
  created(path: string): void {
    for (const [folder, name] of steps(path)) {
      for (const listing of this.#listings) if (listing.folder === folder) listing.created.push(name);
      const names = this.#folders.get(folder);
      if (names === undefined || names.has(name)) continue;
      names.set(name, 'unknown');
      this.#count += 1;
      if (this.#count > MAX_NAMES) this.#forgetAll();
    }
  }

  deleted(path: string): void {
    const last = steps(path).at(-1);
    if (last !== undefined && this.#folders.get(last[0])?.delete(last[1]) === true) this.#count -= 1;
    for (const folder of this.#folders.keys()) {
      if (folder === path || folder.startsWith(`${path}/`)) this.#forget(folder);
    }
  }

  #remember(folder: string, entries: readonly FileEntry[], created: readonly string[]): void {
    this.#forget(folder);
    const names = new Map(entries.map((entry) => [entry.name, kindOf(entry)]));
    for (const name of created) if (!names.has(name)) names.set(name, 'unknown');
    const count = 1 + names.size;
    if (count > MAX_NAMES) return;
    if (this.#count + count > MAX_NAMES) this.#forgetAll();
    this.#folders.set(folder, names);
    this.#count += count;
  }

  #forgetAll(): void {
    this.#folders.clear();
    this.#count = 0;
  }

  #forget(folder: string): void {
    const names = this.#folders.get(folder);
    if (names === undefined) return;
    this.#count -= 1 + names.size;
    this.#folders.delete(folder);
  }
}

function kindOf({ type }: FileEntry): Kind {
  return type === 'directory' ? 'folder' : 'other';
}

/** The folders that lead to a path, outermost first, each with the name in it that comes next. */
function steps(path: string): [folder: string, name: string][] {
  if (path === '') return [];
  const names = path.split('/');
  return names.map((name, index) => [names.slice(0, index).join('/'), name]);
}
