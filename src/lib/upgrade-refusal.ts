/** Tells a client that its terminal does not open: by HTTP, or the way a browser can understand. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { rawErrorAnswer } from './http-errors.ts';
import { requestIdOf } from './request-id.ts';
import { CarapaceError, InvalidInputError } from '../protocol/errors.ts';
import { BEARER_SUBPROTOCOL_PREFIX, CLOSE_CODE } from '../protocol/terminal.ts';

/** How long a client that has been told to close may keep its connection. */
const CLOSE_TIMEOUT_MS = 2_000;

/** The longest reason of a close frame, in bytes (RFC 6455, 5.5.1). */
const MAX_REASON_BYTES = 123;

/** Picks any subprotocol but the one that carries the token: a browser fails when none of its offers is chosen. */
const refusing = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: 65_536,
  handleProtocols: (offered) =>
    [...offered].find((protocol) => !protocol.startsWith(BEARER_SUBPROTOCOL_PREFIX)) ?? false,
});

// In place of the answer of `ws`, which is a page for people.
refusing.on('wsClientError', (_error, socket, request) => {
  const refusal = new InvalidInputError('The request is no valid WebSocket handshake.');
  socket.end(rawErrorAnswer(refusal, requestIdOf(request.headers)), () => socket.destroy());
});

/** Answers with an HTTP status in place of the upgrade, and closes. */
export function refuse(socket: Socket, error: unknown, requestId: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.setTimeout(CLOSE_TIMEOUT_MS, () => socket.destroy());
  socket.end(rawErrorAnswer(error, requestId), () => socket.destroySoon());
}

/** Of terminals only tokens that are not valid are slowed down: a page does best to ask for a new one. */
function closeCode(error: unknown): number | undefined {
  if (!(error instanceof CarapaceError)) return undefined;
  switch (error.code) {
    case 'UNAUTHORIZED':
    case 'FORBIDDEN':
    case 'SLOW_DOWN':
      return CLOSE_CODE.unauthorized;
    case 'NOT_FOUND':
      return CLOSE_CODE.notFound;
    default:
      return undefined;
  }
}

function shorten(reason: string): string {
  return Buffer.from(reason)
    .subarray(0, MAX_REASON_BYTES)
    .toString()
    .replace(/\uFFFD+$/, '');
}

/**
 * For a client whose only way to offer a token is a subprotocol, which is a page in a browser: it cannot see an HTTP
 * status, so it is upgraded and closed with 4001 or 4004. Other errors are HTTP statuses for it, too.
 */
export function refuseBrowser(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  error: unknown,
  id: string,
): void {
  const code = closeCode(error);
  if (code === undefined) {
    refuse(socket, error, id);
    return;
  }
  refusing.handleUpgrade(request, socket, head, (webSocket: WebSocket) => {
    webSocket.on('error', () => webSocket.terminate());
    const timer = setTimeout(() => webSocket.terminate(), CLOSE_TIMEOUT_MS);
    webSocket.once('close', () => clearTimeout(timer));
    webSocket.close(code, shorten(error instanceof Error ? error.message : ''));
  });
}
