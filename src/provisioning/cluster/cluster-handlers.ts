/** What the engine runs for each kind of operation on the cluster: the work, its deadline, its undoing and its failure. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { TimedOutError, type ErrorInfo } from '../../protocol/errors.ts';
import { timestamp } from '../clock.ts';
import { within } from '../operations/abort.ts';
import type { ClusterKind, OperationContext, OperationHandler, OperationHandlers } from '../operations/handler.ts';
import type { Timing } from '../settings.ts';
import type { ClusterRow } from '../store/cluster.ts';
import type { OperationRow } from '../store/operations.ts';
import type { ClusterRecords } from './cluster-records.ts';
import type { ClusterWork, Work } from './cluster-work.ts';
import { countCost } from './cost.ts';
import { whatIsLeft } from './failure.ts';
import type { Observer } from './observer.ts';
import type { Requests } from './requests.ts';
import type { SkyAccess } from './sky-access.ts';
import type { Sky, SkyRecord, SkyVerb } from './sky/sky.ts';
import type { ClusterVerb } from './state-machine.ts';

/** Beyond the time for the work and for what is left of it, for an operation that does not notice its deadline. */
const MARGIN_MS = 30_000;

export interface ClusterHandlerOptions {
  readonly records: ClusterRecords;
  readonly access: SkyAccess;
  readonly observer: Observer;
  readonly requests: Requests;
  readonly work: ClusterWork;
  readonly timing: Timing;
  readonly log: FastifyBaseLogger;
}

/** How one kind of operation differs from the others. */
interface Kind {
  readonly verb: ClusterVerb;
  readonly what: string;
  readonly deadlineMs: number;
  /** The requests that it sends, to be ended at its deadline and by cancelling. */
  readonly sends: readonly SkyVerb[];
  readonly run: (work: Work) => Promise<string>;
  /** Writes what cancelling has left; answers the line that says so. Without it there is no cancel. */
  readonly undo?: (context: OperationContext, record: SkyRecord | undefined) => string;
}

export function clusterHandlers(options: ClusterHandlerOptions): Pick<OperationHandlers, ClusterKind> {
  const { timing, work } = options;
  const handlers = new Handlers(options);
  return {
    'cluster.launch': handlers.of({
      verb: 'launch',
      what: 'The launch',
      deadlineMs: timing.launchMs,
      sends: ['launch', 'start'],
      run: (given) => work.launch(given),
      undo: (context, record) => work.launchUndone(context, record),
    }),
    'cluster.start': handlers.of({
      verb: 'start',
      what: 'The start',
      deadlineMs: timing.clusterStartMs,
      sends: ['start', 'launch'],
      run: (given) => work.start(given),
      undo: (context, record) => work.startUndone(context, record),
    }),
    'cluster.stop': handlers.of({
      verb: 'stop',
      what: 'Stopping',
      deadlineMs: timing.clusterStopMs,
      sends: ['stop'],
      run: (given) => work.stop(given),
    }),
    'cluster.destroy': handlers.of({
      verb: 'destroy',
      what: 'Destroying',
      deadlineMs: timing.destroyMs,
      sends: ['down'],
      run: (given) => work.destroy(given),
    }),
    'cluster.sync': handlers.of({
      verb: 'sync',
      what: 'The sync',
      deadlineMs: timing.syncMs,
      sends: ['launch'],
      run: (given) => work.sync(given),
      undo: (context, record) => work.syncUndone(context, record),
    }),
  };
}

class Handlers {
  readonly #options: ClusterHandlerOptions;

  constructor(options: ClusterHandlerOptions) {
    this.#options = options;
  }

  of(kind: Kind): OperationHandler {
    const { undo } = kind;
    const handler = {
      deadlineMs: kind.deadlineMs + this.#options.timing.clusterCleanupMs + MARGIN_MS,
      run: (context: OperationContext) => this.#run(kind, context),
      failed: (operation: OperationRow, error: ErrorInfo) => this.#failed(kind, operation, error),
    };
    return undo === undefined ? handler : { ...handler, undo: (context) => this.#undo(kind, undo, context) };
  }

  async #run(kind: Kind, context: OperationContext): Promise<string> {
    const late = new TimedOutError(`${kind.what} did not end within ${kind.deadlineMs / 1000} s.`);
    let sky: Sky | undefined;
    try {
      return await within(kind.deadlineMs, late.message, context.signal, async (signal) => {
        sky = await this.#find(signal);
        return kind.run({ context, sky, signal });
      });
    } catch (error) {
      context.signal.throwIfAborted();
      const isLate = error instanceof TimedOutError && error.message === late.message;
      if (sky !== undefined) await this.#lookAfterFailure(kind, context, sky, isLate);
      throw error;
    }
  }

  /** Ends what still runs and has the row tell what is left; the failure is told whether that succeeds or not. */
  async #lookAfterFailure(kind: Kind, context: OperationContext, sky: Sky, isLate: boolean): Promise<void> {
    const { timing, requests, records, log } = this.#options;
    const unseen = 'It was not seen in time what is left.';
    try {
      await within(timing.clusterCleanupMs, unseen, context.signal, async (signal) => {
        if (isLate) {
          context.progress('sky', 'It took too long: ending it and looking at what is left.');
          await requests.cancel(sky, kind.sends, signal);
        }
        await this.#lookAtRest(sky, signal, isLate);
      });
    } catch (error) {
      context.signal.throwIfAborted();
      log.warn({ err: error }, 'it is not known what a failed operation has left');
      const row = records.row();
      if (row.request_id !== null || kind.verb === 'launch') {
        records.put({ ...countCost(row, timestamp()), billed: 'unknown' });
      }
    }
  }

  /**
   * What is left. After a request was ended in the middle the cloud is given a moment: asked too soon, it does not know a
   * machine yet that it is about to make, and SkyPilot would forget it.
   */
  async #lookAtRest(sky: Sky, signal: AbortSignal, wasEnded: boolean): Promise<SkyRecord | undefined> {
    const { observer, timing } = this.#options;
    if (wasEnded) {
      const record = await observer.observe(sky, false, signal);
      if (record === undefined) return undefined;
      await sleep(timing.clusterSettleMs, undefined, { signal });
    }
    return observer.observe(sky, true, signal);
  }

  async #undo(kind: Kind, undo: NonNullable<Kind['undo']>, context: OperationContext): Promise<string> {
    const { requests } = this.#options;
    const { signal } = context;
    const sky = await this.#find(signal);
    const wasEnded = await context.step(`cluster.${kind.verb}.cancel`, () => requests.cancel(sky, kind.sends, signal));
    context.progress('cancel', 'Looking at what is left.');
    return undo(context, await this.#lookAtRest(sky, signal, wasEnded));
  }

  /** Records a failure. Where SkyPilot was asked for nothing, or does nothing by halves, the server is as it was. */
  #failed(kind: Kind, operation: OperationRow, error: ErrorInfo): ErrorInfo {
    const { records, observer } = this.#options;
    observer.settle(operation.id);
    observer.poke();
    const row = records.find();
    if (row === undefined) return error;
    const isHarmless =
      kind.verb === 'sync' ||
      error.details?.['sky'] === 'NotSupportedError' ||
      (row.request_id === null && kind.verb !== 'launch');
    const before = isHarmless ? statusFrom(row) : undefined;
    if (before !== undefined) {
      records.put({ ...row, status: before, error: null, note: error.message, asked: null });
      return error;
    }
    const message = `${error.message} ${whatIsLeft(row)}`;
    const told = { ...error, message, details: { ...error.details, verb: kind.verb } };
    records.put({ ...row, status: 'error', error: told, note: null, asked: null });
    return told;
  }

  #find(signal: AbortSignal): Promise<Sky> {
    return this.#options.access.find(this.#options.records.row().config.sky_path, signal);
  }
}

/** The state of a server on which nothing was done, as far as the row tells; the next observation corrects it. */
function statusFrom({ billed }: ClusterRow): ClusterRow['status'] | undefined {
  return ({ machine: 'running', disk: 'stopped', nothing: undefined, unknown: undefined } as const)[billed];
}
