/** One WebSocket to a terminal: frames in and out, a heartbeat, and one typed ending. */
import type { IncomingMessage } from 'node:http';
import { Agent } from 'node:https';
import { WebSocket, type ClientOptions } from 'ws';
import type { Access } from '../../protocol/access.ts';
import { UnavailableError, errorFromAnswer, type CarapaceError } from '../../protocol/errors.ts';
import type { ClientControl, ServerControl } from '../../protocol/terminal.ts';
import { authorization, pinCertificate } from '../connection.ts';
import type { Dialect, Received } from './dialect.ts';

/**
 * How a connection ended: with a close code of the other side, with an error of the network or a refusal, or before it
 * began, because the other side knows none of the dialect's subprotocols.
 */
export type Ending = { readonly code: number } | { readonly error: CarapaceError; readonly isForeign?: boolean };

export interface ConnectionHandlers {
  onBytes(bytes: Uint8Array): void;
  onControl(control: ServerControl): void;
  /** Called once, last. */
  onEnd(ending: Ending): void;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
const PING_EVERY_MS = 10_000;
/** Longer than two pings: a connection on which nothing has arrived for so long is dead. */
const SILENCE_MS = 25_000;
/** Frames are at most 64 KiB; control frames with names of viewers are smaller. */
const MAX_FRAME_BYTES = 1024 * 1024;
const MAX_REFUSAL_BYTES = 64 * 1024;
/** What `ws` says of a server that has selected none of the subprotocols. */
const NO_SUBPROTOCOL = 'Server sent no subprotocol';

export class TerminalConnection {
  readonly #socket: WebSocket;
  readonly #handlers: ConnectionHandlers;
  readonly #dialect: Dialect;
  readonly #heartbeat: NodeJS.Timeout;
  #lastHeard = Date.now();
  #paused = false;
  #ended = false;
  #error: Error | undefined;

  /** @param path of the terminal below the access's endpoint, query included */
  constructor(access: Access, path: string, dialect: Dialect, handlers: ConnectionHandlers) {
    this.#handlers = handlers;
    this.#dialect = dialect;
    const options: ClientOptions = {
      headers: authorization(access.token),
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_FRAME_BYTES,
      ...(access.certificate !== undefined && { agent: new Agent(pinCertificate(access.certificate)) }),
    };
    const url = access.endpoint.replace(/^http/, 'ws').replace(/\/+$/, '') + path;
    this.#socket = new WebSocket(url, [...dialect.subprotocols], options);
    this.#listen();
    this.#heartbeat = setInterval(() => this.#beat(), PING_EVERY_MS);
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.send(this.#dialect.input(bytes));
    const told = this.#dialect.inputSent();
    if (told !== undefined) queueMicrotask(() => this.#take(told));
  }

  sendControl(control: ClientControl): void {
    const frame = this.#dialect.control(control);
    if (frame !== undefined) this.#socket.send(frame);
  }

  /** Stops reading, so that the seat's output waits in the seat. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#lastHeard = Date.now();
    this.#socket.resume();
  }

  /** Ends the connection from this side; `onEnd` is not called. */
  close(): void {
    this.#finish();
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(1000);
    else this.#socket.terminate();
  }

  #listen(): void {
    this.#socket.on('open', () => {
      for (const told of this.#dialect.opened()) this.#take(told);
    });
    this.#socket.on('message', (data: Buffer, isBinary) => {
      this.#lastHeard = Date.now();
      const received = this.#dialect.received(data, isBinary);
      if (received !== undefined) this.#take(received);
    });
    this.#socket.on('pong', () => (this.#lastHeard = Date.now()));
    this.#socket.on('unexpected-response', (request, response) => {
      void readRefusal(response).then((error) => {
        this.#end({ error });
        request.destroy();
      });
    });
    this.#socket.on('error', (error) => (this.#error = error));
    this.#socket.on('close', (code) => {
      if (this.#error === undefined) this.#end({ code });
      else this.#end({ error: lost(this.#error), isForeign: this.#error.message === NO_SUBPROTOCOL });
    });
  }

  #take(received: Received): void {
    if (this.#ended) return;
    if (received instanceof Uint8Array) this.#handlers.onBytes(received);
    else this.#handlers.onControl(received);
  }

  #beat(): void {
    if (this.#paused || this.#socket.readyState !== WebSocket.OPEN) return;
    if (Date.now() - this.#lastHeard > SILENCE_MS) {
      this.#end({ error: new UnavailableError('The seat has been silent for too long.') });
      this.#socket.terminate();
      return;
    }
    const ping = this.#dialect.control({ type: 'ping', t: Date.now() });
    // Every WebSocket answers this one.
    if (ping === undefined) this.#socket.ping();
    else this.#socket.send(ping);
  }

  #end(ending: Ending): void {
    if (this.#ended) return;
    this.#finish();
    this.#handlers.onEnd(ending);
  }

  #finish(): void {
    this.#ended = true;
    clearInterval(this.#heartbeat);
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
