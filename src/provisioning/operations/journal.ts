/** What is written of an operation: its row, and what it tells in the stream of events. */
import { NotFoundError, type ErrorInfo } from '../../protocol/errors.ts';
import { RESUME_PHASE } from '../../protocol/event.ts';
import { newId } from '../../protocol/names.ts';
import { operationSubject, type Operation } from '../../protocol/operation.ts';
import { timestamp } from '../clock.ts';
import type { EventLog } from '../event-log.ts';
import type { OperationRow } from '../store/operations.ts';
import type { Store } from '../store/store.ts';

/** The operations that are kept after their end. */
const KEPT_OPERATIONS = 200;

/** What somebody asks for. */
export interface OperationRequest {
  readonly kind: OperationRow['kind'];
  readonly subject: string;
  /** Operations of the same scope exclude each other: a workshop's id, or `cluster`. */
  readonly scope: string;
  readonly seat?: number;
  /** A line for a person, such as `Create workshop "Intro"`. */
  readonly title: string;
}

/** How an operation ended, with the line or the error to tell. */
export type Outcome =
  | { readonly status: 'succeeded' | 'cancelled'; readonly message: string }
  | { readonly status: 'failed'; readonly error: ErrorInfo };

/** An operation as it is told. */
export function toOperation(row: OperationRow): Operation {
  const { id, kind, subject, title, status, started_at, ended_at, deadline, error } = row;
  return { id, kind, subject, title, status, started_at, ended_at, deadline, error };
}

export class OperationJournal {
  readonly #store: Store;
  readonly #events: EventLog;

  constructor(store: Store, events: EventLog) {
    this.#store = store;
    this.#events = events;
  }

  /** @throws NotFoundError */
  find(id: string): OperationRow {
    const row = this.#store.operations.find(id);
    if (row === undefined) throw new NotFoundError(`There is no operation ${id}. The newest ones are listed.`);
    return row;
  }

  running(): OperationRow[] {
    return this.#store.operations.running();
  }

  runningOn(scope: string): OperationRow[] {
    return this.running().filter((row) => row.scope === scope);
  }

  prune(): void {
    this.#store.operations.prune(KEPT_OPERATIONS);
  }

  begin(request: OperationRequest, deadlineMs: number): OperationRow {
    const row = newRow(request, { status: 'running', ended_at: null, deadline: timestamp(deadlineMs) });
    this.#store.operations.insert(row);
    this.tellState(row);
    return row;
  }

  /** Records an operation that is done already. */
  recordDone(request: OperationRequest, message: string): OperationRow {
    const now = timestamp();
    const row = newRow(request, { status: 'succeeded', ended_at: now, deadline: now });
    this.#store.operations.insert(row);
    this.tellState(row);
    this.#tellEnd(row, message);
    return row;
  }

  resume(row: OperationRow, deadlineMs: number): OperationRow {
    const resumed = { ...row, deadline: timestamp(deadlineMs) };
    const what = row.cancel_requested ? 'finishing its cancelling' : 'going on with it';
    this.#store.transaction(() => {
      this.#store.operations.update(resumed);
      this.tellProgress(resumed, RESUME_PHASE, `Carapace was started again: ${what}.`);
      this.tellState(resumed);
    });
    return resumed;
  }

  requestCancel(row: OperationRow): OperationRow {
    if (row.cancel_requested) return row;
    const cancelled = { ...row, cancel_requested: true };
    this.#store.operations.update(cancelled);
    this.tellProgress(cancelled, 'cancel', 'Cancelling.');
    return cancelled;
  }

  recordStep(id: string, step: string): void {
    const row = this.find(id);
    if (row.step !== step) this.#store.operations.update({ ...row, step });
  }

  recordEnd(id: string, outcome: Outcome): void {
    const error = outcome.status === 'failed' ? outcome.error : null;
    const row = { ...this.find(id), status: outcome.status, ended_at: timestamp(), error };
    this.#store.operations.update(row);
    this.#tellEnd(row, outcome.status === 'failed' ? outcome.error.message : outcome.message);
  }

  tellState(row: OperationRow): void {
    const told = { type: 'state', message: row.title, resource: { operation: toOperation(row) } } as const;
    this.#events.append({ ...told, subject: operationSubject(row.id), operation_id: row.id }, null);
  }

  tellProgress(row: OperationRow, phase: string, message: string): void {
    this.#events.append({ type: 'progress', message, subject: row.subject, operation_id: row.id, phase }, null);
  }

  /** The last event of an operation, with the operation as it ended. */
  #tellEnd(row: OperationRow, message: string): void {
    const told = { message, subject: operationSubject(row.id), operation_id: row.id };
    const resource = { operation: toOperation(row) };
    if (row.error === null) this.#events.append({ ...told, type: 'complete', resource }, null);
    else this.#events.append({ ...told, type: 'error', error: row.error, resource }, null);
  }
}

function newRow(
  request: OperationRequest,
  state: Pick<OperationRow, 'status' | 'ended_at' | 'deadline'>,
): OperationRow {
  const { kind, subject, scope, seat = null, title } = request;
  const fresh = { step: null, cancel_requested: false, started_at: timestamp(), error: null };
  return { id: newId('op'), kind, subject, scope, seat, title, ...fresh, ...state };
}
