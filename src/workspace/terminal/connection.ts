/** One WebSocket that shows a session: output from the ring at the client's own pace, input and control from it. */
import type { RawData, WebSocket } from 'ws';
import {
  CLOSE_CODE,
  clientControlSchema,
  parseControl,
  plainControlSchema,
  TERMINAL,
  type ServerControl,
} from '../../protocol/terminal.ts';
import type { ClientRecord } from './client-book.ts';
import type { Redraw } from './screen.ts';
import type { Session, SessionClient } from './session.ts';

/** Output handed to a socket and not yet taken by the network: with a redraw, what a stalled client costs. */
const PENDING_BYTES = 262_144;

/** More than output and a redraw: a client with so much to take asks on and on and takes no answer. */
const MAX_WAITING_BYTES = 2 * 1_048_576;

/** A window that is dragged has many sizes: the last one counts. */
const SIZE_SETTLES_MS = 150;

/** Close codes of a client that left on purpose: normal, going away, and none given (RFC 6455, 7.4.1). */
const GOODBYE_CODES = [1000, 1001, 1005];

export interface ConnectionOptions {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly writer: boolean;
  /** Whether the client speaks `carapace.tty.v1`; else it gets bytes only. */
  readonly v1: boolean;
  /** Whether a gap in its output is to be bridged by a drawing of the screen. */
  readonly redraw: boolean;
  /** The absolute offset of the first byte that the client wants. */
  readonly offset: number;
}

export class Connection implements SessionClient {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly writer: boolean;
  readonly #v1: boolean;
  readonly #redraws: boolean;
  readonly #socket: WebSocket;
  readonly #session: Session;
  /** Absolute offsets: what is to be sent next, what the network has taken, what the client says it has consumed. */
  #next: number;
  #flushed: number;
  #acknowledged: number;
  /** Bytes sent and not yet taken by the network. */
  #pending = 0;
  #alive = true;
  readonly #record: Readonly<ClientRecord>;
  #inputTold: number;
  #inputTotal = 0;
  #telling = false;
  /** Whether a viewer has yet to be shown the terminal at its new size. */
  #hasOldSize = false;
  #sizeTimer: NodeJS.Timeout | undefined;
  #finished = false;

  /** Joins the session and sends what the client has missed. */
  constructor(socket: WebSocket, session: Session, options: ConnectionOptions) {
    this.#socket = socket;
    this.#session = session;
    this.id = options.id;
    this.name = options.name;
    this.writer = options.writer;
    this.#v1 = options.v1;
    this.#redraws = options.redraw && options.v1;
    this.#next = options.offset;
    this.#flushed = this.#next;
    this.#acknowledged = this.#next;
    const redraw = this.#next < session.ring.start ? this.#skip() : undefined;
    socket.on('message', (data, isBinary) => this.#message(data, isBinary));
    socket.on('pong', () => (this.#alive = true));
    // Answered by the socket itself.
    socket.on('ping', () => this.#boundAnswers());
    socket.on('close', (code) => this.#closed(code));
    // 'close' follows each error.
    socket.on('error', () => undefined);
    this.#record = session.join(this);
    this.#inputTold = this.#record.taken;
    this.#sendReady(this.#next - options.offset);
    this.#sendRedraw(redraw);
    // What was taken while it was away.
    if (this.#inputTold > 0) this.#send({ type: 'ack', bytes: this.#inputTold });
    session.announce();
    this.#pump();
  }

  /** A client that may not send cannot acknowledge either: it is judged by what the network has taken meanwhile. */
  get consumed(): number {
    return this.#v1 && !this.#socket.isPaused ? this.#acknowledged : Math.max(this.#acknowledged, this.#flushed);
  }

  /** How far the client certainly has the output: what is to be kept for it when it leaves. */
  get seen(): number {
    return this.#v1 ? this.#acknowledged : Math.max(this.#acknowledged, this.#flushed);
  }

  /** To be called regularly: ends a connection whose other side has gone without a word. */
  checkAlive(): void {
    if (!this.#alive) {
      this.#socket.terminate();
      return;
    }
    // What a paused client sends is not read, so its silence means nothing.
    this.#alive = this.#socket.isPaused;
    this.#socket.ping();
  }

  outputChanged(): void {
    this.#pump();
  }

  inputTaken(total: number): void {
    this.#inputTotal = total;
    if (!this.#v1 || this.#telling || total <= this.#inputTold) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      this.#inputTold = this.#inputTotal;
      this.#send({ type: 'ack', bytes: this.#inputTold });
    });
  }

  inputWanted(): void {
    this.#socket.resume();
    this.#session.reflow();
  }

  viewersChanged(count: number, names: readonly string[]): void {
    this.#send({ type: 'viewers', count, names: [...names] });
  }

  /** A viewer has no size of its own: it is drawn the screen anew, at the size in which it will go on. */
  sizeChanged(): void {
    if (this.writer || !this.#redraws) return;
    clearTimeout(this.#sizeTimer);
    this.#sizeTimer = setTimeout(() => {
      this.#hasOldSize = true;
      this.#pump();
    }, SIZE_SETTLES_MS);
  }

  superseded(): void {
    this.#close(CLOSE_CODE.superseded, 'The same client has connected again.');
  }

  #sendReady(skipped: number): void {
    const { id, ring, size } = this.#session;
    const offset = this.#next;
    const replayed = ring.end - offset;
    this.#send({ type: 'ready', session: id, offset, input_offset: this.#record.accepted, ...size, replayed, skipped });
  }

  /** Control messages are of v1 only. */
  #send(message: ServerControl, sent?: () => void): void {
    if (this.#v1 && this.#socket.readyState === this.#socket.OPEN) {
      this.#socket.send(JSON.stringify(message), (error) => {
        if (!error) sent?.();
      });
    } else sent?.();
  }

  #pump(): void {
    const { ring, exit } = this.#session;
    while (this.#socket.readyState === this.#socket.OPEN) {
      if (this.#hasOldSize && this.#pending < PENDING_BYTES) this.#catchUp();
      if (this.#next === ring.end) {
        if (exit !== undefined && this.#pending === 0) this.#finish();
        return;
      }
      if (this.#pending >= PENDING_BYTES) return;
      if (this.#next < ring.start) this.#catchUp();
      else this.#sendPiece(Math.min(ring.end, this.#next + TERMINAL.frameBytes));
    }
  }

  #sendPiece(to: number): void {
    const piece = this.#session.ring.slice(this.#next, to);
    this.#next = to;
    this.#sendBytes(piece, to);
  }

  /** @param to where the network has the output when it has taken these bytes */
  #sendBytes(piece: Buffer, to: number): void {
    this.#pending += piece.length;
    this.#socket.send(piece, (error) => {
      if (error) return;
      this.#pending -= piece.length;
      this.#flushed = Math.max(this.#flushed, to);
      if (!this.#v1 || this.#socket.isPaused) this.#session.reflow();
      this.#pump();
    });
  }

  /** The ring no longer has what the client should get next, or what it shows is of another size. */
  #catchUp(): void {
    this.#hasOldSize = false;
    const before = this.#next;
    const redraw = this.#skip();
    this.#sendReady(this.#next - before);
    this.#sendRedraw(redraw);
  }

  /** Goes on behind the gap: with a drawing of the screen, which is as it is at the ring's end, or without. */
  #skip(): Redraw | undefined {
    const { ring, screen } = this.#session;
    const redraw = this.#redraws ? screen.redraw() : undefined;
    this.#next = redraw === undefined ? Math.max(this.#next, ring.start) : ring.end;
    this.#flushed = this.#next;
    this.#acknowledged = this.#next;
    return redraw;
  }

  #sendRedraw(redraw: Redraw | undefined): void {
    if (redraw === undefined) return;
    const { bytes, cols, rows } = redraw;
    this.#send({ type: 'redraw', bytes: bytes.length, cols, rows });
    for (let at = 0; at < bytes.length; at += TERMINAL.frameBytes) {
      this.#sendBytes(bytes.subarray(at, at + TERMINAL.frameBytes), this.#next);
    }
  }

  /** All has been sent, so the end can be told. */
  #finish(): void {
    const { exit } = this.#session;
    if (exit === undefined || this.#finished) return;
    this.#finished = true;
    this.#send({ type: 'exit', ...exit }, () => this.#close(CLOSE_CODE.exit, `Ended with exit code ${exit.code}.`));
  }

  #message(data: RawData, isBinary: boolean): void {
    this.#alive = true;
    this.#boundAnswers();
    // Once it is being closed, a newer connection may have the word.
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    // The socket's binary type is the default, so a message is one Buffer.
    if (!Buffer.isBuffer(data)) return;
    if (isBinary) this.#input(data);
    else if (this.#v1) this.#control(data.toString());
    else this.#plainText(data);
  }

  #boundAnswers(): void {
    if (this.#socket.bufferedAmount > MAX_WAITING_BYTES) this.#socket.terminate();
  }

  #control(text: string): void {
    const control = parseControl(clientControlSchema, text);
    switch (control?.type) {
      case 'ack':
        this.#acknowledged = Math.max(this.#acknowledged, Math.min(control.bytes, this.#next));
        this.#session.reflow();
        break;
      case 'ping':
        this.#send({ type: 'pong', t: control.t });
        break;
      case 'resize':
        this.#resize(control.cols, control.rows);
        break;
      case undefined:
        // Of a newer version of the protocol: not for this server.
        break;
    }
  }

  #plainText(data: Buffer): void {
    const control = parseControl(plainControlSchema, data.toString());
    if (control?.type === 'resize') this.#resize(control.cols, control.rows);
    else this.#input(control === undefined ? data : Buffer.from(control.data));
  }

  #resize(cols: number, rows: number): void {
    if (this.writer) this.#session.resize(cols, rows);
  }

  #input(bytes: Buffer): void {
    if (!this.writer || this.#session.input(this, bytes)) return;
    this.#socket.pause();
    this.#session.reflow();
  }

  #close(code: number, reason: string): void {
    // A paused socket would never see the other side's goodbye.
    this.#socket.resume();
    this.#socket.close(code, reason);
  }

  #closed(code: number): void {
    clearTimeout(this.#sizeTimer);
    if (this.#finished && code === CLOSE_CODE.exit) this.#session.leave(this, 'finished');
    else this.#session.leave(this, GOODBYE_CODES.includes(code) ? 'left' : 'cut');
  }
}
