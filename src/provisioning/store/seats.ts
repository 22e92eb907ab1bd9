/** Seats in the store. */
import * as z from 'zod';
import { idSchema, timeSchema } from '../../protocol/names.ts';
import { seatStatusSchema, type SeatRuntime } from '../../protocol/workshop.ts';
import { errorColumn, flagColumn, toFlag, toJson } from './columns.ts';
import type { Database } from './database.ts';

export const seatRowSchema = z.object({
  workshop_id: idSchema,
  seat: z.number(),
  status: seatStatusSchema,
  worker: z.nullable(z.string()),
  ip: z.nullable(z.string()),
  connected: flagColumn,
  has_files: flagColumn,
  freed: flagColumn,
  generation: z.number(),
  updated_at: timeSchema,
  error: errorColumn,
});
/**
 * `worker` is set before the worker is asked for the seat and cleared after it has ended it: a seat without one runs
 * nowhere. `has_files` says the same of its files. `freed`: it was taken from its learner and was not emptied since, so
 * nobody may have it yet. `generation` counts that: tokens of learners before it are not valid any more.
 */
export type SeatRow = z.infer<typeof seatRowSchema>;

const workerColumnSchema = z.object({ worker: z.string() });
const countSchema = z.object({ count: z.number() });

export type SeatChange = Partial<Omit<SeatRow, 'workshop_id' | 'seat' | 'updated_at'>>;

export class SeatTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(): SeatRow[] {
    return this.#database.all(seatRowSchema, 'SELECT * FROM seats ORDER BY workshop_id, seat');
  }

  of(workshopId: string): SeatRow[] {
    return this.#database.all(seatRowSchema, 'SELECT * FROM seats WHERE workshop_id = ? ORDER BY seat', workshopId);
  }

  onWorker(worker: string): SeatRow[] {
    return this.#database.all(seatRowSchema, 'SELECT * FROM seats WHERE worker = ? ORDER BY workshop_id, seat', worker);
  }

  /** The workers that hold seats of a workshop. */
  workersOf(workshopId: string): string[] {
    const sql = 'SELECT DISTINCT worker FROM seats WHERE workshop_id = ? AND worker IS NOT NULL ORDER BY worker';
    return this.#database.all(workerColumnSchema, sql, workshopId).map(({ worker }) => worker);
  }

  /** Whether files of any seat of that runtime are kept, running or not. */
  anyFiles(runtime: SeatRuntime): boolean {
    const sql = `SELECT count(*) AS count FROM seats JOIN workshops ON workshops.id = seats.workshop_id
      WHERE seats.has_files = 1 AND workshops.runtime = ?`;
    return this.#database.get(countSchema, sql, runtime)?.count !== 0;
  }

  find(workshopId: string, seat: number): SeatRow | undefined {
    return this.#database.get(
      seatRowSchema,
      'SELECT * FROM seats WHERE workshop_id = ? AND seat = ?',
      workshopId,
      seat,
    );
  }

  /** The first seat that somebody can have now. */
  firstFree(workshopId: string): SeatRow | undefined {
    return this.#database.get(
      seatRowSchema,
      `SELECT seats.* FROM seats LEFT JOIN learners USING (workshop_id, seat)
       WHERE workshop_id = ? AND learners.id IS NULL AND seats.status = 'ready' AND seats.freed = 0
       ORDER BY seat LIMIT 1`,
      workshopId,
    );
  }

  insert(row: SeatRow): void {
    this.#database.run(
      `INSERT INTO seats (workshop_id, seat, status, worker, ip, connected, has_files, freed, generation, updated_at, error)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.workshop_id,
      row.seat,
      row.status,
      row.worker,
      row.ip,
      toFlag(row.connected),
      toFlag(row.has_files),
      toFlag(row.freed),
      row.generation,
      row.updated_at,
      toJson(row.error),
    );
  }

  update(row: SeatRow): void {
    this.#database.run(
      `UPDATE seats SET status = ?, worker = ?, ip = ?, connected = ?, has_files = ?, freed = ?, generation = ?, updated_at = ?, error = ?
       WHERE workshop_id = ? AND seat = ?`,
      row.status,
      row.worker,
      row.ip,
      toFlag(row.connected),
      toFlag(row.has_files),
      toFlag(row.freed),
      row.generation,
      row.updated_at,
      toJson(row.error),
      row.workshop_id,
      row.seat,
    );
  }
}
