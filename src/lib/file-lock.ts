/** A lock that the kernel drops when its holder dies, however it dies. */
import { DatabaseSync } from 'node:sqlite';

/** Held until {@link FileLock.release} or the end of the process. */
export interface FileLock {
  release(): void;
}

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

/** Keeps what is locked from the garbage collector, which would close it. */
const held = new Set<DatabaseSync>();

/** Whether an error of `node:sqlite` says that another process holds the file. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

/** Of several that try at the same moment one must win: how long they make way for each other, in milliseconds. */
const CONTENTION_MS = 1_000;

/**
 * Takes the lock that `path` stands for; undefined where another process holds it. Node has no file locks of its own:
 * this is SQLite's, which are POSIX record locks. Blocks for a second before it gives up.
 */
export function acquireFileLock(path: string): FileLock | undefined {
  const database = new DatabaseSync(path, { timeout: CONTENTION_MS });
  try {
    // Not with locking_mode=EXCLUSIVE: two that try at once would each keep a read lock that the other waits for.
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  held.add(database);
  return {
    release: () => {
      if (held.delete(database)) database.close();
    },
  };
}
