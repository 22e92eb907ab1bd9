/** What changed since the last sync: pure comparisons of lists of files. */
import type { ServerChange, VaultName } from '../../../protocol/cluster.ts';
import { isSameOnServer, isUnchanged, type FileEntry, type Files } from './listing.ts';

/** Paths in the vault. */
export interface LocalChanges {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/**
 * What changed on this machine.
 * @param mounted what would be mounted now
 * @param excluded what is there, but is not mounted: it is not removed
 */
export function localChanges(mounted: Files, excluded: ReadonlySet<string>, synced: Files): LocalChanges {
  const added: string[] = [];
  const changed: string[] = [];
  for (const [path, entry] of mounted) {
    const before = synced.get(path);
    if (before === undefined) added.push(path);
    else if (!isUnchanged(entry, before)) changed.push(path);
  }
  return { added, changed, removed: removedHere(mounted, excluded, synced) };
}

function removedHere(mounted: Files, excluded: ReadonlySet<string>, synced: Files): string[] {
  const removed: string[] = [];
  for (const [path, entry] of synced) {
    if (!entry.left && !mounted.has(path) && !excluded.has(path)) removed.push(path);
  }
  return removed;
}

/** The lists that tell what changed on the server. */
export interface ServerComparison {
  readonly vault: VaultName;
  readonly server: Files;
  /** Everything that is here, also what is not mounted. */
  readonly here: Files;
  /** The record of the last sync; without one, the server's files are compared with those here alone. */
  readonly synced: Files | undefined;
}

/**
 * What a sync would overwrite, or a destroy would lose: files of the server that are neither as they were synced nor as they
 * are here. Files that the server's people removed are told while they are here; what is gone on both sides is not.
 */
export function serverChanges(lists: ServerComparison): ServerChange[] {
  const changes: ServerChange[] = [];
  for (const [path, entry] of lists.server) {
    const change = serverChange(lists, path, entry);
    if (change !== undefined) changes.push(change);
  }
  for (const [path, before] of lists.synced ?? []) {
    const here = lists.here.get(path);
    if (before.left || here === undefined || lists.server.has(path)) continue;
    changes.push({ vault: lists.vault, path, change: 'removed', conflict: !isUnchanged(here, before) });
  }
  return changes.sort((one, other) => one.path.localeCompare(other.path));
}

function serverChange(lists: ServerComparison, path: string, entry: FileEntry): ServerChange | undefined {
  const { vault, synced } = lists;
  const here = lists.here.get(path);
  const before = synced?.get(path);
  if (here !== undefined && isSameOnServer(entry, here)) return undefined;
  if (before !== undefined && isSameOnServer(entry, before)) return undefined;
  const known = before !== undefined || (synced === undefined && here !== undefined);
  return { vault, path, change: known ? 'changed' : 'added', conflict: isChangedHere(here, before) };
}

/** Whether a file here is not as it was when it was synced; `before` is undefined where it was not. */
export function isChangedHere(here: FileEntry | undefined, before: FileEntry | undefined): boolean {
  if (here === undefined) return before !== undefined && !before.left;
  return before === undefined || !isUnchanged(here, before);
}

/** What the server has after a sync that mounted `mounted`: that, and what it got earlier, for nothing is deleted there. */
export function recordAfterSync(mounted: Files, earlier: Files | undefined): Map<string, FileEntry> {
  const record = new Map(mounted);
  for (const [path, entry] of earlier ?? []) {
    if (!mounted.has(path)) record.set(path, { ...entry, left: true });
  }
  return record;
}
