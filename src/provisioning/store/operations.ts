/** Operations in the store: the journal of what was begun, so that a later control plane goes on with it. */
import * as z from 'zod';
import { idSchema, timeSchema } from '../../protocol/names.ts';
import { operationKindSchema, operationStatusSchema } from '../../protocol/operation.ts';
import { errorColumn, flagColumn, toFlag, toJson } from './columns.ts';
import type { Database } from './database.ts';

export const operationRowSchema = z.object({
  id: idSchema,
  kind: operationKindSchema,
  subject: z.string(),
  scope: z.string(),
  seat: z.nullable(z.number()),
  title: z.string(),
  status: operationStatusSchema,
  step: z.nullable(z.string()),
  cancel_requested: flagColumn,
  started_at: timeSchema,
  ended_at: z.nullable(timeSchema),
  deadline: timeSchema,
  error: errorColumn,
});
/** `step` is the last one that was begun. */
export type OperationRow = z.infer<typeof operationRowSchema>;

export class OperationTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Newest first. */
  all(): OperationRow[] {
    return this.#database.all(operationRowSchema, 'SELECT * FROM operations ORDER BY started_at DESC, rowid DESC');
  }

  running(): OperationRow[] {
    return this.#database.all(
      operationRowSchema,
      `SELECT * FROM operations WHERE status = 'running' ORDER BY started_at, rowid`,
    );
  }

  find(id: string): OperationRow | undefined {
    return this.#database.get(operationRowSchema, 'SELECT * FROM operations WHERE id = ?', id);
  }

  insert(row: OperationRow): void {
    this.#database.run(
      `INSERT INTO operations
         (id, kind, subject, scope, seat, title, status, step, cancel_requested, started_at, ended_at, deadline, error)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.id,
      row.kind,
      row.subject,
      row.scope,
      row.seat,
      row.title,
      row.status,
      row.step,
      toFlag(row.cancel_requested),
      row.started_at,
      row.ended_at,
      row.deadline,
      toJson(row.error),
    );
  }

  update(row: OperationRow): void {
    this.#database.run(
      'UPDATE operations SET status = ?, step = ?, cancel_requested = ?, ended_at = ?, deadline = ?, error = ? WHERE id = ?',
      row.status,
      row.step,
      toFlag(row.cancel_requested),
      row.ended_at,
      row.deadline,
      toJson(row.error),
      row.id,
    );
  }

  /** Removes all but the newest `keep` of those that have ended. */
  prune(keep: number): void {
    this.#database.run(
      `DELETE FROM operations WHERE status <> 'running' AND id NOT IN
         (SELECT id FROM operations WHERE status <> 'running' ORDER BY ended_at DESC, rowid DESC LIMIT ?)`,
      keep,
    );
  }
}
