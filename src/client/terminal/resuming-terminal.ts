/** A terminal in a seat that survives its connections: nothing typed or shown is lost, doubled or reordered. */
import type { Access } from '../../protocol/access.ts';
import { CarapaceError, ForbiddenError, InternalError, UnavailableError } from '../../protocol/errors.ts';
import { randomText } from '../../protocol/names.ts';
import type { ServerControl } from '../../protocol/terminal.ts';
import { seatPath } from '../seat-path.ts';
import { CARAPACE_DIALECT, type Dialect } from './dialect.ts';
import { InputBuffer } from './input-buffer.ts';
import { JsonDialect } from './json-dialect.ts';
import { OutputReader } from './output-reader.ts';
import {
  INITIAL_STATE,
  reduce,
  visibleState,
  type ReconnectEvent,
  type ReconnectState,
  type TerminalState,
} from './reconnect-state.ts';
import type { SeatTerminalHandlers, SeatTerminalOptions } from './seat-terminal-options.ts';
import { TerminalConnection } from './terminal-connection.ts';
import type { Ending, OpenSocket } from './terminal-socket.ts';

/** Output is acknowledged after so many bytes, or when nothing more has come for so long. */
const ACK_BYTES = 5_000;
const ACK_IDLE_MS = 25;
/** A seat that accepts the connection says `ready` within this time. */
const READY_TIMEOUT_MS = 15_000;
/** An access that ends so soon is renewed before it is used. */
const EXPIRY_MARGIN_MS = 5_000;
/** Letters of a client's name: nobody has the same. */
const CLIENT_ID_LENGTH = 26;

type Timer = ReturnType<typeof setTimeout>;

/** Knows neither process nor browser: how to open a WebSocket is given. */
export class ResumingTerminal {
  readonly #openSocket: OpenSocket;
  readonly #options: SeatTerminalOptions;
  readonly #handlers: SeatTerminalHandlers;
  readonly #client = randomText(CLIENT_ID_LENGTH);
  readonly #input = new InputBuffer();
  readonly #output: OutputReader;
  #dialect: Dialect = CARAPACE_DIALECT;
  readonly #stop = new AbortController();
  #state: ReconnectState = INITIAL_STATE;
  #told: TerminalState | undefined;
  #connection: TerminalConnection | undefined;
  #access: Access | undefined;
  #session: string | undefined;
  #cols: number;
  #rows: number;
  #paused = false;
  /** Up to where output has been shown, and told to be. */
  #shown = 0;
  #acknowledged = 0;
  #readyTimer: Timer | undefined;
  #ackTimer: Timer | undefined;
  #waitTimer: Timer | undefined;

  constructor(openSocket: OpenSocket, options: SeatTerminalOptions, handlers: SeatTerminalHandlers) {
    this.#openSocket = openSocket;
    this.#options = options;
    this.#handlers = handlers;
    this.#output = new OutputReader(handlers);
    this.#session = options.session;
    this.#cols = options.cols;
    this.#rows = options.rows;
    queueMicrotask(() => this.#act());
  }

  /** The session's id, once connected: with it another client, or a later one, joins the same shell. */
  get session(): string | undefined {
    return this.#session;
  }

  /** Bytes of input that the seat has not taken yet. */
  get inputWaiting(): number {
    return this.#input.size;
  }

  /**
   * Types into the terminal; input waits while there is no connection. Ignored once the terminal is closed.
   * @throws TooLargeError when too much waits already, having taken nothing; ForbiddenError in a view
   */
  write(data: Uint8Array | string): void {
    if (this.#options.mode === 'view') throw new ForbiddenError('This terminal is only a view: it takes no input.');
    if (this.#state.phase === 'ended') return;
    this.#input.append(typeof data === 'string' ? new TextEncoder().encode(data) : data);
    this.#sendInput();
  }

  resize(cols: number, rows: number): void {
    this.#cols = cols;
    this.#rows = rows;
    this.#sendSize();
  }

  /** Holds output back in the seat, for a consumer that is slower than the network. */
  pause(): void {
    this.#paused = true;
    this.#live()?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#live()?.resume();
  }

  /** Tries again now, where the next attempt is waited for: the network may be back. */
  retry(): void {
    clearTimeout(this.#waitTimer);
    this.#dispatch({ type: 'delay-over' });
  }

  /** Closes the connection; the shell lives on for ten minutes, or as long as somebody else is connected. */
  dispose(): void {
    this.#dispatch({ type: 'disposed' });
  }

  #dispatch(event: ReconnectEvent): void {
    const before = this.#state;
    this.#state = reduce(before, event);
    if (this.#state !== before) this.#act();
  }

  /** Does what the state says. */
  #act(): void {
    if (this.#state.phase === 'ended') this.#release();
    this.#tell();
    switch (this.#state.phase) {
      case 'connecting':
        void this.#connect();
        break;
      case 'waiting':
        this.#waitTimer = setTimeout(() => this.#dispatch({ type: 'delay-over' }), this.#state.delayMs);
        break;
      case 'ended':
        if (this.#state.failure !== undefined) this.#handlers.onFailed(this.#state.failure);
        break;
      case 'connected':
        break;
    }
  }

  #release(): void {
    this.#stop.abort();
    clearTimeout(this.#waitTimer);
    this.#dropConnection();
  }

  #dropConnection(): void {
    clearTimeout(this.#readyTimer);
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#connection?.close();
    this.#connection = undefined;
  }

  #tell(): void {
    const state = visibleState(this.#state);
    if (state === this.#told) return;
    this.#told = state;
    this.#handlers.onState(state);
  }

  async #connect(): Promise<void> {
    let access: Access;
    try {
      access = await this.#currentAccess();
    } catch (error) {
      if (this.#state.phase !== 'ended') this.#fail(asCarapaceError(error));
      return;
    }
    if (this.#state.phase !== 'connecting') return;
    try {
      this.#open(access);
    } catch (error) {
      this.#fail(asCarapaceError(error));
    }
  }

  async #currentAccess(): Promise<Access> {
    const known = this.#access;
    const fresh = known !== undefined && Date.parse(known.expires_at) - Date.now() > EXPIRY_MARGIN_MS;
    if (fresh && !this.#state.renewAccess) return known;
    this.#access = await this.#options.getAccess(this.#stop.signal);
    return this.#access;
  }

  #open(access: Access): void {
    const isCurrent = (): boolean => this.#connection === connection;
    const connection = new TerminalConnection(this.#openSocket, access, this.#path(), this.#dialect, {
      onBytes: (bytes) => {
        if (isCurrent()) this.#takeOutput(bytes);
      },
      onControl: (control) => {
        if (isCurrent()) this.#takeControl(control);
      },
      onEnd: (ending) => {
        if (isCurrent()) this.#takeEnding(ending);
      },
    });
    this.#connection = connection;
    this.#readyTimer = setTimeout(() => {
      this.#fail(new UnavailableError('The seat accepted the connection, but its terminal is silent.'));
    }, READY_TIMEOUT_MS);
  }

  get #isForeign(): boolean {
    return this.#dialect !== CARAPACE_DIALECT;
  }

  #path(): string {
    const query = new URLSearchParams({ client: this.#client, cols: String(this.#cols), rows: String(this.#rows) });
    if (this.#options.redraw !== false) query.set('redraw', '1');
    if (this.#options.mode !== undefined) query.set('mode', this.#options.mode);
    if (this.#session !== undefined) query.set('session', this.#session);
    if (this.#output.offset !== undefined && !this.#isForeign) query.set('offset', String(this.#output.offset));
    return `${seatPath(this.#options.workshopId, this.#options.seat)}/terminal?${query.toString()}`;
  }

  #takeOutput(bytes: Uint8Array): void {
    this.#output.take(bytes);
    const seen = this.#output.offset ?? 0;
    if (this.#handlers.whenShown === undefined) this.#takeShown(seen);
    else this.#handlers.whenShown(() => this.#takeShown(seen));
  }

  /** @param offset up to where output has been shown */
  #takeShown(offset: number): void {
    if (this.#state.phase === 'ended') return;
    this.#shown = Math.max(this.#shown, offset);
    if (offset - this.#acknowledged >= ACK_BYTES) this.#sendAck();
    else this.#ackTimer ??= setTimeout(() => this.#sendAck(), ACK_IDLE_MS);
  }

  #takeControl(control: ServerControl): void {
    if (control.type !== 'ready' && control.type !== 'redraw') this.#output.settle();
    switch (control.type) {
      case 'ready':
        this.#begin(control);
        break;
      case 'ack':
        this.#guard(() => this.#input.acknowledge(control.bytes));
        this.#handlers.onInputTaken?.(this.#input.size);
        this.#sendInput();
        break;
      case 'exit':
        this.#dispatch({ type: 'exited' });
        this.#handlers.onExit({ code: control.code, signal: control.signal });
        break;
      case 'viewers':
        this.#handlers.onViewers?.(control.count, control.names);
        break;
      case 'redraw':
        this.#output.beginRedraw(control);
        break;
      case 'pong':
        break;
    }
  }

  #begin(ready: Extract<ServerControl, { type: 'ready' }>): void {
    clearTimeout(this.#readyTimer);
    if (ready.session !== '') this.#session = ready.session;
    this.#acknowledged = ready.offset;
    // A second `ready` on one connection tells of a gap in the output; the input goes on as it was.
    const first = this.#state.phase !== 'connected';
    const again = first && this.#state.established;
    if (first && !this.#guard(() => this.#input.resumeFrom(ready.input_offset))) return;
    this.#dispatch({ type: 'connected' });
    this.#handlers.onSize?.({ cols: ready.cols, rows: ready.rows });
    this.#output.begin(ready, first);
    if (!first) return;
    if (again && this.#isForeign) this.#handlers.onUncertain?.();
    if (this.#paused) this.#connection?.pause();
    this.#sendSize();
    this.#sendInput();
  }

  /** Runs what checks the other side's counts; a side that counts wrong ends the terminal rather than garble it. */
  #guard(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#dispatch({ type: 'broken', error: asCarapaceError(error) });
      return false;
    }
  }

  #takeEnding(ending: Ending): void {
    this.#dropConnection();
    this.#output.settle();
    if ('error' in ending && ending.isForeign === true && !this.#isForeign && this.#access !== undefined) {
      // A worker of before Carapace: at once again, in its own way.
      this.#dialect = new JsonDialect(() => ({ cols: this.#cols, rows: this.#rows }));
      this.#open(this.#access);
    } else if ('error' in ending) this.#fail(ending.error);
    else this.#dispatch({ type: 'closed', code: ending.code, random: Math.random() });
  }

  #fail(error: CarapaceError): void {
    this.#dropConnection();
    this.#dispatch({ type: 'failed', error, random: Math.random() });
  }

  /** The connection over which bytes flow now, if there is one. */
  #live(): TerminalConnection | undefined {
    return this.#state.phase === 'connected' ? this.#connection : undefined;
  }

  #sendAck(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.#shown <= this.#acknowledged) return;
    const connection = this.#live();
    if (connection === undefined) return;
    this.#acknowledged = this.#shown;
    connection.sendControl({ type: 'ack', bytes: this.#shown });
  }

  #sendInput(): void {
    const connection = this.#live();
    if (connection === undefined) return;
    for (let piece = this.#input.take(); piece !== undefined; piece = this.#input.take()) connection.sendBytes(piece);
  }

  #sendSize(): void {
    if (this.#options.mode === 'view') return;
    this.#live()?.sendControl({ type: 'resize', cols: this.#cols, rows: this.#rows });
  }
}

function asCarapaceError(error: unknown): CarapaceError {
  if (error instanceof CarapaceError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new InternalError(`The terminal failed: ${reason}.`, undefined, { cause: error });
}
