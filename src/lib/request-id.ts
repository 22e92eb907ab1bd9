/**
 * The id by which one request is found in the logs of all processes. It travels in `x-request-id`: each process takes a
 * well-formed one over, logs it, answers it, and sends it on with what it asks of others for that request.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export const REQUEST_ID_HEADER = 'x-request-id';

const WELL_FORMED = /^[A-Za-z0-9._-]{8,64}$/;

/** On whose behalf something is done. An operation's own id stands for the requests that it sends. */
interface Behalf {
  readonly requestId: string;
  readonly operationId?: string;
}

const behalf = new AsyncLocalStorage<Behalf>();

/** The id that a request brought, where it is well-formed, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && WELL_FORMED.test(given) ? given : randomUUID();
}

/** The id of the request or operation for which this is called; undefined outside of any. */
export function currentRequestId(): string | undefined {
  return behalf.getStore()?.requestId;
}

/** The operation for which this is called; undefined outside of any. */
export function currentOperationId(): string | undefined {
  return behalf.getStore()?.operationId;
}

/** Calls `task` on behalf of a request. */
export function forRequest<T>(requestId: string, task: () => T): T {
  return behalf.run({ requestId }, task);
}

/** Calls `task` on behalf of an operation. */
export function forOperation<T>(operationId: string, task: () => T): T {
  return behalf.run({ requestId: operationId, operationId }, task);
}
