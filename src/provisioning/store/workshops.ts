/** Workshops in the store. */
import * as z from 'zod';
import type { ErrorInfo } from '../../protocol/errors.ts';
import { idSchema, timeSchema } from '../../protocol/names.ts';
import { providerSchema, runtimeSchema, workshopStatusSchema } from '../../protocol/workshop.ts';
import { errorColumn, toJson } from './columns.ts';
import type { Database } from './database.ts';

export const workshopRowSchema = z.object({
  id: idSchema,
  name: z.string(),
  code: z.string(),
  seats: z.number(),
  status: workshopStatusSchema,
  runtime: runtimeSchema,
  provider: providerSchema,
  created_at: timeSchema,
  expires_in_minutes: z.number(),
  expires_at: timeSchema,
  error: errorColumn,
});
/** `expires_in_minutes` is what was asked for last: a workshop that is started again gets as long. */
export type WorkshopRow = z.infer<typeof workshopRowSchema>;

/** What changes in the life of a workshop. */
export type WorkshopChange = Partial<
  Pick<WorkshopRow, 'status' | 'runtime' | 'expires_in_minutes' | 'expires_at' | 'error'>
>;

export class WorkshopTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(): WorkshopRow[] {
    return this.#database.all(workshopRowSchema, 'SELECT * FROM workshops ORDER BY created_at, id');
  }

  find(id: string): WorkshopRow | undefined {
    return this.#database.get(workshopRowSchema, 'SELECT * FROM workshops WHERE id = ?', id);
  }

  /** @param code in its normal form */
  findByCode(code: string): WorkshopRow | undefined {
    return this.#database.get(workshopRowSchema, 'SELECT * FROM workshops WHERE code = ?', code);
  }

  insert(row: WorkshopRow): void {
    this.#database.run(
      `INSERT INTO workshops (id, name, code, seats, status, runtime, provider, created_at, expires_in_minutes, expires_at, error)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.id,
      row.name,
      row.code,
      row.seats,
      row.status,
      row.runtime,
      row.provider,
      row.created_at,
      row.expires_in_minutes,
      row.expires_at,
      toJson(row.error satisfies ErrorInfo | null),
    );
  }

  update(row: WorkshopRow): void {
    this.#database.run(
      'UPDATE workshops SET status = ?, runtime = ?, expires_in_minutes = ?, expires_at = ?, error = ? WHERE id = ?',
      row.status,
      row.runtime,
      row.expires_in_minutes,
      row.expires_at,
      toJson(row.error),
      row.id,
    );
  }

  /** Removes the workshop with its seats and learners. */
  remove(id: string): void {
    this.#database.run('DELETE FROM workshops WHERE id = ?', id);
  }
}
