/** Which version of a file an editor has seen, and so under which condition it may write. Pure. */

/** Files whose versions are remembered; the ones that were used last. */
const MAX_KNOWN = 1_000;

/** One version: its ETag, its size in bytes, and when it was modified, in milliseconds since 1970, where known. */
export interface Version {
  readonly etag: string;
  readonly size: number;
  readonly mtime: number | undefined;
}

/** `read`: what was last read or written here. `seen`: what the last look at the file told, 'absent' for no file. */
export interface KnownVersions {
  readonly read: Version | undefined;
  readonly seen: Version | 'absent' | undefined;
}

export const NOTHING_KNOWN: KnownVersions = { read: undefined, seen: undefined };

/** What a write must name; 'changed' where it must not happen. */
export type WriteRule = { readonly ifMatch?: string; readonly ifNoneMatch?: '*' } | 'changed';

/**
 * The condition of a write. VS Code looks at a file right before it saves, and asks about a conflict by itself when the
 * file is newer and has another size. A write that comes after such a look was meant to overwrite. Changes that this
 * check does not see (an equal size, an older time) are found by the ETag, and refused.
 */
export function writeRule({ read, seen }: KnownVersions): WriteRule {
  if (seen === 'absent') return { ifNoneMatch: '*' };
  if (read === undefined) return seen === undefined ? {} : { ifMatch: seen.etag };
  if (seen === undefined || seen.etag === read.etag) return { ifMatch: read.etag };
  const asked = isNewer(seen, read) && seen.size !== read.size;
  return asked ? { ifMatch: seen.etag } : 'changed';
}

function isNewer(seen: Version, read: Version): boolean {
  return seen.mtime !== undefined && read.mtime !== undefined && seen.mtime > read.mtime;
}

export function afterRead(known: KnownVersions, etag: string, size: number): KnownVersions {
  const { seen } = known;
  const mtime = seen !== undefined && seen !== 'absent' && seen.etag === etag ? seen.mtime : undefined;
  return { ...known, read: { etag, size, mtime } };
}

export function afterStat(known: KnownVersions, seen: Version | 'absent'): KnownVersions {
  const same = seen !== 'absent' && known.read?.etag === seen.etag;
  return { read: same ? seen : known.read, seen };
}

export function afterWrite(etag: string, size: number): KnownVersions {
  const version = { etag, size, mtime: undefined };
  return { read: version, seen: version };
}

/** What is known of the versions of files, by their addresses. */
export class Versions {
  readonly #known = new Map<string, KnownVersions>();

  of(address: string): KnownVersions {
    return this.#known.get(address) ?? NOTHING_KNOWN;
  }

  learn(address: string, change: (known: KnownVersions) => KnownVersions): void {
    const changed = change(this.of(address));
    this.#known.delete(address);
    this.#known.set(address, changed);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Forgets a file, or a folder with all that is in it. */
  forget(address: string): void {
    for (const known of this.below(address)) this.#known.delete(known);
  }

  /** The addresses at and below one of which something is known. */
  below(address: string): string[] {
    return [...this.#known.keys()].filter((known) => known === address || known.startsWith(`${address}/`));
  }
}
