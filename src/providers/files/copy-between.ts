/** Copies from one seat to another, through this machine and without keeping it here. */
import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import type { SeatFiles, WriteCondition } from '../../client/seat-files.ts';
import { CarapaceError, ConflictError, InvalidInputError, NotFoundError } from '../../protocol/errors.ts';
import { joinPath, nameOf, parentOf } from '../../client/file-paths.ts';
import type { Translate } from '../../client/translate.ts';

/** The most files that are copied as one folder. */
export const MAX_TREE_FILES = 50_000;

export type CopyFiles = Pick<SeatFiles, 'list' | 'stat' | 'readTo' | 'writeFrom' | 'makeFolder' | 'move' | 'remove'>;

export interface Place {
  readonly files: CopyFiles;
  readonly path: string;
}

export interface CopyOptions {
  readonly overwrite: boolean;
  readonly t: Translate;
  readonly signal: AbortSignal;
}

/**
 * Copies a file, or a folder with all that is in it, whole or not at all. Links to files become files; links to
 * folders, pipes and sockets are left out.
 * @throws ConflictError where something is at the target and is not to be replaced
 */
export async function copyBetween(from: Place, to: Place, options: CopyOptions): Promise<void> {
  const { file } = await from.files.stat(from.path, options.signal);
  if (!options.overwrite && (await isThere(to, options.signal)))
    throw new ConflictError(options.t('"{0}" exists already.', to.path));
  if (!file.is_directory) {
    await copyFile(from, to, options.overwrite ? {} : { ifNoneMatch: '*' }, options.signal);
    return;
  }
  await staged(to, options, async (path) => {
    const left = { count: MAX_TREE_FILES };
    await copyFolder(from, { files: to.files, path }, options, left);
  });
}

/** Lets something be made under another name, and gives it its own when it is whole. */
export async function staged(
  to: { readonly files: Pick<SeatFiles, 'move' | 'remove'>; readonly path: string },
  { overwrite, signal }: Pick<CopyOptions, 'overwrite' | 'signal'>,
  make: (path: string) => Promise<void>,
): Promise<void> {
  const name = `.${nameOf(to.path)}.${randomBytes(4).toString('hex')}.partial`;
  const path = joinPath(parentOf(to.path), name);
  try {
    await make(path);
    await to.files.move(path, to.path, { overwrite }, signal);
  } catch (error) {
    // Where the seat is gone, so is what was begun; the reason is the first error.
    await to.files.remove(path).catch(() => undefined);
    throw error;
  }
}

async function copyFolder(from: Place, to: Place, options: CopyOptions, left: { count: number }): Promise<void> {
  await to.files.makeFolder(to.path, options.signal);
  for (const { name, type, is_directory: isFolder } of await from.files.list(from.path, options.signal)) {
    left.count -= 1;
    if (left.count < 0) throw tooMany(options.t);
    const one = { files: from.files, path: joinPath(from.path, name) };
    const other = { files: to.files, path: joinPath(to.path, name) };
    if (type === 'directory') await copyFolder(one, other, options, left);
    else if (!isFolder && type !== 'other') await copyFile(one, other, {}, options.signal);
  }
}

/** The error of a folder that is too much to be handled file by file. */
export function tooMany(t: Translate): InvalidInputError {
  return new InvalidInputError(
    t('The folder has more than {0} files. Pack it into one file first.', MAX_TREE_FILES.toLocaleString()),
  );
}

/** Streams one file; whichever side fails takes the other with it, and its error is the one that is told. */
async function copyFile(from: Place, to: Place, condition: WriteCondition, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const through = new PassThrough();
  // Errors are told by both calls; an unheard one would end the process.
  through.on('error', () => undefined);
  const sides = [from.files.readTo(from.path, through, both), to.files.writeFrom(to.path, through, condition, both)];
  for (const side of sides) side.catch(() => failed.abort());
  const errors = (await Promise.allSettled(sides)).flatMap((end) =>
    end.status === 'rejected' ? [end.reason as unknown] : [],
  );
  signal.throwIfAborted();
  if (errors.length > 0) throw errors.find((error) => error instanceof CarapaceError) ?? errors[0];
}

export async function isThere(
  { files, path }: Pick<Place, 'path'> & { files: Pick<SeatFiles, 'stat'> },
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await files.stat(path, signal);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}
