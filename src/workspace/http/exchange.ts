/** One HTTP request and its answer, in the form that all servers of Carapace use. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { pathOf } from '../../lib/log.ts';
import { requestIdOf } from '../../lib/request-id.ts';
import { CarapaceError, infoFromError, type ErrorBody } from '../../protocol/errors.ts';

/** What a handler gets: the raw target is split, never normalised. */
export interface Exchange {
  readonly id: string;
  readonly method: string;
  /** As the client sent it, percent-encoded. */
  readonly path: string;
  /** As the client sent it, without the question mark; empty where there is none. */
  readonly query: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly log: Logger;
}

/** Answers the request, or throws before it has sent anything. */
export type Handler = (exchange: Exchange) => Promise<void>;

/** After a refusal, how long the rest of the request may take: a client that still sends would miss the answer. */
const REST_MS = 30_000;

const JSON_TYPE = 'application/json; charset=utf-8';

/** Sends a value as JSON; without its body for a HEAD. */
export function sendJson(exchange: Exchange, status: number, value: unknown, headers: OutgoingHttpHeaders = {}): void {
  const body = Buffer.from(JSON.stringify(value));
  exchange.response.writeHead(status, { 'Content-Type': JSON_TYPE, 'Content-Length': body.length, ...headers });
  exchange.response.end(exchange.method === 'HEAD' ? undefined : body);
}

/** Sends an answer without a body. */
export function sendEmpty(exchange: Exchange, status: number, headers: OutgoingHttpHeaders = {}): void {
  const hasNoLength = status === 204 || status === 304;
  exchange.response.writeHead(status, { ...(hasNoLength ? {} : { 'Content-Length': 0 }), ...headers });
  exchange.response.end();
}

/** A refusal with an HTTP status of its own or with headers that belong to it. */
export class RefusedError extends Error {
  readonly refusal: CarapaceError;
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;

  constructor(refusal: CarapaceError, status: number, headers: OutgoingHttpHeaders) {
    super(refusal.message);
    this.refusal = refusal;
    this.status = status;
    this.headers = headers;
  }
}

/** Runs a handler for a request; answers its errors, logs one line without the query. Never rejects. */
export async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  handler: Handler,
  log: Logger,
): Promise<void> {
  const started = performance.now();
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? '' : target.slice(mark + 1);
  const id = requestIdOf(request.headers);
  const method = request.method ?? 'GET';
  const exchange: Exchange = { id, method, path, query, request, response, log: log.child({ request_id: id }) };
  response.setHeader('X-Request-Id', id);
  try {
    await handler(exchange);
  } catch (error) {
    answerError(exchange, error);
  }
  const milliseconds = Math.round((performance.now() - started) * 10) / 10;
  // Health is asked for all the time.
  const level = path === '/health' ? 'debug' : 'info';
  exchange.log[level]({ method, path: pathOf(target), status: response.statusCode, milliseconds }, 'request');
}

function answerError(exchange: Exchange, error: unknown): void {
  const { request, response, log, id } = exchange;
  const told = error instanceof RefusedError ? error.refusal : error;
  if (response.destroyed) return;
  if (!(told instanceof CarapaceError)) log.error({ err: told }, 'request failed');
  if (response.headersSent) {
    // The client has half an answer, which must not look whole.
    response.destroy();
    return;
  }
  const ours = told instanceof CarapaceError ? told : undefined;
  const body: ErrorBody = { error: infoFromError(told, id) };
  const headers = error instanceof RefusedError ? error.headers : {};
  const status = error instanceof RefusedError ? error.status : (ours?.status ?? 500);
  const rest = request.complete ? undefined : takeRest(request, response);
  sendJson(exchange, status, body, headers);
  rest?.();
}

/**
 * Closing a connection on which the client still sends would reset it, and the client would lose the answer: it stays
 * open until all has come. The function that comes back is to be called once the answer is on its way.
 */
function takeRest(request: IncomingMessage, response: ServerResponse): () => void {
  const closes = !response.shouldKeepAlive;
  response.shouldKeepAlive = true;
  return () => {
    const timer = setTimeout(() => request.socket.destroy(), REST_MS);
    request.once('close', () => {
      clearTimeout(timer);
    });
    request.once('end', () => {
      if (closes) request.socket.destroySoon();
    });
    request.resume();
  };
}
