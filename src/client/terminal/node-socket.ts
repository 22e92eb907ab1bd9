/** A terminal's WebSocket in Node.js: the token in a header, the certificate pinned, refusals as typed errors. */
import type { IncomingMessage } from 'node:http';
import { WebSocket, type ClientOptions } from 'ws';
import type { Access } from '../../protocol/access.ts';
import { UnavailableError, errorFromAnswer, type CarapaceError } from '../../protocol/errors.ts';
import { authorization, pinnedTls } from '../connection.ts';
import type { Frame } from './dialect.ts';
import { HANDSHAKE_TIMEOUT_MS, MAX_FRAME_BYTES, type SocketHandlers, type TerminalSocket } from './terminal-socket.ts';

const MAX_REFUSAL_BYTES = 64 * 1024;
/** What `ws` says of a server that has selected none of the subprotocols. */
const NO_SUBPROTOCOL = 'Server sent no subprotocol';

/** See `OpenSocket`. @throws InvalidInputError where the access's certificate is none, or goes with plain HTTP */
export function openNodeSocket(
  access: Access,
  path: string,
  subprotocols: readonly string[],
  handlers: SocketHandlers,
): TerminalSocket {
  return new NodeSocket(access, path, subprotocols, handlers);
}

class NodeSocket implements TerminalSocket {
  readonly #socket: WebSocket;
  readonly #handlers: SocketHandlers;
  #error: Error | undefined;

  constructor(access: Access, path: string, subprotocols: readonly string[], handlers: SocketHandlers) {
    this.#handlers = handlers;
    const options = {
      headers: authorization(access.token),
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_FRAME_BYTES,
    } satisfies ClientOptions;
    // With the request itself: VS Code puts an agent of its own in the place of any other, for proxies.
    const pinned = pinnedTls(access.endpoint, access.certificate);
    const url = access.endpoint.replace(/^http/, 'ws').replace(/\/+$/, '') + path;
    this.#socket = new WebSocket(url, [...subprotocols], { ...options, ...pinned });
    this.#listen();
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(frame: Frame): void {
    this.#socket.send(frame);
  }

  ping(): void {
    this.#socket.ping();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    if (this.isOpen) this.#socket.close(1000);
    else this.#socket.terminate();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #listen(): void {
    const handlers = this.#handlers;
    this.#socket.on('open', () => handlers.onOpen());
    this.#socket.on('message', (data: Buffer, isBinary) => handlers.onFrame(isBinary ? data : data.toString('utf8')));
    this.#socket.on('pong', () => handlers.onPong());
    this.#socket.on('unexpected-response', (request, response) => {
      void readRefusal(response).then((error) => {
        handlers.onEnd({ error });
        request.destroy();
      });
    });
    this.#socket.on('error', (error) => (this.#error = error));
    this.#socket.on('close', (code) => {
      if (this.#error === undefined) handlers.onEnd({ code });
      else handlers.onEnd({ error: lost(this.#error), isForeign: this.#error.message === NO_SUBPROTOCOL });
    });
  }
}

function lost(error: Error): UnavailableError {
  const reason = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
  return new UnavailableError(`The seat's terminal cannot be reached (${reason}).`, undefined, { cause: error });
}

/** The typed error of a handshake that was answered with an HTTP status instead. */
async function readRefusal(response: IncomingMessage): Promise<CarapaceError> {
  const status = response.statusCode ?? 0;
  try {
    let text = '';
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk;
      if (text.length > MAX_REFUSAL_BYTES) break;
    }
    return errorFromAnswer(status, JSON.parse(text));
  } catch {
    return errorFromAnswer(status, undefined);
  }
}
