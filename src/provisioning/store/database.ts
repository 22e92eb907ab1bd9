/** The one connection to the store: its lock, its transactions and its typed errors. */
import { chmodSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type * as z from 'zod';
import { acquireFileLock, type FileLock } from '../../lib/file-lock.ts';
import { AlreadyRunningError, CarapaceError, DiskFullError, UnavailableError } from '../../protocol/errors.ts';
import { migrate } from './migrations.ts';

/** Primary result codes, https://www.sqlite.org/rescode.html; the low byte of an extended one. */
const SQLITE = { busy: 5, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 } as const;

/** A row's schema is of zod or zod/mini: JSON columns are parsed by it. */
type RowSchema<T> = z.core.$ZodType<T>;

interface Parser<T> {
  parse(value: unknown): T;
}

/**
 * A SQLite file that one process holds for itself (`locking_mode=EXCLUSIVE`) and whose commits are on the disk when
 * they return (`synchronous=FULL`). The kernel drops the lock when the process dies, however it dies.
 */
export class Database {
  readonly #path: string;
  readonly #lock: FileLock;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #afterCommit: (() => void)[] = [];

  private constructor(path: string, lock: FileLock, connection: DatabaseSync) {
    this.#path = path;
    this.#lock = lock;
    this.#connection = connection;
  }

  /**
   * Opens the file, takes its lock and brings its schema up to date; nothing is ever deleted from it here.
   * @throws AlreadyRunningError where another process holds it; UnavailableError where it cannot be used as it is
   */
  static open(path: string): Database {
    let lock: FileLock | undefined;
    let connection: DatabaseSync | undefined;
    try {
      // A lock of its own: of two that open a store in WAL mode for themselves at the same moment, both can be refused.
      lock = acquireFileLock(`${path}.lock`);
      if (lock === undefined) throw heldByAnother(path);
      connection = new DatabaseSync(path, { enableForeignKeyConstraints: true });
      // SQLite gives its other files the mode of this one. By its path: closing another descriptor of the file would
      // drop the locks that this process has on it (fcntl_locking(2)).
      chmodSync(path, 0o600);
      connection.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      // The first write takes the lock, and locking_mode keeps it.
      connection.exec('BEGIN IMMEDIATE; COMMIT');
      migrate(connection, path);
      return new Database(path, lock, connection);
    } catch (error) {
      connection?.close();
      lock?.release();
      throw asStoreError(error, path);
    }
  }

  /** All rows of a query, checked. @throws DiskFullError, UnavailableError */
  all<T>(row: RowSchema<T> & Parser<T>, sql: string, ...parameters: SQLInputValue[]): T[] {
    return this.#guarded(() => this.#prepare(sql).all(...parameters)).map((found) => row.parse(found));
  }

  /** The first row of a query, checked. */
  get<T>(row: RowSchema<T> & Parser<T>, sql: string, ...parameters: SQLInputValue[]): T | undefined {
    const found = this.#guarded(() => this.#prepare(sql).get(...parameters));
    return found === undefined ? undefined : row.parse(found);
  }

  /** Runs a statement; answers how many rows it changed. */
  run(sql: string, ...parameters: SQLInputValue[]): number {
    return Number(this.#guarded(() => this.#prepare(sql).run(...parameters)).changes);
  }

  /** Runs an INSERT into a table with a numbered key; answers the new number. */
  insert(sql: string, ...parameters: SQLInputValue[]): number {
    return Number(this.#guarded(() => this.#prepare(sql).run(...parameters)).lastInsertRowid);
  }

  /** Runs `work` whole or not at all. Within another transaction it is a part of that one. */
  transaction<T>(work: () => T): T {
    if (this.#inTransaction()) return work();
    this.#guarded(() => this.#connection.exec('BEGIN IMMEDIATE'));
    let result: T;
    try {
      result = work();
      this.#guarded(() => this.#connection.exec('COMMIT'));
    } catch (error) {
      this.#afterCommit = [];
      // SQLite itself rolls back after some failures, a full disk among them.
      if (this.#inTransaction()) this.#connection.exec('ROLLBACK');
      throw error;
    }
    for (const action of this.#afterCommit.splice(0)) action();
    return result;
  }

  /** Runs `action` once what is being written is on the disk; at once outside a transaction. Never after a rollback. */
  afterCommit(action: () => void): void {
    if (this.#inTransaction()) this.#afterCommit.push(action);
    else action();
  }

  /** Gives the lock back. */
  close(): void {
    this.#statements.clear();
    if (this.#connection.isOpen) this.#connection.close();
    this.#lock.release();
  }

  #inTransaction(): boolean {
    return this.#connection.isTransaction;
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#connection.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #guarded<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw asStoreError(error, this.#path);
    }
  }
}

/** SQLite's primary result code; for what the file system said when the file was made, the one nearest to it. */
function resultCode(error: Error): number | undefined {
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode & 0xff;
  if (!('syscall' in error && 'code' in error)) return undefined;
  return error.code === 'ENOSPC' || error.code === 'EDQUOT' ? SQLITE.full : SQLITE.cannotOpen;
}

function heldByAnother(path: string, options?: ErrorOptions): AlreadyRunningError {
  return new AlreadyRunningError(
    `Another control plane holds ${path}. Use that one, or end it first.`,
    undefined,
    options,
  );
}

/** The typed error for what SQLite said; what is not SQLite's stays as it is. */
function asStoreError(error: unknown, path: string): unknown {
  if (error instanceof CarapaceError || !(error instanceof Error)) return error;
  const code = resultCode(error);
  const options = { cause: error };
  switch (code) {
    case SQLITE.busy:
      return heldByAnother(path, options);
    case SQLITE.full:
      return new DiskFullError(
        `The disk that holds ${path} is full. Make room on it and try again.`,
        undefined,
        options,
      );
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
      return new UnavailableError(
        `The store ${path} is damaged and was left as it is. Put a good copy in its place, or move it away to begin anew.`,
        undefined,
        options,
      );
    case SQLITE.readOnly:
    case SQLITE.cannotOpen:
    case SQLITE.ioError:
      return new UnavailableError(
        `The store ${path} cannot be read and written (${error.message}). Check its folder, its permissions and its disk.`,
        undefined,
        options,
      );
    default:
      return error;
  }
}
