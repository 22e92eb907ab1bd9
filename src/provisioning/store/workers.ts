/** Workers in the store. */
import * as z from 'zod';
import { timeSchema } from '../../protocol/names.ts';
import { providerSchema, runtimeSchema, workerStatusSchema } from '../../protocol/workshop.ts';
import { flagColumn, toFlag } from './columns.ts';
import type { Database } from './database.ts';

export const workerRowSchema = z.object({
  name: z.string(),
  provider: providerSchema,
  status: workerStatusSchema,
  runtime: z.nullable(runtimeSchema),
  endpoint: z.nullable(z.string()),
  certificate: z.nullable(z.string()),
  created_at: timeSchema,
  accelerated: z.nullable(flagColumn),
});
/** `endpoint` and `runtime` are known once its agent has answered, `accelerated` once it was healthy. */
export type WorkerRow = z.infer<typeof workerRowSchema>;

export class WorkerTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(): WorkerRow[] {
    return this.#database.all(workerRowSchema, 'SELECT * FROM workers ORDER BY name');
  }

  find(name: string): WorkerRow | undefined {
    return this.#database.get(workerRowSchema, 'SELECT * FROM workers WHERE name = ?', name);
  }

  insert(row: WorkerRow): void {
    this.#database.run(
      `INSERT INTO workers (name, provider, status, runtime, endpoint, certificate, created_at, accelerated)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      row.name,
      row.provider,
      row.status,
      row.runtime,
      row.endpoint,
      row.certificate,
      row.created_at,
      nullableFlag(row.accelerated),
    );
  }

  update(row: WorkerRow): void {
    this.#database.run(
      'UPDATE workers SET status = ?, runtime = ?, endpoint = ?, certificate = ?, accelerated = ? WHERE name = ?',
      row.status,
      row.runtime,
      row.endpoint,
      row.certificate,
      nullableFlag(row.accelerated),
      row.name,
    );
  }

  remove(name: string): void {
    this.#database.run('DELETE FROM workers WHERE name = ?', name);
  }
}

function nullableFlag(flag: boolean | null): number | null {
  return flag === null ? null : toFlag(flag);
}
