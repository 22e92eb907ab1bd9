/** The store's schema, as the steps that lead to it. A step that was released is never changed; a new one is added. */
import type { DatabaseSync } from 'node:sqlite';
import { UnavailableError } from '../../protocol/errors.ts';

const FIRST = `
CREATE TABLE workshops (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  code TEXT NOT NULL UNIQUE,
  seats INTEGER NOT NULL,
  status TEXT NOT NULL,
  runtime TEXT NOT NULL,
  provider TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_in_minutes INTEGER NOT NULL,
  expires_at TEXT NOT NULL,
  error TEXT
) STRICT;

CREATE TABLE workers (
  name TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  status TEXT NOT NULL,
  runtime TEXT,
  endpoint TEXT,
  certificate TEXT,
  created_at TEXT NOT NULL
) STRICT;

CREATE TABLE seats (
  workshop_id TEXT NOT NULL REFERENCES workshops (id) ON DELETE CASCADE,
  seat INTEGER NOT NULL,
  status TEXT NOT NULL,
  worker TEXT REFERENCES workers (name),
  ip TEXT,
  connected INTEGER NOT NULL,
  has_files INTEGER NOT NULL,
  updated_at TEXT NOT NULL,
  error TEXT,
  PRIMARY KEY (workshop_id, seat)
) STRICT;
CREATE INDEX seats_worker ON seats (worker);

CREATE TABLE learners (
  id TEXT PRIMARY KEY,
  workshop_id TEXT NOT NULL,
  seat INTEGER NOT NULL,
  name TEXT NOT NULL,
  joined_at TEXT NOT NULL,
  rejoin_hash TEXT NOT NULL,
  UNIQUE (workshop_id, seat),
  UNIQUE (workshop_id, rejoin_hash),
  FOREIGN KEY (workshop_id, seat) REFERENCES seats (workshop_id, seat) ON DELETE CASCADE
) STRICT;

CREATE TABLE operations (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  scope TEXT NOT NULL,
  seat INTEGER,
  title TEXT NOT NULL,
  status TEXT NOT NULL,
  step TEXT,
  cancel_requested INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  deadline TEXT NOT NULL,
  error TEXT
) STRICT;
-- One running operation of a workshop or the cluster; beside it only one that supersedes it and waits for its end.
CREATE UNIQUE INDEX operations_running ON operations (
  scope,
  (CASE kind WHEN 'workshop.delete' THEN 2 WHEN 'workshop.repair' THEN 0 ELSE 1 END)
) WHERE status = 'running';

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  timestamp TEXT NOT NULL,
  type TEXT NOT NULL,
  workshop_id TEXT,
  operation_id TEXT,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX events_operation ON events (operation_id);

CREATE TABLE idempotency_keys (
  key TEXT PRIMARY KEY,
  request_hash TEXT NOT NULL,
  answer TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE cluster (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  name TEXT NOT NULL,
  status TEXT NOT NULL,
  config TEXT NOT NULL,
  cloud TEXT,
  region TEXT,
  zone TEXT,
  instance_type TEXT,
  ip TEXT,
  price_per_hour REAL,
  disk_price_per_hour REAL,
  autostop_minutes INTEGER,
  use_spot INTEGER NOT NULL,
  billed TEXT NOT NULL,
  launched_at INTEGER,
  cost REAL NOT NULL,
  cost_at TEXT,
  error TEXT,
  note TEXT,
  request_id TEXT,
  asked TEXT,
  synced_at TEXT,
  activity_at TEXT,
  stops_at TEXT,
  observed_at TEXT,
  unreachable TEXT
) STRICT;
`;

/** Whether the machines of a worker run on the processor itself; null until its agent has told. */
const ACCELERATED = 'ALTER TABLE workers ADD COLUMN accelerated INTEGER;';

/**
 * `freed`: the seat was taken from its learner and was not emptied since; `generation`: how often it was taken from one.
 * `seat` of an event: the one seat that it tells of.
 */
const LEARNERS = `
ALTER TABLE seats ADD COLUMN freed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE seats ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN seat INTEGER;
`;

/** The step at index n leads from version n to version n + 1. */
export const MIGRATIONS: readonly string[] = [FIRST, ACCELERATED, LEARNERS];

/**
 * Brings a store to the newest schema, each step in a transaction of its own; `PRAGMA user_version` says how far it is.
 * @throws UnavailableError where the store is newer than this program
 */
export function migrate(connection: DatabaseSync, path: string, steps: readonly string[] = MIGRATIONS): void {
  const version = Number(connection.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > steps.length) {
    throw new UnavailableError(
      `The store ${path} was written by a newer Carapace (schema ${version}, this one knows ${steps.length}). ` +
        'It was left as it is: use that version of Carapace, or another state folder.',
    );
  }
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    connection.exec('BEGIN IMMEDIATE');
    try {
      connection.exec(step);
      connection.exec(`PRAGMA user_version = ${index + 1}`);
      connection.exec('COMMIT');
    } catch (error) {
      if (connection.isTransaction) connection.exec('ROLLBACK');
      throw error;
    }
  }
}
