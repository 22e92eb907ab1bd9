/** The store as it was at one moment, also while a control plane writes it: SQLite lets nobody else read it then. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnavailableError } from '../../protocol/errors.ts';

/** The file itself, what was written and is not in it yet, and what undoes a write that was cut off. */
const PARTS = ['', '-wal', '-journal'] as const;
/** How often it is read until nothing has changed meanwhile. */
const TRIES = 100;

export type StoreBytes = readonly (Buffer | undefined)[];

/**
 * Reads the store's files and changes nothing. Never in the process that holds the store: closing its file there would drop
 * the lock on it (fcntl_locking(2)).
 * @returns undefined where there is no store
 * @throws what the file system says, with its code; UnavailableError where the store never stands still
 */
export async function readStore(path: string): Promise<StoreBytes | undefined> {
  let before = await readParts(path);
  for (let left = TRIES; left > 0; left -= 1) {
    const now = await readParts(path);
    // What two readings in a row have found alike was there all at once between them.
    if (now.every((part, index) => isSame(part, before[index]))) return now[0] === undefined ? undefined : now;
    before = now;
  }
  throw new UnavailableError(`The store ${path} is written without a pause. Try again in a moment.`);
}

/**
 * Calls `look` with the path of a copy, in a folder for this user alone that is removed afterwards.
 * @throws what the file system says of the copy, and what `look` throws
 */
export async function withCopy<T>(bytes: StoreBytes, look: (copy: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'carapace-doctor-'));
  try {
    const copy = join(folder, 'store.db');
    for (const [index, suffix] of PARTS.entries()) {
      const part = bytes[index];
      if (part !== undefined) await writeFile(copy + suffix, part, { mode: 0o600 });
    }
    return await look(copy);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readParts(path: string): Promise<StoreBytes> {
  const parts: (Buffer | undefined)[] = [];
  for (const suffix of PARTS) parts.push(await readPart(path + suffix));
  return parts;
}

async function readPart(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

function isSame(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}
