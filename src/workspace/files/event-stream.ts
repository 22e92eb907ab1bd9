/** Server-sent events of one answer, at the pace of its client and with a bound on what waits for it. */
import type { ServerResponse } from 'node:http';
import type { WatchEvent } from '../../protocol/files.ts';

/** What waits for a client that reads slowly, in bytes; past it the client is told to read everything anew. */
const MAX_WAITING_BYTES = 262_144;
const HEARTBEAT_MS = 15_000;
/** Heartbeats that a client may not have room for before it counts as gone. */
const MISSED_HEARTBEATS = 8;

const RESET = frameOf({ type: 'reset' });

export class EventStream {
  readonly #response: ServerResponse;
  readonly #heartbeat: NodeJS.Timeout;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #isFull = false;
  #missed = 0;

  /** Sends the head of the answer and the first `reset`. */
  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(RESET);
    response.on('drain', () => this.#drain());
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    response.once('close', () => clearInterval(this.#heartbeat));
  }

  send(event: WatchEvent): void {
    const frame = event.type === 'reset' ? RESET : frameOf(event);
    if (!this.#response.writableNeedDrain) {
      this.#response.write(frame);
      return;
    }
    if (this.#isFull) return;
    this.#waitingBytes += Buffer.byteLength(frame);
    this.#isFull = this.#waitingBytes > MAX_WAITING_BYTES;
    if (this.#isFull) this.#waiting = [];
    else this.#waiting.push(frame);
  }

  /** Sends what waits, and ends the answer. */
  end(): void {
    this.#drain();
    this.#response.end();
  }

  #drain(): void {
    this.#missed = 0;
    const text = this.#isFull ? RESET : this.#waiting.join('');
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#isFull = false;
    if (text !== '') this.#response.write(text);
  }

  #beat(): void {
    // An answer that was ended never says that it needs a drain, and takes no more.
    const takesMore = !this.#response.writableNeedDrain && !this.#response.writableEnded;
    if (takesMore) this.#response.write(':\n\n');
    else if (++this.#missed >= MISSED_HEARTBEATS) this.#response.destroy();
  }
}

/** JSON has no line break in it, whatever the names are. */
function frameOf(event: WatchEvent): string {
  return `data: ${JSON.stringify(event)}\n\n`;
}
