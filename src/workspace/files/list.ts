/** Lists folders and tells of single files. */
import type { BigIntStats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { ConflictError, ForbiddenError, NotFoundError } from '../../protocol/errors.ts';
import type { FileEntry, FileStat } from '../../protocol/files.ts';
import { entryOf, etagOf } from './entry.ts';
import { conflict, hasCode, notFound } from './file-errors.ts';
import { quotePath } from './path.ts';
import { isTemporary } from './temporary.ts';
import { inFolder, statIfThere, type WorkspaceRoot } from './workspace-root.ts';

/** Entries that are asked for at once: more would only queue in Node's thread pool. */
const AT_ONCE = 16;

/**
 * The entries of a folder, folders first, then by name (code units).
 * @throws NotFoundError, ForbiddenError, ConflictError where it is no folder
 */
export async function listFolder(root: WorkspaceRoot, names: readonly string[]): Promise<FileEntry[]> {
  const place = await root.findExisting(names);
  if (!place.stats.isDirectory()) throw conflict('not_a_directory', `${quotePath(names)} is not a folder.`);
  const folder = place.name === '.' ? place.folder : `${place.folder}/${place.name}`;
  const entries = await inFolder(folder, async (held) => {
    const found = (await readdir(held.at('.'))).filter((name) => !isTemporary(name));
    return mapAtOnce(found, async (name) => {
      const own = await statIfThere(held.at(name));
      return own && entryOf([...names, name], own, await listedTargetOf(root, [...names, name], own));
    });
  });
  return entries.filter((entry) => entry !== undefined).sort(foldersFirst);
}

/**
 * One entry. A link that leads nowhere is told as itself.
 * @throws NotFoundError, ForbiddenError where it is a link that leads outside
 */
export async function statPath(root: WorkspaceRoot, names: readonly string[]): Promise<FileStat> {
  const place = await root.find(names, false);
  if (place.stats === undefined || place.below.length > 0) throw notFound(names);
  const target = await targetOf(root, names, place.stats);
  return { file: entryOf(names, place.stats, target), etag: etagOf(target ?? place.stats) };
}

/** Like {@link statPath}, of what was just put there: a link that leads outside is told as itself. */
export async function statOwn(root: WorkspaceRoot, names: readonly string[]): Promise<FileStat> {
  const { stats, below } = await root.find(names, false);
  if (stats === undefined || below.length > 0) throw notFound(names);
  const target = await listedTargetOf(root, names, stats);
  return { file: entryOf(names, stats, target), etag: etagOf(target ?? stats) };
}

/** What a link leads to, undefined where that is nothing. @throws ForbiddenError where it leads outside */
async function targetOf(
  root: WorkspaceRoot,
  names: readonly string[],
  own: BigIntStats,
): Promise<BigIntStats | undefined> {
  if (!own.isSymbolicLink()) return undefined;
  try {
    return (await root.find(names, true)).stats;
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof ConflictError) return undefined;
    throw error;
  }
}

/** In a list, a link that leads outside or cannot be followed is told as itself. */
async function listedTargetOf(
  root: WorkspaceRoot,
  names: readonly string[],
  own: BigIntStats,
): Promise<BigIntStats | undefined> {
  try {
    return await targetOf(root, names, own);
  } catch (error) {
    if (error instanceof ForbiddenError || hasCode(error, 'ENOENT', 'EACCES')) return undefined;
    throw error;
  }
}

function foldersFirst(one: FileEntry, other: FileEntry): number {
  if (one.is_directory !== other.is_directory) return one.is_directory ? -1 : 1;
  return one.name < other.name ? -1 : 1;
}

async function mapAtOnce<A, B>(items: readonly A[], map: (item: A) => Promise<B>): Promise<B[]> {
  const results: B[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(start, start + AT_ONCE).map(map))));
  }
  return results;
}
