/** The store: its tables over one connection. */
import { ClusterTable } from './cluster.ts';
import { Database } from './database.ts';
import { EventTable } from './events.ts';
import { IdempotencyTable } from './idempotency.ts';
import { LearnerTable } from './learners.ts';
import { OperationTable } from './operations.ts';
import { SeatTable } from './seats.ts';
import { SecretTable } from './secrets.ts';
import { WorkerTable } from './workers.ts';
import { WorkshopTable } from './workshops.ts';

export class Store {
  readonly database: Database;
  readonly workshops: WorkshopTable;
  readonly seats: SeatTable;
  readonly workers: WorkerTable;
  readonly learners: LearnerTable;
  readonly operations: OperationTable;
  readonly events: EventTable;
  readonly idempotency: IdempotencyTable;
  readonly secrets: SecretTable;
  readonly cluster: ClusterTable;

  private constructor(database: Database) {
    this.database = database;
    this.workshops = new WorkshopTable(database);
    this.seats = new SeatTable(database);
    this.workers = new WorkerTable(database);
    this.learners = new LearnerTable(database);
    this.operations = new OperationTable(database);
    this.events = new EventTable(database);
    this.idempotency = new IdempotencyTable(database);
    this.secrets = new SecretTable(database);
    this.cluster = new ClusterTable(database);
  }

  /** @throws AlreadyRunningError where another process holds the file; UnavailableError where it cannot be used */
  static open(path: string): Store {
    return new Store(Database.open(path));
  }

  transaction<T>(work: () => T): T {
    return this.database.transaction(work);
  }

  close(): void {
    this.database.close();
  }
}
