/** Secrets that must outlive the control plane: the store's folder is the user's alone. */
import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import type { Database } from './database.ts';

const SECRET_BYTES = 32;
const rowSchema = z.object({ value: z.string() });

/** The agent's token and the secret behind the seat tokens belong to one worker; the other is the control plane's. */
export type SecretName =
  'learner-token-key' | `worker/${string}/agent-token` | `worker/${string}/workspace-token-secret`;

export class SecretTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(name: SecretName): string | undefined {
    return this.#database.get(rowSchema, 'SELECT value FROM secrets WHERE name = ?', name)?.value;
  }

  /** The secret of that name, made where there is none: 256 random bits as base64url. */
  ensure(name: SecretName): string {
    const known = this.find(name);
    if (known !== undefined) return known;
    const value = randomBytes(SECRET_BYTES).toString('base64url');
    this.#database.run('INSERT INTO secrets (name, value) VALUES (?, ?)', name, value);
    return value;
  }

  remove(name: SecretName): void {
    this.#database.run('DELETE FROM secrets WHERE name = ?', name);
  }
}
