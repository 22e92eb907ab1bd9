/** Waiting for long work, over as many connections as it takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TimedOutError, UnavailableError } from '../protocol/errors.ts';
import type { CarapaceEvent, NumberedEvent } from '../protocol/event.ts';
import type { Operation } from '../protocol/operation.ts';
import { backoffMs } from './backoff.ts';
import type { ControlPlaneClient } from './control-plane.ts';
import { EndedAtStartError } from './daemon.ts';
import { RestartCount } from './restarts.ts';

export interface WaitOptions {
  readonly signal: AbortSignal;
  /** Called once for each event of the operation, in order. */
  readonly onEvent?: (event: CarapaceEvent) => void;
  /** How long the control plane may be out of reach before giving up, in milliseconds. */
  readonly patienceMs?: number;
  /** Answers the control plane that takes the place of one out of reach, or the same client; absent: that is asked again. */
  readonly renew?: () => Promise<Operations>;
  /** Of a wait that takes several calls. */
  readonly restarts?: RestartCount;
}

export type Operations = Pick<ControlPlaneClient, 'operationEvents' | 'getOperation'>;

const PATIENCE_MS = 60_000;

/**
 * Waits until an operation has ended, however it ended, and answers it.
 * @throws the signal's reason; NotFoundError; UnavailableError when the control plane stays out of reach; CrashLoopError
 * when it dies of the operation each time that it goes on with it
 */
export async function waitForOperation(
  first: Operations,
  operationId: string,
  options: WaitOptions,
): Promise<Operation> {
  const seen = newestOnly(options.onEvent);
  const restarts = options.restarts ?? new RestartCount();
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  let client = first;
  let lostAt: number | undefined;
  for (let attempt = 0; ; attempt += 1) {
    try {
      for await (const event of client.operationEvents(operationId, { signal: options.signal })) {
        attempt = 0;
        lostAt = undefined;
        restarts.heard(event);
        seen(event);
      }
      const operation = await client.getOperation(operationId, options.signal);
      if (operation.status !== 'running') return operation;
      lostAt = undefined;
    } catch (error) {
      options.signal.throwIfAborted();
      // Not by the time of day, which may be set meanwhile.
      lostAt ??= performance.now();
      if (!(error instanceof UnavailableError) || performance.now() - lostAt > patienceMs) throw error;
      restarts.lost(error);
      const renewed = await renewal(options.renew, client);
      client = renewed.client;
      if (renewed.isAnother) {
        // It was within reach, and has its own time.
        lostAt = undefined;
        restarts.restarted();
      }
    }
    await sleep(backoffMs(attempt, Math.random()), undefined, { signal: options.signal });
  }
}

/** Whom to ask next, and whether that is another control plane, or there was another one that has ended at its start. */
async function renewal(
  renew: WaitOptions['renew'],
  client: Operations,
): Promise<{ client: Operations; isAnother: boolean }> {
  try {
    const next = (await renew?.()) ?? client;
    return { client: next, isAnother: next !== client };
  } catch (error) {
    // There is none now: the next try asks anew.
    if (error instanceof UnavailableError || error instanceof TimedOutError) {
      return { client, isAnother: error instanceof EndedAtStartError };
    }
    throw error;
  }
}

/** Passes on events that have not been passed on before: each connection tells them all from the start. */
function newestOnly(onEvent: WaitOptions['onEvent']): (numbered: NumberedEvent) => void {
  let last = -1;
  return ({ id, event }) => {
    if (id <= last) return;
    last = id;
    onEvent?.(event);
  };
}
