/**
 * A client of QEMU's monitor (QMP): lines of JSON over a Unix socket. QEMU speaks with one client at a time and lets the
 * next ones wait, so a connection is made for one purpose and closed.
 */
import { connect, type Socket } from 'node:net';
import type * as z from 'zod/mini';
import { TimedOutError, UnavailableError } from '../../../protocol/errors.ts';
import { greetingSchema, nothingSchema, readMessage, type QmpEvent, type QmpMessage } from './qmp-messages.ts';

/** A line longer than this is no answer that anybody asked for: the console in JSON takes up to 400 KB. */
const LONGEST_LINE = 1024 ** 2;

/** How long a command may take where nothing else is said; QEMU is on this machine, but that may be busy. */
const COMMAND_MS = 10_000;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export interface QmpOptions {
  readonly signal: AbortSignal;
  /** For the greeting, and for each command; default 10 s. */
  readonly deadlineMs?: number;
}

export class QmpClient {
  /** Called with what QEMU tells by itself. */
  onEvent: (event: QmpEvent) => void = () => undefined;
  readonly #socket: Socket;
  readonly #options: QmpOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closed = Promise.withResolvers<undefined>();
  #greeting: Waiting | undefined;
  #failure: Error | undefined;
  #text = '';
  #lastId = 0;

  private constructor(socket: Socket, options: QmpOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#read(text));
    socket.on('error', (cause) => this.#fail(new UnavailableError('The connection to QEMU broke.', {}, { cause })));
    socket.on('close', () => {
      this.#fail(new UnavailableError('QEMU has closed the connection to its monitor.'));
      this.#closed.resolve(undefined);
    });
  }

  /**
   * Connects and waits until QEMU takes commands.
   * @throws UnavailableError where nobody listens or what answers is no monitor, TimedOutError, the signal's reason
   */
  static async connect(path: string, options: QmpOptions): Promise<QmpClient> {
    options.signal.throwIfAborted();
    const client = new QmpClient(connect(path), options);
    try {
      await client.#within('its greeting', (waiting) => {
        client.#greeting = waiting;
      });
      await client.execute('qmp_capabilities', nothingSchema);
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** @throws UnavailableError with QEMU's reason, TimedOutError, the signal's reason */
  async execute<T extends z.ZodMiniType>(
    command: string,
    schema: T,
    parameters: Record<string, unknown> = {},
  ): Promise<z.output<T>> {
    const id = (this.#lastId += 1);
    try {
      const value = await this.#within(`"${command}"`, (waiting) => {
        this.#waiting.set(id, waiting);
        this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`);
      });
      const result = schema.safeParse(value);
      if (result.success) return result.data;
      throw new UnavailableError(`QEMU answered "${command}" with something that it does not say: ${shown(value)}`);
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Lets this process end although the connection stands. */
  unref(): void {
    this.#socket.unref();
  }

  /** Closes the connection, so that the next one is let in. */
  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#closed.promise;
  }

  /** Waits for what `start` registers, until the deadline or the signal. */
  async #within(what: string, start: (waiting: Waiting) => void): Promise<unknown> {
    const { signal, deadlineMs = COMMAND_MS } = this.#options;
    signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const onAbort = (): void => reject(signal.reason as Error);
    const late = new TimedOutError(`QEMU has not answered within ${deadlineMs / 1000} s: ${what} is missing.`);
    const timer = setTimeout(reject, deadlineMs, late);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      start({ resolve, reject });
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#greeting?.reject(this.#failure);
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#text += text;
    let end: number;
    while (this.#failure === undefined && (end = this.#text.indexOf('\n')) >= 0) {
      const line = this.#text.slice(0, end).trim();
      this.#text = this.#text.slice(end + 1);
      if (line !== '') this.#readLine(line);
    }
    if (this.#text.length > LONGEST_LINE) this.#fail(new UnavailableError('QEMU sent a line without end.'));
  }

  #readLine(line: string): void {
    let content: unknown;
    try {
      content = JSON.parse(line);
    } catch {
      this.#fail(noMonitor(line));
      return;
    }
    if (this.#greeting !== undefined) this.#greet(content);
    else this.#take(readMessage(content), line);
  }

  #greet(content: unknown): void {
    if (greetingSchema.safeParse(content).success) {
      this.#greeting?.resolve(undefined);
      this.#greeting = undefined;
    } else this.#fail(noMonitor(JSON.stringify(content)));
  }

  #take(message: QmpMessage | undefined, line: string): void {
    if (message === undefined) this.#fail(noMonitor(line));
    else if (message.kind === 'event') this.onEvent(message.event);
    else this.#settle(message);
  }

  /** An answer that nobody waits for any more is dropped: its command was given up. */
  #settle(message: Exclude<QmpMessage, { kind: 'event' }>): void {
    // QEMU names no command where it could not even read it; that is never ours to send, so it ends the connection.
    if (message.id === undefined) {
      this.#fail(new UnavailableError('QEMU answered a command that was not sent.', { answer: message }));
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (message.kind === 'answer') waiting?.resolve(message.value);
    else waiting?.reject(new UnavailableError(`QEMU refused: ${message.reason}`));
  }
}

function shown(value: unknown): string {
  return JSON.stringify(value).slice(0, 200);
}

function noMonitor(line: string): UnavailableError {
  return new UnavailableError(`What answers is no QEMU monitor: it said ${shown(line)}`);
}
