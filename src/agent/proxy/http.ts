/** Passes plain requests to a seat's file server, one at a time, streaming both ways. */
import { addAbortListener } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Client, type Dispatcher } from 'undici';
import { bearerToken } from '../../lib/bearer.ts';
import { REQUEST_ID_HEADER } from '../../lib/request-id.ts';
import { InvalidInputError, UnavailableError } from '../../protocol/errors.ts';
import { admit, type Admission, type Gate } from './gate.ts';
import { answerHeaders, requestHeaders } from './headers.ts';

const CONNECT_TIMEOUT_MS = 5_000;

/** How long a client may go on sending what its seat did not want. */
const UNREAD_MS = 10_000;

/** Longer than any command may run (10 min, see `execRequestSchema`). */
const HEADERS_TIMEOUT_MS = 660_000;

/** A seat that is silent in the middle of an answer for this long has stopped. */
const BODY_TIMEOUT_MS = 300_000;

/** The same for a watch, which says something each 15 s: a machine that hangs is not waited for. */
const WATCH_TIMEOUT_MS = 40_000;

/** A connection of its own for each request: one that is kept could be closed by the seat just as it is used again. */
function connectTo({ target, seat }: Admission): Client {
  const timeouts = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    bodyTimeout: target.service === 'watch' ? WATCH_TIMEOUT_MS : BODY_TIMEOUT_MS,
  };
  const address = target.service === 'sessions' ? seat.terminal : seat.files;
  if ('socketPath' in address) return new Client('http://seat', { ...timeouts, socketPath: address.socketPath });
  return new Client(`http://${address.host}:${address.port}`, timeouts);
}

/**
 * The body of a request, or null where it has none. Behind a stream of its own: a seat that answers before it has read
 * everything ends that one, and not the client's connection.
 */
function bodyOf(request: IncomingMessage): Readable | null {
  const { headers } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (!hasBody) return null;
  const body = new PassThrough();
  request.on('error', (error) => body.destroy(error));
  // What the seat does not want is taken and thrown away, so that the client comes to read the answer.
  body.on('error', () => request.resume());
  body.on('close', () => request.resume());
  return request.pipe(body);
}

/** The signal of a client that goes away before it has its answer, or of a seat that is taken from it. */
function broken(response: ServerResponse, seatGone: AbortSignal): AbortSignal {
  const over = new AbortController();
  const following = addAbortListener(seatGone, () => over.abort(seatGone.reason));
  const leave = () => {
    following[Symbol.dispose]();
    if (!response.writableFinished) over.abort();
  };
  response.once('close', leave);
  // It may have gone while its token was checked.
  if (response.destroyed) leave();
  return over.signal;
}

async function ask(
  admission: Admission,
  { raw: request, id }: FastifyRequest,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const client = connectTo(admission);
  try {
    const answer = client.request({
      method: request.method ?? 'GET',
      path: admission.target.path,
      headers: [...requestHeaders(request.rawHeaders, admission.caller), [REQUEST_ID_HEADER, id]].flat(),
      body: bodyOf(request),
      signal,
    });
    // Closed once this one request has its answer.
    client.close().catch(() => undefined);
    return await answer;
  } catch (cause) {
    // Its reason says what became of the seat.
    admission.gone.throwIfAborted();
    const seatId = admission.target.key.seatId;
    throw new UnavailableError(`Seat ${seatId} does not answer. Try again, or reset it.`, undefined, { cause });
  }
}

/**
 * Waits until a request was read to its end, for a while: a connection that is closed before is reset, and the client may
 * lose the answer with it (RFC 9112, 9.6).
 */
async function readToEnd(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  const read = Promise.withResolvers<undefined>();
  const end = (): void => read.resolve(undefined);
  const timer = setTimeout(end, UNREAD_MS);
  request.once('end', end).once('close', end).resume();
  await read.promise;
  clearTimeout(timer);
}

/** A route's handler for every request to the proxy that is not to become a WebSocket. */
export async function proxyRequest(gate: Gate, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { raw } = request;
  const token = bearerToken(raw.headers.authorization);
  const admission = await admit(gate, request.originalUrl, raw.headers.origin, token);
  if (admission.target.service === 'terminal') {
    throw new InvalidInputError('A terminal is a WebSocket: send the request with Upgrade: websocket.');
  }
  const signal = broken(reply.raw, admission.gone);
  const answer = await ask(admission, request, signal);
  // From here on an error can only be told by cutting the answer off.
  reply.hijack();
  try {
    reply.raw.writeHead(answer.statusCode, { ...answerHeaders(answer.headers), 'x-request-id': request.id });
    // Whoever goes away first takes the other with it: half an answer must not look like a whole one.
    await pipeline(answer.body, reply.raw, { signal, end: false });
    await readToEnd(raw);
    reply.raw.end();
  } catch (error) {
    request.log.debug({ err: error }, 'an answer was cut off');
    answer.body.destroy();
    reply.raw.destroy();
  }
  return reply;
}
