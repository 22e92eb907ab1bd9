/** Who joined which seat. */
import * as z from 'zod';
import { idSchema, timeSchema } from '../../protocol/names.ts';
import type { Database } from './database.ts';

export const learnerRowSchema = z.object({
  id: z.string(),
  workshop_id: idSchema,
  seat: z.number(),
  name: z.string(),
  joined_at: timeSchema,
  rejoin_hash: z.string(),
});
/** `rejoin_hash` is the SHA-256 of the code with which the learner comes back: the code itself is not kept. */
export type LearnerRow = z.infer<typeof learnerRowSchema>;

export class LearnerTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  of(workshopId: string): LearnerRow[] {
    return this.#database.all(
      learnerRowSchema,
      'SELECT * FROM learners WHERE workshop_id = ? ORDER BY seat',
      workshopId,
    );
  }

  find(id: string): LearnerRow | undefined {
    return this.#database.get(learnerRowSchema, 'SELECT * FROM learners WHERE id = ?', id);
  }

  findBySeat(workshopId: string, seat: number): LearnerRow | undefined {
    return this.#database.get(
      learnerRowSchema,
      'SELECT * FROM learners WHERE workshop_id = ? AND seat = ?',
      workshopId,
      seat,
    );
  }

  findByRejoinHash(workshopId: string, hash: string): LearnerRow | undefined {
    return this.#database.get(
      learnerRowSchema,
      'SELECT * FROM learners WHERE workshop_id = ? AND rejoin_hash = ?',
      workshopId,
      hash,
    );
  }

  insert(row: LearnerRow): void {
    this.#database.run(
      'INSERT INTO learners (id, workshop_id, seat, name, joined_at, rejoin_hash) VALUES (?, ?, ?, ?, ?, ?)',
      row.id,
      row.workshop_id,
      row.seat,
      row.name,
      row.joined_at,
      row.rejoin_hash,
    );
  }

  remove(id: string): void {
    this.#database.run('DELETE FROM learners WHERE id = ?', id);
  }

  rename(id: string, name: string): void {
    this.#database.run('UPDATE learners SET name = ? WHERE id = ?', name, id);
  }
}
