/** One WebSocket to a terminal: frames in and out, a heartbeat, and one typed ending. */
import type { Access } from '../../protocol/access.ts';
import { UnavailableError } from '../../protocol/errors.ts';
import type { ClientControl, ServerControl } from '../../protocol/terminal.ts';
import type { Dialect, Received } from './dialect.ts';
import type { Ending, OpenSocket, TerminalSocket } from './terminal-socket.ts';

export interface ConnectionHandlers {
  onBytes(bytes: Uint8Array): void;
  onControl(control: ServerControl): void;
  /** Called once, last. */
  onEnd(ending: Ending): void;
}

const PING_EVERY_MS = 10_000;
/**
 * A connection on which nothing has come for so long after a ping is dead. It is the ping that counts, and not the last
 * byte: timers of a machine that slept, or of a page in the background, come late.
 */
const SILENCE_MS = 15_000;

export class TerminalConnection {
  readonly #socket: TerminalSocket;
  readonly #handlers: ConnectionHandlers;
  readonly #dialect: Dialect;
  readonly #heartbeat: ReturnType<typeof setInterval>;
  /** When the first ping was sent that nothing has followed. */
  #unanswered: number | undefined;
  #paused = false;
  #ended = false;

  /** @param path of the terminal below the access's endpoint, query included */
  constructor(openSocket: OpenSocket, access: Access, path: string, dialect: Dialect, handlers: ConnectionHandlers) {
    this.#handlers = handlers;
    this.#dialect = dialect;
    this.#socket = openSocket(access, path, dialect.subprotocols, {
      onOpen: () => {
        for (const told of dialect.opened()) this.#take(told);
      },
      onFrame: (frame) => {
        this.#unanswered = undefined;
        const received = dialect.received(frame);
        if (received !== undefined) this.#take(received);
      },
      onPong: () => (this.#unanswered = undefined),
      onEnd: (ending) => this.#end(ending),
    });
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
    this.#socket.pause?.();
  }

  resume(): void {
    this.#paused = false;
    this.#unanswered = undefined;
    this.#socket.resume?.();
  }

  /** Ends the connection from this side; `onEnd` is not called. */
  close(): void {
    this.#finish();
    this.#socket.close();
  }

  #take(received: Received): void {
    if (this.#ended) return;
    if (received instanceof Uint8Array) this.#handlers.onBytes(received);
    else this.#handlers.onControl(received);
  }

  #beat(): void {
    if (this.#paused || !this.#socket.isOpen) return;
    // Not by the time of day, which may be set meanwhile.
    const now = performance.now();
    if (this.#unanswered !== undefined && now - this.#unanswered > SILENCE_MS) {
      this.#end({ error: new UnavailableError('The seat has been silent for too long.') });
      this.#socket.terminate();
      return;
    }
    this.#unanswered ??= now;
    const ping = this.#dialect.control({ type: 'ping', t: Date.now() });
    // Every WebSocket answers the other one.
    if (ping === undefined) this.#socket.ping?.();
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
