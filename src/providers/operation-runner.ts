/** Runs an operation of the control plane under a progress notification with phases and Cancel. */
import type * as vscode from 'vscode';
import type { ControlPlaneClient } from '../client/control-plane.ts';
import { CrashLoopError, MAX_RESTARTS, RestartCount } from '../client/restarts.ts';
import { certificateProblem, UnreachableError } from '../client/unreachable.ts';
import { waitForOperation } from '../client/wait.ts';
import { errorFromInfo, InternalError, NotRunningError, UnavailableError } from '../protocol/errors.ts';
import type { CarapaceEvent } from '../protocol/event.ts';
import type { Operation } from '../protocol/operation.ts';
import { CANCELLED, ok, type Outcome } from './commands/outcome.ts';
import type { ControlPlaneService } from './control-plane-service.ts';
import { abandonable } from './events.ts';
import { problemSentence } from './model/problem.ts';
import { Pause } from './pause.ts';

/** How long a control plane may be out of reach before it is looked for, or started, again, in milliseconds. */
const PATIENCE_MS = 1_000;
/** How long none may be found before giving up, in milliseconds; the operation goes on without a watcher. */
const GIVE_UP_MS = 60_000;
/** From one try to begin to the next, in milliseconds. */
const AGAIN_MS = 250;

/** What has been begun; no operation where there was nothing to wait for. */
interface Begun {
  readonly operation: Operation | null;
}

type Begin<T extends Begun> = (client: ControlPlaneClient, cancelled: AbortSignal) => Promise<T>;

export interface RunOptions {
  /** Whether to begin twice is to begin once: then it is tried again where the control plane died over its answer. */
  readonly isRepeatable?: boolean;
}

export class OperationRunner {
  readonly #vs: Pick<typeof vscode, 'l10n' | 'window' | 'ProgressLocation'>;
  readonly #service: Pick<ControlPlaneService, 'client' | 'current' | 'isByHand'>;
  readonly #log: Pick<vscode.LogOutputChannel, 'info' | 'warn'>;
  readonly #lifetime = new AbortController();

  constructor(
    vs: Pick<typeof vscode, 'l10n' | 'window' | 'ProgressLocation'>,
    service: Pick<ControlPlaneService, 'client' | 'current' | 'isByHand'>,
    log: Pick<vscode.LogOutputChannel, 'info' | 'warn'>,
  ) {
    this.#vs = vs;
    this.#service = service;
    this.#log = log;
  }

  /** Stops watching; the operations go on at the control plane. */
  dispose(): void {
    this.#lifetime.abort();
  }

  /**
   * Begins an operation and waits for its end, however it ends. Cancel before it has begun leaves it out; later it is
   * cancelled at the control plane, and its clean-up waited for. Cancel while it is tried to begin again ends the wait at
   * once; what may have begun all the same is looked for behind it, and cancelled or told of.
   * @throws the typed error of a failed operation, or of one that could not be begun; an AbortError where it was cancelled
   * before it had begun; InternalError where the control plane dies of it each time
   */
  run<T extends Begun>(title: string, begin: Begin<T>, { isRepeatable = false }: RunOptions = {}): Promise<Outcome<T>> {
    const options = { location: this.#vs.ProgressLocation.Notification, title, cancellable: true };
    const beginning = isRepeatable ? this.#persistent(title, begin) : begin;
    return Promise.resolve(
      this.#vs.window.withProgress(options, (progress, token) =>
        this.#run(title, beginning, (message) => progress.report({ message }), token),
      ),
    );
  }

  async #run<T extends Begun>(
    heading: string,
    begin: Begin<T>,
    report: (message: string) => void,
    token: vscode.CancellationToken,
  ): Promise<Outcome<T>> {
    const t = this.#vs.l10n.t;
    const asked = new AbortController();
    const cancelling = token.onCancellationRequested(() => asked.abort());
    try {
      report(t('connecting…'));
      const client = await this.#service.client(AbortSignal.any([asked.signal, this.#lifetime.signal]));
      asked.signal.throwIfAborted();
      const { isByHand } = this.#service;
      const begun = await begin(client, asked.signal);
      if (begun.operation === null) return ok(begun);
      const { id, title } = begun.operation;
      this.#log.info(`${id}: ${title}`);
      const cancel = () => {
        report(t('cancelling…'));
        void this.#cancel(id);
      };
      asked.signal.addEventListener('abort', cancel, { once: true });
      if (asked.signal.aborted) cancel();
      const reporter = this.#reporter(id, report);
      const waiting = isByHand ? this.#waitForPerson(client, id, reporter) : this.#wait(client, id, reporter);
      const ended = await this.#unlessCrashing(heading, waiting);
      this.#log.info(`${id}: ${ended.status}`);
      return outcomeOf(ended, { ...begun, operation: ended });
    } finally {
      cancelling.dispose();
    }
  }

  /** The same, tried again at the control plane that comes after one which cannot be reached any more. */
  #persistent<T extends Begun>(heading: string, begin: Begin<T>): Begin<T> {
    return async (client, cancelled) => {
      try {
        return await begin(client, cancelled);
      } catch (error) {
        if (!mayPass(error)) throw error;
        this.#log.warn(`Not begun yet: ${error.message}`);
      }
      const again = this.#again(begin, cancelled);
      const takeBack = () => void this.#takeBack(heading, again);
      cancelled.addEventListener('abort', takeBack, { once: true });
      if (cancelled.aborted) takeBack();
      try {
        return await abandonable(again, cancelled);
      } finally {
        cancelled.removeEventListener('abort', takeBack);
      }
    };
  }

  async #again<T extends Begun>(begin: Begin<T>, cancelled: AbortSignal): Promise<T> {
    const { signal } = this.#lifetime;
    const pause = new Pause();
    const giveUpAt = performance.now() + GIVE_UP_MS;
    for (;;) {
      await pause.wait(AGAIN_MS, signal);
      signal.throwIfAborted();
      const client = await this.#service.client(signal);
      try {
        return await begin(client, cancelled);
      } catch (error) {
        if (!mayPass(error) || performance.now() > giveUpAt) throw error;
        this.#log.warn(`Not begun yet: ${error.message}`);
      }
    }
  }

  /** An earlier try may have begun what was cancelled, without an answer: it is found by beginning again, and ended. */
  async #takeBack(heading: string, again: Promise<Begun>): Promise<void> {
    const { l10n, window } = this.#vs;
    try {
      const { operation } = await again;
      if (operation === null) throw new NotRunningError('Nothing was left to be done.');
      this.#log.info(`${operation.id}: ${operation.title}: cancelling`);
      const client = await this.#service.client(this.#lifetime.signal);
      await client.cancelOperation(operation.id, this.#lifetime.signal);
    } catch (error) {
      if (this.#lifetime.signal.aborted) return;
      this.#log.warn(`${heading}: not cancelled: ${error instanceof Error ? error.message : String(error)}`);
      const sentence =
        error instanceof NotRunningError
          ? l10n.t('{0}: this had ended already when you cancelled it.', heading)
          : l10n.t('{0}: this may go on although you have cancelled it. {1}', heading, problemSentence(error, l10n.t));
      void window.showWarningMessage(sentence);
    }
  }

  /** Passes each new line on, to the notification and to the log. */
  #reporter(operationId: string, report: (message: string) => void): (event: CarapaceEvent) => void {
    const seen = new Set<string>();
    return (event) => {
      const key = `${event.timestamp} ${event.message}`;
      if (event.type !== 'progress' || seen.has(key)) return;
      seen.add(key);
      report(event.message);
      this.#log.info(`${operationId}: ${event.message}`);
    };
  }

  /** Waits over as many control planes as it takes: one that died is started again, and goes on with the operation. */
  async #wait(
    client: ControlPlaneClient,
    operationId: string,
    onEvent: (event: CarapaceEvent) => void,
  ): Promise<Operation> {
    const { signal } = this.#lifetime;
    const restarts = new RestartCount();
    let lostAt: number | undefined;
    const heard = (event: CarapaceEvent) => {
      lostAt = undefined;
      onEvent(event);
    };
    for (;;) {
      try {
        return await waitForOperation(client, operationId, {
          signal,
          onEvent: heard,
          patienceMs: PATIENCE_MS,
          restarts,
        });
      } catch (error) {
        if (error instanceof CrashLoopError) throw error;
        lostAt ??= performance.now();
        if (!(error instanceof UnavailableError) || performance.now() - lostAt > GIVE_UP_MS) throw error;
        this.#log.warn(`${operationId}: ${error.message}`);
        const next = await this.#service.client(signal);
        if (next !== client) restarts.restarted();
        client = next;
      }
    }
  }

  /** The same where a person had started the one that died: the state folder that another holds would keep it from coming back. */
  #waitForPerson(
    client: ControlPlaneClient,
    operationId: string,
    onEvent: (event: CarapaceEvent) => void,
  ): Promise<Operation> {
    const { signal } = this.#lifetime;
    const renew = () => this.#service.current(signal);
    return waitForOperation(client, operationId, { signal, onEvent, patienceMs: GIVE_UP_MS, renew });
  }

  /** @throws InternalError that says where to look, where the control plane dies of the operation each time */
  async #unlessCrashing(heading: string, waiting: Promise<Operation>): Promise<Operation> {
    try {
      return await waiting;
    } catch (error) {
      if (!(error instanceof CrashLoopError)) throw error;
      const sentence = this.#vs.l10n.t(
        '{0}: this gets no further, so it is not waited for any more. Carapace was started again {1} times, and ended each time. The command "carapace logs" shows why.',
        heading,
        MAX_RESTARTS,
      );
      throw new InternalError(sentence, undefined, { cause: error });
    }
  }

  async #cancel(operationId: string): Promise<void> {
    try {
      const client = await this.#service.client(this.#lifetime.signal);
      await client.cancelOperation(operationId, this.#lifetime.signal);
    } catch (error) {
      this.#log.warn(
        `${operationId} could not be cancelled: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

/** Whether another try may help: no waiting mends a certificate. */
function mayPass(error: unknown): error is UnreachableError {
  return error instanceof UnreachableError && certificateProblem(error.reason) === undefined;
}

function outcomeOf<T>(operation: Operation, value: T): Outcome<T> {
  if (operation.status === 'succeeded') return ok(value);
  if (operation.status === 'cancelled') return CANCELLED;
  throw operation.error === null
    ? new InternalError(`"${operation.title}" failed without saying why.`)
    : errorFromInfo(operation.error);
}
