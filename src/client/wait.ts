/** Waiting for long work, over as many connections as it takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TimedOutError, UnavailableError } from '../protocol/errors.ts';
import type { CarapaceEvent, NumberedEvent } from '../protocol/event.ts';
import type { Operation } from '../protocol/operation.ts';
import { backoffMs } from './backoff.ts';
import type { ControlPlaneClient } from './control-plane.ts';

export interface WaitOptions {
  readonly signal: AbortSignal;
  /** Called once for each event of the operation, in order. */
  readonly onEvent?: (event: CarapaceEvent) => void;
  /** How long the control plane may be out of reach before giving up, in milliseconds. */
  readonly patienceMs?: number;
  /** Answers the control plane that takes the place of one out of reach; absent: the same one is asked again. */
  readonly renew?: () => Promise<Operations>;
}

export type Operations = Pick<ControlPlaneClient, 'operationEvents' | 'getOperation'>;

const PATIENCE_MS = 60_000;

/**
 * Waits until an operation has ended, however it ended, and answers it.
 * @throws the signal's reason; NotFoundError; UnavailableError when the control plane stays out of reach
 */
export async function waitForOperation(
  first: Operations,
  operationId: string,
  options: WaitOptions,
): Promise<Operation> {
  const seen = newestOnly(options.onEvent);
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  let client = first;
  let lostAt: number | undefined;
  for (let attempt = 0; ; attempt += 1) {
    try {
      for await (const event of client.operationEvents(operationId, { signal: options.signal })) {
        attempt = 0;
        lostAt = undefined;
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
      client = (await renewed(options.renew)) ?? client;
    }
    await sleep(backoffMs(attempt, Math.random()), undefined, { signal: options.signal });
  }
}

/** Undefined where there is none now: the next try asks anew. */
async function renewed(renew: WaitOptions['renew']): Promise<Operations | undefined> {
  try {
    return await renew?.();
  } catch (error) {
    if (error instanceof UnavailableError || error instanceof TimedOutError) return undefined;
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
