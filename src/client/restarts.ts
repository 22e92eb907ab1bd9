/** Tells an operation that a restart of the control plane mends from one that the control plane dies of each time. */
import { InternalError } from '../protocol/errors.ts';
import { RESUME_PHASE, type NumberedEvent } from '../protocol/event.ts';

/** Restarts without anything new from the operation, after which the next end of the control plane is the last. */
export const MAX_RESTARTS = 3;

/** An operation ends its control plane whenever it is gone on with: to start that once more would help nobody. */
export class CrashLoopError extends InternalError {
  constructor(options?: ErrorOptions) {
    const message = `The operation gets no further: the control plane was started again ${MAX_RESTARTS} times, and ended each time. Its log says why.`;
    super(message, undefined, options);
  }
}

/** Counts the restarts of the control plane within one wait for one operation, over all its connections. */
export class RestartCount {
  readonly #lines = new Set<string>();
  #lastId = -1;
  #isLost = false;
  #isRestarted = false;
  #restarts = 0;

  /** Takes an event of the operation; each connection may tell them all from the start. A line that is new is headway. */
  heard({ id, event }: NumberedEvent): void {
    if (id <= this.#lastId || event.type !== 'progress') return;
    this.#lastId = id;
    const line = `${event.phase ?? ''}\n${event.message}`;
    // What the first connection tells of restarts was before this wait.
    if (event.phase === RESUME_PHASE) this.#isRestarted = this.#isLost;
    else if (!this.#lines.has(line)) this.#moved(line);
  }

  /** Another control plane has taken the place of the one that was lost, even if it has told nothing yet. */
  restarted(): void {
    this.#isRestarted = true;
  }

  /** The control plane cannot be reached; may be told more than once of one loss. @throws CrashLoopError */
  lost(cause: unknown): void {
    this.#isLost = true;
    if (this.#isRestarted) this.#restarts += 1;
    this.#isRestarted = false;
    if (this.#restarts >= MAX_RESTARTS) throw new CrashLoopError({ cause });
  }

  #moved(line: string): void {
    this.#lines.add(line);
    this.#restarts = 0;
    this.#isRestarted = false;
  }
}
