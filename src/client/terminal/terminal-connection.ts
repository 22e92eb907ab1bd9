/** One WebSocket to a terminal: frames in and out, a heartbeat, and one typed ending. */
import type { IncomingMessage } from 'node:http';
import { Agent } from 'node:https';
import { WebSocket, type ClientOptions } from 'ws';
import type { Access } from '../../protocol/access.ts';
import { UnavailableError, errorFromAnswer, type CarapaceError } from '../../protocol/errors.ts';
import {
  TERMINAL_SUBPROTOCOL,
  parseControl,
  serverControlSchema,
  type ClientControl,
  type ServerControl,
} from '../../protocol/terminal.ts';
import { authorization, pinCertificate } from '../connection.ts';

/** How a connection ended: with a close code of the other side, or with an error of the network or a refusal. */
export type Ending = { readonly code: number } | { readonly error: CarapaceError };

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

export class TerminalConnection {
  readonly #socket: WebSocket;
  readonly #handlers: ConnectionHandlers;
  readonly #heartbeat: NodeJS.Timeout;
  #lastHeard = Date.now();
  #paused = false;
  #ended = false;
  #error: Error | undefined;

  /** @param path of the terminal below the access's endpoint, query included */
  constructor(access: Access, path: string, handlers: ConnectionHandlers) {
    this.#handlers = handlers;
    const options: ClientOptions = {
      headers: authorization(access.token),
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_FRAME_BYTES,
      ...(access.certificate !== undefined && { agent: new Agent(pinCertificate(access.certificate)) }),
    };
    const url = access.endpoint.replace(/^http/, 'ws').replace(/\/+$/, '') + path;
    this.#socket = new WebSocket(url, [TERMINAL_SUBPROTOCOL], options);
    this.#listen();
    this.#heartbeat = setInterval(() => this.#beat(), PING_EVERY_MS);
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes, { binary: true });
  }

  sendControl(control: ClientControl): void {
    this.#socket.send(JSON.stringify(control));
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
    this.#socket.on('message', (data: Buffer, isBinary) => {
      if (this.#ended) return;
      this.#lastHeard = Date.now();
      if (isBinary) {
        this.#handlers.onBytes(data);
        return;
      }
      const control = parseControl(serverControlSchema, data.toString('utf8'));
      if (control !== undefined) this.#handlers.onControl(control);
    });
    this.#socket.on('unexpected-response', (request, response) => {
      void readRefusal(response).then((error) => {
        this.#end({ error });
        request.destroy();
      });
    });
    this.#socket.on('error', (error) => (this.#error = error));
    this.#socket.on('close', (code) => {
      this.#end(this.#error === undefined ? { code } : { error: lost(this.#error) });
    });
  }

  #beat(): void {
    if (this.#paused || this.#socket.readyState !== WebSocket.OPEN) return;
    if (Date.now() - this.#lastHeard > SILENCE_MS) {
      this.#end({ error: new UnavailableError('The seat has been silent for too long.') });
      this.#socket.terminate();
      return;
    }
    this.sendControl({ type: 'ping', t: Date.now() });
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
