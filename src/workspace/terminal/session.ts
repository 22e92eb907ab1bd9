/** One shell: it outlives the connections that show it. */
import { TERMINAL } from '../../protocol/terminal.ts';
import { ClientBook, type ClientRecord } from './client-book.ts';
import { waitFor, type Wait } from './flow.ts';
import type { Pty, PtyExit, PtyHandlers } from './pty.ts';
import { Ring } from './ring.ts';
import { Screen } from './screen.ts';

/** What a session has to know of a connection. */
export interface SessionClient {
  readonly id: string | undefined;
  readonly name: string | undefined;
  /** A viewer's reading never holds the program up. */
  readonly writer: boolean;
  /** The absolute offset up to which output was consumed. */
  readonly consumed: number;
  /** The offset up to which it certainly has the output. */
  readonly seen: number;
  /** There is more output, or the session has ended. */
  outputChanged(): void;
  /** More of this client's input was taken by the terminal. */
  inputTaken(total: number): void;
  /** There is room for input again, after {@link Session.input} has said that there is none. */
  inputWanted(): void;
  viewersChanged(count: number, names: readonly string[]): void;
  /** The terminal has another size. */
  sizeChanged(): void;
  /** A newer connection has this one's id. */
  superseded(): void;
}

/** `finished`: it got everything up to the exit. `left`: it said goodbye before. `cut`: its connection broke. */
export type Departure = 'finished' | 'left' | 'cut';

export interface SessionOptions {
  readonly id: string;
  /** The id of the client that it was made for. */
  readonly creator: string | undefined;
  readonly cols: number;
  readonly rows: number;
  readonly fullRingPauseMs: number;
  startPty(handlers: PtyHandlers): Pty;
  /** The last client has left; `over` says that all is told and nobody is expected to come back. */
  onDeserted(over: boolean): void;
}

export class Session {
  readonly id: string;
  readonly creator: string | undefined;
  readonly ring = new Ring(TERMINAL.ringBytes);
  readonly screen: Screen;
  readonly createdAt = new Date();
  readonly #options: SessionOptions;
  readonly #pty: Pty;
  readonly #book = new ClientBook();
  readonly #clients = new Map<SessionClient, ClientRecord>();
  readonly #waitingForRoom = new Set<SessionClient>();
  #cols: number;
  #rows: number;
  #exit: PtyExit | undefined;
  #wait: Wait = 'none';
  #departed = 0;
  #waited = false;
  #waitTimer: NodeJS.Timeout | undefined;
  #notifying = false;
  #ended = false;
  #told = false;
  readonly #gone = Promise.withResolvers<undefined>();

  /** @throws Error where no terminal can be made */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.id = options.id;
    this.creator = options.creator;
    this.#cols = options.cols;
    this.#rows = options.rows;
    this.screen = new Screen(this.ring, options.cols, options.rows);
    this.#pty = options.startPty({
      onData: (chunk) => {
        this.ring.append(chunk);
        this.screen.outputChanged();
        this.#notifyClients();
        this.reflow();
      },
      onExit: (exit) => {
        this.#exit = exit;
        clearTimeout(this.#waitTimer);
        this.#letWaitingClientsSend();
        this.#notifyClients();
        this.#gone.resolve(undefined);
      },
    });
  }

  /** How it ended, once the last byte of output is in the ring. */
  get exit(): PtyExit | undefined {
    return this.#exit;
  }

  get size(): { readonly cols: number; readonly rows: number } {
    return { cols: this.#cols, rows: this.#rows };
  }

  get clients(): readonly SessionClient[] {
    return [...this.#clients.keys()];
  }

  /** Adds a client and drops an older connection of the same id; answers what is known of its input, as it goes on. */
  join(client: SessionClient): Readonly<ClientRecord> {
    const older = client.id === undefined ? undefined : this.clients.find(({ id }) => id === client.id);
    const record = this.#book.connect(client.id);
    this.#clients.set(client, record);
    if (older !== undefined) {
      this.#remove(older, 'cut');
      older.superseded();
    }
    if (client.writer) this.#waited = false;
    this.reflow();
    return record;
  }

  /** Tells every client who is here. */
  announce(): void {
    const names = this.clients.flatMap(({ name }) => (name === undefined ? [] : [name]));
    for (const client of this.clients) client.viewersChanged(this.#clients.size, [...new Set(names)]);
  }

  /** Also for a client that has left already. */
  leave(client: SessionClient, departure: Departure): void {
    if (!this.#remove(client, departure)) return;
    if (departure === 'finished') this.#told = true;
    this.reflow();
    this.announce();
    if (this.#clients.size > 0) return;
    this.#options.onDeserted(this.#told && !this.#book.expectsAnyone);
  }

  /** Takes all of a client's bytes; answers false where the client must send no more until `inputWanted`. */
  input(client: SessionClient, bytes: Uint8Array): boolean {
    const record = this.#clients.get(client);
    if (record === undefined) return false;
    record.accepted += bytes.length;
    this.#pty.write(bytes, (count) => {
      record.taken += count;
      // The client may have reconnected since: whoever shows this record now is told.
      for (const [current, its] of this.#clients) if (its === record) current.inputTaken(record.taken);
      this.#letWaitingClientsSend();
    });
    if (this.#pty.queuedBytes < TERMINAL.inputBytes) return true;
    this.#waitingForRoom.add(client);
    return false;
  }

  resize(cols: number, rows: number): void {
    if (cols === this.#cols && rows === this.#rows) return;
    this.#cols = cols;
    this.#rows = rows;
    this.screen.resize(cols, rows);
    this.#pty.resize(cols, rows);
    for (const client of this.clients) client.sizeChanged();
  }

  /** Decides again whether the program has to wait: output has come or was consumed, or a client has come or gone. */
  reflow(): void {
    if (this.#exit !== undefined || this.#ended) return;
    const writers = this.clients.filter(({ writer }) => writer).map(({ consumed }) => consumed);
    const wait = waitFor({
      paused: this.#wait !== 'none',
      end: this.ring.end,
      writers,
      departed: this.#departed,
      waited: this.#waited,
    });
    if (wait === this.#wait) return;
    clearTimeout(this.#waitTimer);
    if (wait === 'none') this.#pty.resume();
    else if (this.#wait === 'none') this.#pty.pause();
    if (wait === 'ring') this.#waitTimer = setTimeout(() => this.#waitedEnough(), this.#options.fullRingPauseMs);
    this.#wait = wait;
  }

  /** Ends the shell, as closing a terminal's window does; it is killed after `graceMs`. Resolves when it is gone. */
  async end(graceMs?: number): Promise<void> {
    if (this.#exit !== undefined) return;
    this.#ended = true;
    clearTimeout(this.#waitTimer);
    this.#pty.end(graceMs);
    await this.#gone.promise;
  }

  #remove(client: SessionClient, departure: Departure): boolean {
    const record = this.#clients.get(client);
    if (record === undefined) return false;
    this.#clients.delete(client);
    this.#waitingForRoom.delete(client);
    this.#book.disconnect(record, departure === 'cut');
    if (client.writer) this.#departed = client.seen;
    return true;
  }

  #waitedEnough(): void {
    this.#waited = true;
    this.reflow();
  }

  /** Once for all that one turn of the event loop has read. */
  #notifyClients(): void {
    if (this.#notifying) return;
    this.#notifying = true;
    setImmediate(() => {
      this.#notifying = false;
      for (const client of this.clients) client.outputChanged();
    });
  }

  #letWaitingClientsSend(): void {
    if (this.#waitingForRoom.size === 0 || this.#pty.queuedBytes > TERMINAL.inputBytes / 2) return;
    const waiting = [...this.#waitingForRoom];
    this.#waitingForRoom.clear();
    for (const client of waiting) client.inputWanted();
  }
}
