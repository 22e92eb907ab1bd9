/**
 * Runs long work so that a crash loses none of it: an operation is in the store before it begins, each start of the
 * control plane goes on with those that had not ended, and what it told is in the stream of events.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import {
  ConflictError,
  infoFromError,
  InternalError,
  NotRunningError,
  TimedOutError,
  UnavailableError,
} from '../../protocol/errors.ts';
import { currentRequestId, forOperation } from '../../lib/request-id.ts';
import type { OperationRow } from '../store/operations.ts';
import type { Store } from '../store/store.ts';
import { untilAborted } from './abort.ts';
import type { CrashPoint } from './crash-point.ts';
import { supersedes, type OperationContext, type OperationHandler, type OperationHandlers } from './handler.ts';
import type { OperationJournal, OperationRequest, Outcome } from './journal.ts';

/** How long to wait before recording an end again that could not be recorded, as on a full disk. */
const RECORD_AGAIN_MS = 2_000;
/** How long running work may take to notice that the control plane ends. */
const SHUTDOWN_MS = 3_000;

/** Why the signal of an operation was aborted. */
class Cancelled extends Error {}
class ShuttingDown extends Error {}

interface Running {
  readonly scope: string;
  readonly controller: AbortController;
  /** Settles when the operation has ended, and never rejects. */
  done: Promise<void>;
}

export interface EngineOptions {
  readonly store: Store;
  readonly journal: OperationJournal;
  readonly handlers: OperationHandlers;
  readonly crashPoint: CrashPoint;
  readonly log: FastifyBaseLogger;
}

export class OperationEngine {
  readonly #store: Store;
  readonly #journal: OperationJournal;
  readonly #handlers: OperationHandlers;
  readonly #crashPoint: CrashPoint;
  readonly #log: FastifyBaseLogger;
  readonly #running = new Map<string, Running>();
  readonly #closing = new AbortController();

  constructor(options: EngineOptions) {
    this.#store = options.store;
    this.#journal = options.journal;
    this.#handlers = options.handlers;
    this.#crashPoint = options.crashPoint;
    this.#log = options.log;
  }

  /**
   * Records an operation together with what `prepare` writes, and begins it once both are on the disk. A running
   * operation that this one supersedes is cancelled first; deleting what is being deleted answers that operation.
   * @throws ConflictError where another operation of the same scope runs
   */
  begin(request: OperationRequest, prepare: () => void): OperationRow {
    this.#refuseWhenClosing();
    this.#crashPoint('begin', 'before');
    return this.#store.transaction(() => {
      const running = this.#journal.runningOn(request.scope);
      const same = running.find(({ kind }) => kind === 'workshop.delete' && request.kind === 'workshop.delete');
      if (same !== undefined) return same;
      for (const older of running) this.#supersede(request, older);
      const row = this.#journal.begin(request, deadlineOf(this.#handler(request), request.scope));
      prepare();
      this.#store.database.afterCommit(() => {
        this.#crashPoint('begin', 'after');
        this.#launch(row, false);
      });
      return row;
    });
  }

  /** Records an operation that is done by what `change` writes; nothing is recorded where that throws. */
  record(request: OperationRequest, change: () => string): OperationRow {
    this.#refuseWhenClosing();
    return this.#store.transaction(() => this.#journal.recordDone(request, change()));
  }

  /**
   * Asks an operation to stop and take back what it did.
   * @throws NotFoundError; NotRunningError where it has ended; ConflictError where its kind cannot be cancelled
   */
  cancel(id: string): OperationRow {
    return this.#store.transaction(() => {
      const row = this.#journal.find(id);
      if (row.status !== 'running') throw new NotRunningError(`"${row.title}" has ended already.`);
      if (this.#handler(row).undo === undefined) {
        throw new ConflictError(`"${row.title}" cannot be cancelled: half of it would be left. Wait for its end.`);
      }
      return this.#requestCancel(row);
    });
  }

  /** Whether an operation of that scope runs. */
  isBusy(scope: string): boolean {
    return this.#journal.runningOn(scope).length > 0;
  }

  /** Goes on with every operation that an earlier control plane left running, under its own id. */
  resume(): void {
    this.#journal.prune();
    for (const row of this.#journal.running()) {
      if (this.#running.has(row.id)) continue;
      this.#launch(this.#journal.resume(row, deadlineOf(this.#handler(row), row.scope)), true);
    }
  }

  /** Stops working and leaves running operations to the next control plane. */
  async close(): Promise<void> {
    const reason = new ShuttingDown('the control plane ends');
    this.#closing.abort(reason);
    const ended = Promise.allSettled([...this.#running.values()].map(({ done }) => done));
    await untilAborted(ended, AbortSignal.timeout(SHUTDOWN_MS)).catch(() => {
      this.#log.warn('some operations did not pause in time; the next start goes on with them');
    });
  }

  #refuseWhenClosing(): void {
    if (this.#closing.signal.aborted) throw new UnavailableError('The control plane is ending. Try again in a moment.');
  }

  #handler({ kind }: Pick<OperationRow, 'kind'>): OperationHandler {
    if (kind === 'workshop.extend') throw new InternalError('Extending a workshop is no running operation.');
    return this.#handlers[kind];
  }

  #supersede(request: OperationRequest, older: OperationRow): void {
    if (!supersedes(request.kind, older.kind)) {
      const details = { operation_id: older.id };
      throw new ConflictError(`"${older.title}" is still running. Wait for its end, or cancel it.`, details);
    }
    if (this.#handler(older).undo !== undefined) this.#requestCancel(older);
  }

  #requestCancel(row: OperationRow): OperationRow {
    const cancelled = this.#journal.requestCancel(row);
    this.#store.database.afterCommit(() => {
      this.#crashPoint('cancel', 'after');
      this.#running.get(row.id)?.controller.abort(new Cancelled(`"${row.title}" was cancelled`));
    });
    return cancelled;
  }

  #launch(row: OperationRow, resumed: boolean): void {
    const older = [...this.#running.values()].filter(({ scope }) => scope === row.scope);
    const controller = new AbortController();
    const running: Running = { scope: row.scope, controller, done: Promise.resolve() };
    this.#running.set(row.id, running);
    if (resumed && row.cancel_requested) controller.abort(new Cancelled(`"${row.title}" was cancelled`));
    const { id: operation_id, kind } = row;
    this.#log.info(
      { operation_id, kind, request_id: currentRequestId() },
      resumed ? 'operation goes on' : 'operation begun',
    );
    running.done = forOperation(row.id, () => this.#drive(row, controller, older))
      .catch((error: unknown) => {
        this.#log.warn({ err: error, operation_id: row.id }, 'the operation is left to the next start');
      })
      .finally(() => this.#running.delete(row.id));
  }

  async #drive(row: OperationRow, controller: AbortController, older: readonly Running[]): Promise<void> {
    const outcome = await this.#attempt(row, controller, older);
    if (outcome === undefined) return;
    this.#crashPoint('finish', 'before');
    await this.#finish(row, outcome);
    this.#crashPoint('finish', 'after');
  }

  /** Does the work, and takes it back when it was cancelled; undefined where the next control plane goes on with it. */
  async #attempt(
    row: OperationRow,
    controller: AbortController,
    older: readonly Running[],
  ): Promise<Outcome | undefined> {
    const handler = this.#handler(row);
    const deadlineMs = deadlineOf(handler, row.scope);
    try {
      const message = await this.#within(row, controller, deadlineMs, async (context) => {
        await untilAborted(Promise.all(older.map(({ done }) => done)), context.signal);
        return handler.run(context);
      });
      return { status: 'succeeded', message };
    } catch (error) {
      if (error instanceof ShuttingDown) return undefined;
      if (!(error instanceof Cancelled) || handler.undo === undefined) return this.#failure(row, error);
    }
    const undo = handler.undo.bind(handler);
    try {
      const message = await this.#within(row, new AbortController(), deadlineMs, undo);
      return { status: 'cancelled', message };
    } catch (error) {
      return error instanceof ShuttingDown ? undefined : this.#failure(row, error);
    }
  }

  /** Runs `work` under a deadline. @throws the reason of the abort, if there was one, whatever `work` made of it */
  async #within<T>(
    row: OperationRow,
    controller: AbortController,
    deadlineMs: number,
    work: (context: OperationContext) => Promise<T>,
  ): Promise<T> {
    const late = new TimedOutError(`"${row.title}" did not end within ${deadlineMs / 1000} s.`);
    const timer = setTimeout(() => controller.abort(late), deadlineMs);
    const signal = AbortSignal.any([controller.signal, this.#closing.signal]);
    try {
      signal.throwIfAborted();
      return await work(this.#context(row, signal));
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #context(row: OperationRow, signal: AbortSignal): OperationContext {
    return {
      operation: row,
      signal,
      progress: (phase, message) => this.#journal.tellProgress(row, phase, message),
      step: async (name, work) => {
        signal.throwIfAborted();
        this.#journal.recordStep(row.id, name);
        this.#crashPoint(name, 'before');
        const result = await work();
        this.#crashPoint(name, 'after');
        return result;
      },
    };
  }

  #failure(row: OperationRow, error: unknown): Outcome {
    this.#log.warn({ err: error, operation_id: row.id, kind: row.kind }, 'operation failed');
    return { status: 'failed', error: infoFromError(error) };
  }

  /** Records the end. While the store cannot take it the operation goes on running, for its end cannot be seen. */
  async #finish(row: OperationRow, outcome: Outcome): Promise<void> {
    for (;;) {
      try {
        this.#store.transaction(() => {
          const told =
            outcome.status === 'failed'
              ? { ...outcome, error: this.#handler(row).failed(row, outcome.error) }
              : outcome;
          this.#journal.recordEnd(row.id, told);
        });
        return;
      } catch (error) {
        this.#log.error({ err: error, operation_id: row.id }, 'the end of an operation cannot be recorded');
        await sleep(RECORD_AGAIN_MS, undefined, { signal: this.#closing.signal });
      }
    }
  }
}

function deadlineOf({ deadlineMs }: OperationHandler, scope: string): number {
  return typeof deadlineMs === 'number' ? deadlineMs : deadlineMs(scope);
}
