/** What was answered to requests that carry an Idempotency-Key. */
import * as z from 'zod';
import { ConflictError } from '../../protocol/errors.ts';
import type { Database } from './database.ts';

const rowSchema = z.object({ request_hash: z.string(), answer: z.string() });

export class IdempotencyTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * The answer, as JSON text, that this key got before.
   * @throws ConflictError where the key was used for another request
   */
  find(key: string, requestHash: string): string | undefined {
    const row = this.#database.get(rowSchema, 'SELECT request_hash, answer FROM idempotency_keys WHERE key = ?', key);
    if (row === undefined) return undefined;
    if (row.request_hash !== requestHash) {
      throw new ConflictError('This Idempotency-Key was used for another request. Take a new key for a new request.');
    }
    return row.answer;
  }

  insert(key: string, requestHash: string, answer: string, now: string): void {
    this.#database.run(
      'INSERT INTO idempotency_keys (key, request_hash, answer, created_at) VALUES (?, ?, ?, ?)',
      key,
      requestHash,
      answer,
      now,
    );
  }

  prune(before: string): void {
    this.#database.run('DELETE FROM idempotency_keys WHERE created_at < ?', before);
  }
}
