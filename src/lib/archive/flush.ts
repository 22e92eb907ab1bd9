/** Has the disk take what was unpacked, so that it is there after a power failure. */
import { constants } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * So many are flushed at a time: a journal takes those that wait together in one go. One after the other, 10,000 small
 * files took three times as long as unpacking them; so, a third of that.
 */
const WIDTH = 8;
/** Of what is gone, or is no file or folder any more: there is nothing to keep. */
const NOTHING_TO_KEEP = ['ENOENT', 'ELOOP', 'ENXIO', 'ENOTDIR'];
/** Of a mode that keeps it from being opened so. */
const REFUSED = ['EACCES', 'EISDIR'];
/** Of file systems that cannot. */
const CANNOT = ['EINVAL', 'ENOTSUP'];

/**
 * Flushes all files and folders below a folder, and itself. Links are not followed. Files without any right for their
 * owner are left to the kernel. @throws the file system's errors, such as of a disk that is full or broken
 */
export async function flushTree(folder: string): Promise<void> {
  await flushAll(walk(folder));
}

/** Flushes folders: which names are in them. @throws the file system's errors */
export async function flushFolders(folders: Iterable<string>): Promise<void> {
  await flushAll(folders);
}

async function flushAll(paths: AsyncGenerator<string> | Iterable<string>): Promise<void> {
  const iterator = Symbol.asyncIterator in paths ? paths : paths[Symbol.iterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let next = await iterator.next(); next.done !== true && !failed; next = await iterator.next()) {
      await flush(next.value);
    }
  };
  const workers = Array.from({ length: WIDTH }, () =>
    worker().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  // All have ended when this has: nothing is open any more.
  const ended = await Promise.allSettled(workers);
  for (const result of ended) if (result.status === 'rejected') throw result.reason;
}

/** Everything below a folder that has content, and the folder last. */
async function* walk(folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* walk(join(folder, entry.name));
    else if (entry.isFile()) yield join(folder, entry.name);
  }
  yield folder;
}

async function flush(path: string): Promise<void> {
  const file = await openToFlush(path);
  if (file === undefined) return;
  try {
    await file.sync();
  } catch (error) {
    if (!hasCode(error, CANNOT)) throw error;
  } finally {
    await file.close();
  }
}

/** Undefined where there is nothing to keep, or nobody may open it. */
async function openToFlush(path: string): Promise<FileHandle | undefined> {
  for (const access of [constants.O_RDONLY, constants.O_WRONLY]) {
    try {
      return await open(path, access | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (hasCode(error, NOTHING_TO_KEEP)) return undefined;
      if (!hasCode(error, REFUSED)) throw error;
    }
  }
  return undefined;
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}
