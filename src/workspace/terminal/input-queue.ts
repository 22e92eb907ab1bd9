/** Input on its way into a PTY whose program may not be reading. */

/** The largest piece handed to the kernel at once: what a PTY takes in one go. */
const PIECE_BYTES = 4096;
/** Pieces written before other work gets its turn. */
const PIECES_PER_TURN = 16;
const RETRY_MS = { first: 2, most: 50 } as const;

/**
 * Writes up to `length` bytes from `offset` without blocking; answers how many were taken, 0 where none can be now,
 * undefined where none ever will be.
 */
export type WriteSome = (bytes: Uint8Array, offset: number, length: number) => number | undefined;

interface Item {
  readonly bytes: Uint8Array;
  readonly taken: (count: number) => void;
  offset: number;
}

/** First in, first out; tells each sender how much of its bytes the kernel has taken. */
export class InputQueue {
  readonly #write: WriteSome;
  readonly #items: Item[] = [];
  #queuedBytes = 0;
  #retryMs: number = RETRY_MS.first;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(write: WriteSome) {
    this.#write = write;
  }

  /** Bytes that were pushed and not yet taken. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Adds bytes, which must not change afterwards. Dropped where the queue is closed. */
  push(bytes: Uint8Array, taken: (count: number) => void): void {
    if (this.#closed || bytes.length === 0) return;
    this.#items.push({ bytes, taken, offset: 0 });
    this.#queuedBytes += bytes.length;
    if (this.#timer === undefined) this.#writeTurn();
  }

  /** Drops what is left. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#items.length = 0;
    this.#queuedBytes = 0;
  }

  #writeTurn(): void {
    this.#timer = undefined;
    for (let piece = 0; piece < PIECES_PER_TURN; piece++) {
      const [item] = this.#items;
      if (item === undefined) return;
      const length = Math.min(PIECE_BYTES, item.bytes.length - item.offset);
      const taken = this.#write(item.bytes, item.offset, length);
      if (taken === undefined) {
        this.close();
        return;
      }
      if (taken === 0) {
        this.#later(this.#retryMs);
        this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.most);
        return;
      }
      this.#retryMs = RETRY_MS.first;
      this.#advance(item, taken);
    }
    if (this.#items.length > 0) this.#later(0);
  }

  #advance(item: Item, taken: number): void {
    item.offset += taken;
    this.#queuedBytes -= taken;
    if (item.offset === item.bytes.length) this.#items.shift();
    item.taken(taken);
  }

  #later(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#writeTurn(), milliseconds);
  }
}
