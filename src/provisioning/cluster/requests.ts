/**
 * One request to SkyPilot within an operation: asked once, followed to its end, found again after a crash of ours or a
 * restart of SkyPilot's server, and confirmed by the state that the cloud tells, for SkyPilot's own success says little.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError, UnavailableError } from '../../protocol/errors.ts';
import type { OperationContext } from '../operations/handler.ts';
import type { Store } from '../store/store.ts';
import type { ClusterRecords } from './cluster-records.ts';
import type { Observer } from './observer.ts';
import { readablePhase } from './progress.ts';
import type { RawLog } from './raw-log.ts';
import { errorFromSky } from './sky/errors.ts';
import type { Sky, SkyOutcome, SkyRecord, SkyVerb } from './sky/sky.ts';

/** How long SkyPilot may take to accept a request: its command starts in seconds, its server perhaps first. */
const SUBMIT_MS = 180_000;
const CANCEL_POLL_MS = 300;
const CANCEL_MS = 30_000;
const MAX_TOLD = 1_000;

export interface RequestsOptions {
  readonly store: Store;
  readonly records: ClusterRecords;
  readonly observer: Observer;
  readonly rawLog: RawLog;
  /** Aborted when the control plane ends. */
  readonly closing: AbortSignal;
}

export interface Ask {
  /** The steps are `<stage>.submit`, `<stage>.wait` and `<stage>.confirm`. */
  readonly stage: string;
  readonly verb: SkyVerb;
  /** Such as `The launch`. */
  readonly what: string;
  /** Answers the request's id. */
  submit(signal: AbortSignal): Promise<string>;
  /** Whether the server is as it is meant to be afterwards. */
  isDone(record: SkyRecord | undefined): boolean;
  /** Whether that alone tells that the request came to its end; a launch also mounts files and sets up. */
  readonly tellsAll: boolean;
}

export class Requests {
  readonly #options: RequestsOptions;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /** @param signal the operation's, with its deadline @throws the typed error of what failed */
  async run(context: OperationContext, sky: Sky, ask: Ask, signal: AbortSignal): Promise<SkyRecord | undefined> {
    const { observer } = this.#options;
    let outcome = await this.#once(context, sky, ask, signal);
    let seen: { readonly record: SkyRecord | undefined } | undefined;
    if (outcome.kind === 'lost') {
      context.progress(
        'sky',
        'SkyPilot’s server was started again and lost the request: looking at what became of it.',
      );
      seen = { record: await observer.observe(sky, true, signal) };
      if (!ask.tellsAll || !ask.isDone(seen.record)) {
        context.progress('sky', 'It was not done: asking once more.');
        this.#options.records.change({ request_id: null });
        outcome = await this.#once(context, sky, ask, signal);
        seen = undefined;
      }
    }
    return context.step(`${ask.stage}.confirm`, async () => {
      const now = seen === undefined ? await observer.observe(sky, true, signal) : seen.record;
      if (ask.isDone(now) && (outcome.kind === 'succeeded' || ask.tellsAll)) return now;
      throw whyNot(ask, outcome, now);
    });
  }

  /** Ends every request of such a kind that works on the cluster. Never throws for what is unknown to SkyPilot. */
  async cancel(sky: Sky, verbs: readonly SkyVerb[], signal: AbortSignal): Promise<boolean> {
    const { records } = this.#options;
    const { name, request_id } = records.row();
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(CANCEL_MS)]);
    if (request_id !== null) await sky.cancel(request_id, inTime);
    let found = request_id !== null;
    for (;;) {
      const active = (await sky.activeRequests(name, inTime)).filter(({ verb }) => verbs.includes(verb));
      if (active.length === 0) return found;
      found = true;
      for (const { id } of active) await sky.cancel(id, inTime);
      await sleep(CANCEL_POLL_MS, undefined, { signal: inTime });
    }
  }

  async #once(context: OperationContext, sky: Sky, ask: Ask, signal: AbortSignal): Promise<SkyOutcome> {
    const id = await context.step(`${ask.stage}.submit`, () => this.#submit(context, sky, ask, signal));
    return context.step(`${ask.stage}.wait`, () => this.#follow(context, sky, ask, id, signal));
  }

  /** The id of the request: the known one, one that was sent before a crash, or a new one. */
  async #submit(context: OperationContext, sky: Sky, ask: Ask, signal: AbortSignal): Promise<string> {
    const { records, closing } = this.#options;
    const { name, request_id } = records.row();
    if (request_id !== null) return request_id;
    const wasBegun = context.operation.step?.startsWith(ask.stage) ?? false;
    const sent = wasBegun ? (await sky.activeRequests(name, signal)).find(({ verb }) => verb === ask.verb) : undefined;
    // A request that is being sent is waited for even by cancelling: only what has an id can be ended.
    const inTime = AbortSignal.any([closing, AbortSignal.timeout(SUBMIT_MS)]);
    signal.throwIfAborted();
    const id = sent?.id ?? (await ask.submit(inTime));
    records.change({ request_id: id });
    signal.throwIfAborted();
    return id;
  }

  async #follow(context: OperationContext, sky: Sky, ask: Ask, id: string, signal: AbortSignal): Promise<SkyOutcome> {
    const { rawLog } = this.#options;
    const file = await rawLog.open(context.operation.id, ask.stage.split('.').at(-1) ?? 'sky');
    const told = this.#told(context.operation.id);
    try {
      return await sky.follow(
        id,
        ({ text, phase }) => {
          file.write(text);
          if (phase === undefined) return;
          const line = readablePhase(phase);
          if (told.has(line.message)) return;
          told.add(line.message);
          context.progress(line.phase, line.message);
        },
        signal,
      );
    } finally {
      await file.close();
    }
  }

  /** The lines that were told before a crash: the stream begins anew after it. */
  #told(operationId: string): Set<string> {
    const events = this.#options.store.events.after(0, MAX_TOLD, { operationId });
    return new Set(events.map(({ event }) => event.message));
  }
}

function whyNot(ask: Ask, outcome: SkyOutcome, record: SkyRecord | undefined): Error {
  const is = record === undefined ? 'SkyPilot has no record of it' : `SkyPilot says ${record.status}`;
  switch (outcome.kind) {
    case 'failed':
      return errorFromSky(outcome.type, outcome.message);
    case 'cancelled':
      return new ConflictError(`${ask.what} was cancelled in SkyPilot, not by Carapace.`);
    case 'lost':
      return new UnavailableError(`${ask.what} was lost twice by SkyPilot’s server, and ${is}. Try again.`);
    case 'succeeded':
      return new UnavailableError(`SkyPilot reported success, but the server is not as it should be: ${is}.`);
  }
}
