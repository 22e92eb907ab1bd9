/** A terminal's WebSocket in a browser: the token among the subprotocols, refusals as close codes. */
import type { Frame } from '../client/terminal/dialect.ts';
import { HANDSHAKE_TIMEOUT_MS, type SocketHandlers, type TerminalSocket } from '../client/terminal/terminal-socket.ts';
import type { Access } from '../protocol/access.ts';
import { UnavailableError } from '../protocol/errors.ts';
import { BEARER_SUBPROTOCOL_PREFIX } from '../protocol/terminal.ts';
import { t } from './language.ts';

/** See `OpenSocket`. The token is never part of an address: those are logged. */
export function openBrowserSocket(
  { endpoint, token }: Access,
  path: string,
  subprotocols: readonly string[],
  handlers: SocketHandlers,
): TerminalSocket {
  const address = endpoint.replace(/^http/, 'ws').replace(/\/+$/, '') + path;
  const socket = new WebSocket(address, [...subprotocols, BEARER_SUBPROTOCOL_PREFIX + token]);
  socket.binaryType = 'arraybuffer';
  const timer = setTimeout(() => {
    handlers.onEnd({ error: new UnavailableError(t("The seat's terminal did not answer in time.")) });
    socket.close();
  }, HANDSHAKE_TIMEOUT_MS);
  socket.addEventListener('open', () => {
    clearTimeout(timer);
    handlers.onOpen();
  });
  socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer | string>) =>
    handlers.onFrame(typeof data === 'string' ? data : new Uint8Array(data)),
  );
  // Of an error a browser tells nothing but that there was one; a close always follows.
  socket.addEventListener('close', ({ code }) => {
    clearTimeout(timer);
    handlers.onEnd({ code });
  });
  return new BrowserSocket(socket);
}

class BrowserSocket implements TerminalSocket {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(frame: Frame): void {
    // What a page sends is never in memory that is shared between threads.
    this.#socket.send(frame as Uint8Array<ArrayBuffer> | string);
  }

  close(): void {
    this.#socket.close(1000);
  }

  terminate(): void {
    this.#socket.close();
  }
}
