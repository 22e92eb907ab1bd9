/** Puts something finished under its own name, in one step. */
import type { BigIntStats } from 'node:fs';
import { link, rename, rm, unlink } from 'node:fs/promises';
import { conflict, hasCode } from './file-errors.ts';
import { quotePath } from './path.ts';
import { withTemporaryName } from './temporary.ts';
import { statIfThere, type HeldFolder } from './workspace-root.ts';

/**
 * Gives `from` the name `name` in a folder; what has that name is replaced where `overwrite` says so.
 * @param from a path on the same file system
 * @throws ConflictError where the name is taken and must not be replaced
 */
export async function publish(
  from: { readonly path: string; readonly stats: BigIntStats },
  held: HeldFolder,
  name: string,
  options: { readonly overwrite: boolean; readonly names: readonly string[] },
): Promise<void> {
  const to = held.at(name);
  const there = await statIfThere(to);
  if (there !== undefined && !options.overwrite)
    throw conflict('exists', `${quotePath(options.names)} exists already.`);
  const isFolder = from.stats.isDirectory();
  if (there === undefined) {
    if (isFolder) await rename(from.path, to);
    else await moveIntoGap(from.path, to);
  } else if (isFolder || there.isDirectory()) {
    await withTemporaryName((aside) => exchange(from.path, to, held.at(aside)));
  } else {
    await rename(from.path, to);
  }
}

/** Moves a file to a name that nothing has: unlike rename(2), link(2) fails where somebody was faster. */
export async function moveIntoGap(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    // Some file systems have no links, and some files of others must not be linked.
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EMLINK', 'EACCES')) throw error;
    await rename(from, to);
    return;
  }
  await unlink(from);
}

/** A folder cannot be replaced in one step: the old one steps aside, and comes back where the new one cannot come. */
async function exchange(from: string, to: string, aside: string): Promise<void> {
  await rename(to, aside);
  try {
    await rename(from, to);
  } catch (error) {
    await rename(aside, to);
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}
