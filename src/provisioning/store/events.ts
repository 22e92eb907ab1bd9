/** The stream of events, as rows: what a client missed is read from here. */
import * as z from 'zod';
import { eventSchema, type CarapaceEvent, type NumberedEvent } from '../../protocol/event.ts';
import type { Database } from './database.ts';

const eventRowSchema = z.object({ id: z.number(), body: z.string() });
const boundsSchema = z.object({ first: z.nullable(z.number()), next: z.number() });

/** Which events a reader may see; without a bound, all. */
export interface EventFilter {
  readonly workshopId?: string;
  /** With a workshop: of its seats, only this one. */
  readonly seat?: number;
  readonly operationId?: string;
}

export class EventTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @returns the event's number: each is greater than all before it, also after pruning */
  append(event: CarapaceEvent, workshopId: string | null, seat: number | null = null): number {
    return this.#database.insert(
      'INSERT INTO events (timestamp, type, workshop_id, seat, operation_id, body) VALUES (?, ?, ?, ?, ?, ?)',
      event.timestamp,
      event.type,
      workshopId,
      seat,
      event.operation_id ?? null,
      JSON.stringify(event),
    );
  }

  /** At most `limit` events after number `after`, oldest first. */
  after(after: number, limit: number, filter: EventFilter = {}): NumberedEvent[] {
    const rows = this.#database.all(
      eventRowSchema,
      `SELECT id, body FROM events WHERE id > ? AND (? IS NULL OR workshop_id = ?) AND (? IS NULL OR operation_id = ?)
         AND (? IS NULL OR seat IS NULL OR seat = ?)
       ORDER BY id LIMIT ?`,
      after,
      filter.workshopId ?? null,
      filter.workshopId ?? null,
      filter.operationId ?? null,
      filter.operationId ?? null,
      filter.seat ?? null,
      filter.seat ?? null,
      limit,
    );
    return rows.map(({ id, body }) => ({ id, event: eventSchema.parse(JSON.parse(body)) }));
  }

  /** The oldest number that is still kept (one past the newest where none is), and the newest ever given. */
  bounds(): { oldest: number; newest: number } {
    const row = this.#database.get(
      boundsSchema,
      `SELECT (SELECT min(id) FROM events) AS first,
              coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) AS next`,
    );
    const newest = row?.next ?? 0;
    return { oldest: row?.first ?? newest + 1, newest };
  }

  /** Removes what is older than `before` or beyond the newest `keep`. */
  prune(before: string, keep: number): void {
    this.#database.run('DELETE FROM events WHERE timestamp < ? OR id <= ?', before, this.bounds().newest - keep);
  }
}
