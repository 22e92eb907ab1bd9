/** The typed errors for what Fastify and Node refuse by themselves. */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  CarapaceError,
  infoFromError,
  InvalidInputError,
  TimedOutError,
  TooLargeError,
  type ErrorBody,
} from '../protocol/errors.ts';
import { requestIdOf } from './request-id.ts';

function fieldOf(error: unknown, field: 'code' | 'statusCode'): unknown {
  return typeof error === 'object' && error !== null && field in error
    ? (error as Record<typeof field, unknown>)[field]
    : undefined;
}

/** The error to tell the client; undefined where it is a defect of ours. */
export function asCarapaceError(error: unknown): CarapaceError | undefined {
  if (error instanceof CarapaceError) return error;
  const options = { cause: error };
  switch (fieldOf(error, 'code')) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new TooLargeError('The body of the request is too large. Send at most 1 MiB.', undefined, options);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new InvalidInputError('The body of the request must be JSON (Content-Type: application/json).');
  }
  const status = fieldOf(error, 'statusCode');
  const refused = typeof status === 'number' && status >= 400 && status < 500;
  return refused ? new InvalidInputError('The request is not valid.', undefined, options) : undefined;
}

/** An answer written by hand, for where Node has given the socket away or never made a response. */
export function rawErrorAnswer(error: unknown, requestId: string, status?: number): string {
  const code = status ?? (error instanceof CarapaceError ? error.status : 500);
  const body: ErrorBody = { error: infoFromError(error, requestId) };
  const text = JSON.stringify(body);
  const retryAfter = error instanceof CarapaceError ? error.details?.['retry_after_seconds'] : undefined;
  return [
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'Error'}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    `X-Request-Id: ${requestId}`,
    ...(code === 401 ? ['WWW-Authenticate: Bearer'] : []),
    ...(typeof retryAfter === 'number' ? [`Retry-After: ${Math.ceil(retryAfter)}`] : []),
    'Connection: close',
    '',
    text,
  ].join('\r\n');
}

/** How long a client may take to read that its request was broken. */
const CLOSE_MS = 2_000;

/** A TLS handshake that failed or took too long: nothing can be said there, and what is written is kept for ever. */
function isHandshakeError(code: unknown): boolean {
  return typeof code === 'string' && /^ERR_(SSL|TLS)_/.test(code);
}

/** Answers what is not HTTP, has headers that are too large (431), or came too slowly (408); nothing of it is logged. */
export function answerBrokenRequest(error: Error, socket: Duplex): void {
  const code = fieldOf(error, 'code');
  if (code === 'ECONNRESET' || isHandshakeError(code) || !socket.writable) {
    socket.destroy();
    return;
  }
  const answers: Record<string, [CarapaceError, number]> = {
    ERR_HTTP_REQUEST_TIMEOUT: [new TimedOutError('The request took too long to arrive.'), 408],
    HPE_HEADER_OVERFLOW: [new TooLargeError('The headers of the request are too large.'), 431],
  };
  const notHttp: [CarapaceError, number] = [new InvalidInputError('The request is not valid HTTP.'), 400];
  const [answer, status] = answers[String(code)] ?? notHttp;
  const timer = setTimeout(() => socket.destroy(), CLOSE_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.end(rawErrorAnswer(answer, randomUUID(), status), () => socket.destroy());
}

/** Refuses in our form what Node by itself refuses without a word; its options need `requireHostHeader: false`. */
export function refuseTyped(server: Server): void {
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const error = new InvalidInputError('The request expects what this server does not do. Leave Expect out.');
    answerByHand(request, response, error, 417);
  });
}

/** Answers a request without a Host (RFC 9112, 3.2); false where it has one. */
export function refuseWithoutHost(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.headers.host !== undefined || request.httpVersion === '1.0') return false;
  answerByHand(request, response, new InvalidInputError('The request is not valid HTTP: it has no Host.'), 400);
  return true;
}

function answerByHand(
  { headers }: IncomingMessage,
  response: ServerResponse,
  error: CarapaceError,
  status: number,
): void {
  const id = requestIdOf(headers);
  const text = JSON.stringify({ error: infoFromError(error, id) } satisfies ErrorBody);
  const type = 'application/json; charset=utf-8';
  response
    .writeHead(status, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(text),
      'X-Request-Id': id,
      Connection: 'close',
    })
    .end(text);
}
