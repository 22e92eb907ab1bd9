/** Terminal frames that nobody should send. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { WebSocket } from 'ws';

export interface Frame {
  readonly data: Buffer | string;
}

const number = fc.oneof(
  fc.constantFrom<unknown>(0, -1, 1, 80, 1000, 1001, 1.5, 1e300, Number.MAX_SAFE_INTEGER, null, '80', [], {}),
  fc.integer(),
);
const control = fc
  .record({
    type: fc.constantFrom<unknown>(
      'resize',
      'ack',
      'ping',
      'input',
      'ready',
      'redraw',
      'exit',
      '',
      null,
      7,
      '__proto__',
    ),
    cols: number,
    rows: number,
    bytes: number,
    t: number,
    data: fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), number),
  })
  .map((value) => JSON.stringify(value));

/** Escape sequences, whole and cut: a screen is kept of them in the seat. */
const escapes = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\u001b[',
        '\u001b]0;',
        '\u001bP',
        '\u0007',
        '\u001b\\',
        '\u001b[?1049h',
        '\u001b[?1049l',
        '\u001b[2J',
        '\u001b[999;999H',
        '\u001b[99999999b',
        '\u001b[4:3m',
        '\u001bc',
        '\u009b',
        '\u001b[6n',
        '\u001b[c',
      ),
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.integer().map(String),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.from(parts.join('')));

export const fuzzedFrames: fc.Arbitrary<Frame> = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 120 }).map((bytes) => ({ data: Buffer.from(bytes) })) },
  { weight: 4, arbitrary: escapes.map((data) => ({ data })) },
  { weight: 5, arbitrary: control.map((data) => ({ data })) },
  {
    weight: 2,
    arbitrary: fc.string({ unit: 'binary', maxLength: 200 }).map((data) => ({ data: data.toWellFormed() })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('{', '{"type":', '[]', 'null', '{"type":"ack","bytes":"x"}').map((data) => ({ data })),
  },
);

/** Rare, and answered by the end of the connection. */
export const rudeFrames = fc.constantFrom<Frame>(
  { data: Buffer.alloc(65_537) },
  { data: Buffer.alloc(300_000) },
  { data: 'x'.repeat(70_000) },
  { data: `{"type":"resize","cols":${'9'.repeat(66_000)}}` },
);

/** Bytes in place of frames: reserved bits and opcodes, no mask, lengths that are lies, control frames in parts. */
export const BROKEN_FRAMES: readonly Buffer[] = [
  [0xff, 0xff, 0xff],
  [0x81, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f],
  [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
  [0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4],
  [0x83, 0x80, 1, 2, 3, 4],
  [0x8b, 0x80, 1, 2, 3, 4],
  [0x09, 0x80, 1, 2, 3, 4],
  [0x89, 0xfe, 0x01, 0x00, 1, 2, 3, 4],
  [0x80, 0x80, 1, 2, 3, 4],
  [0xc1, 0x81, 0, 0, 0, 0, 0x61],
  [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28],
  [0x88, 0x81, 0, 0, 0, 0, 0x03],
  [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xee],
].map((bytes) => Buffer.from(bytes));

/** Codes with which a server may end a connection (RFC 6455, 7.4.1, and ours). */
const CLOSE_CODES = new Set([1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009, 1013, 4001, 4004, 4009]);

const DEADLINE_MS = 60_000;
/** What a connection may have on its way before the next frame is sent, in bytes. */
const MAX_BUFFERED = 1_000_000;

/** A terminal to which anything is sent. What runs in it gives back what it gets, and nothing ends it. */
export class FuzzTerminal {
  readonly #url: string;
  readonly #token: string;
  #session: string | undefined;

  /** @param url of the terminal, without a query */
  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Begins the session; what is typed is bytes to its program, and no command. */
  async begin(): Promise<void> {
    const socket = this.#connect(true, '?cols=80&rows=24');
    let shown = '';
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) shown += data.toString('latin1');
      else this.#session ??= (JSON.parse(data.toString()) as { session?: string }).session;
    });
    await once(socket, 'open');
    socket.send(Buffer.from("stty raw -echo; printf 'beg''un'; exec cat\n"));
    const deadline = Date.now() + DEADLINE_MS;
    while (!shown.includes('begun')) {
      assert.ok(Date.now() < deadline, `the shell did not begin: ${shown}`);
      await sleep(20);
    }
    socket.terminate();
  }

  /** Sends the frames over one connection and leaves it; a server that ends it first says why. */
  async send(frames: readonly Frame[], v1: boolean): Promise<void> {
    const socket = this.#connect(v1, `?session=${this.#session ?? ''}&offset=${v1 ? 0 : 1}&redraw=1`);
    await once(socket, 'open');
    const closed = once(socket, 'close') as Promise<[number]>;
    for (const { data } of frames) {
      if (socket.readyState !== WebSocket.OPEN) break;
      socket.send(data);
      if (socket.bufferedAmount > MAX_BUFFERED) await drained(socket);
    }
    // The answer to a ping comes after everything before it was taken.
    if (socket.readyState === WebSocket.OPEN) {
      socket.ping();
      await Promise.race([once(socket, 'pong'), closed, sleep(DEADLINE_MS, undefined, { ref: false })]);
    }
    if (socket.readyState === WebSocket.OPEN) socket.terminate();
    const [code] = await closed;
    assert.ok(CLOSE_CODES.has(code), `it was closed with ${code}`);
  }

  #connect(v1: boolean, query: string): WebSocket {
    const headers = { authorization: `Bearer ${this.#token}` };
    const options = { headers, handshakeTimeout: DEADLINE_MS, closeTimeout: 2_000 };
    const socket = new WebSocket(this.#url + query, v1 ? ['carapace.tty.v1'] : [], options);
    socket.on('error', () => undefined);
    return socket;
  }
}

async function drained(socket: WebSocket): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount > 0 && Date.now() < deadline) await sleep(5);
}
