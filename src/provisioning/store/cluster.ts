/** The one cluster in the store: what was asked for, what SkyPilot last said, and what it has cost. */
import * as z from 'zod';
import { clusterStatusSchema, launchClusterSchema, syncClusterSchema } from '../../protocol/cluster.ts';
import { timeSchema } from '../../protocol/names.ts';
import { errorColumn, flagColumn, jsonColumn, toFlag, toJson } from './columns.ts';
import type { Database } from './database.ts';

export const clusterRowSchema = z.object({
  name: z.string(),
  status: clusterStatusSchema,
  /** What it was launched with. */
  config: jsonColumn(launchClusterSchema),
  cloud: z.nullable(z.string()),
  region: z.nullable(z.string()),
  zone: z.nullable(z.string()),
  instance_type: z.nullable(z.string()),
  ip: z.nullable(z.string()),
  price_per_hour: z.nullable(z.number()),
  disk_price_per_hour: z.nullable(z.number()),
  autostop_minutes: z.nullable(z.number()),
  use_spot: flagColumn,
  billed: z.enum(['machine', 'disk', 'nothing', 'unknown']),
  /** Unix seconds. */
  launched_at: z.nullable(z.number()),
  /** Dollars until `cost_at`; from then on the present prices add to it. */
  cost: z.number(),
  cost_at: z.nullable(timeSchema),
  error: errorColumn,
  note: z.nullable(z.string()),
  /** SkyPilot's request that the running operation waits for. */
  request_id: z.nullable(z.string()),
  /** What the running operation is to do with files that were changed. */
  asked: z.nullable(jsonColumn(syncClusterSchema)),
  synced_at: z.nullable(timeSchema),
  activity_at: z.nullable(timeSchema),
  stops_at: z.nullable(timeSchema),
  observed_at: z.nullable(timeSchema),
  unreachable: z.nullable(z.string()),
});
export type ClusterRow = z.infer<typeof clusterRowSchema>;

const COLUMNS = Object.keys(clusterRowSchema.shape) as (keyof ClusterRow)[];

/** No row is no server, and nothing known of an earlier one. */
export class ClusterTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(): ClusterRow | undefined {
    return this.#database.get(clusterRowSchema, `SELECT ${COLUMNS.join(', ')} FROM cluster`);
  }

  /** Puts the row in the place of the one that is there. */
  put(row: ClusterRow): void {
    const json = { config: toJson(row.config), error: toJson(row.error), asked: toJson(row.asked) };
    const values = { ...row, ...json, use_spot: toFlag(row.use_spot) };
    this.#database.run(
      `INSERT OR REPLACE INTO cluster (only, ${COLUMNS.join(', ')}) VALUES (1, ${COLUMNS.map(() => '?').join(', ')})`,
      ...COLUMNS.map((column) => values[column]),
    );
  }

  remove(): void {
    this.#database.run('DELETE FROM cluster');
  }
}
