/** The last output of a session, addressed by absolute offsets. */

const FIRST_CAPACITY = 16_384;

/**
 * Keeps the last `limit` bytes of a stream. Offsets count from the stream's first byte and are never reused. Memory
 * grows with what is written, up to `limit`.
 */
export class Ring {
  readonly limit: number;
  #bytes: Buffer;
  #end = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.#bytes = Buffer.allocUnsafe(Math.min(FIRST_CAPACITY, limit));
  }

  /** The offset of the oldest byte that is still here. */
  get start(): number {
    return Math.max(0, this.#end - this.limit);
  }

  /** The offset behind the newest byte: how much was ever written. */
  get end(): number {
    return this.#end;
  }

  append(chunk: Uint8Array): void {
    this.#grow(this.#end + chunk.length);
    // Of a chunk that is larger than the ring only its tail is kept.
    const kept = chunk.subarray(Math.max(0, chunk.length - this.limit));
    const at = (this.#end + chunk.length - kept.length) % this.#bytes.length;
    const head = Math.min(kept.length, this.#bytes.length - at);
    this.#bytes.set(kept.subarray(0, head), at);
    this.#bytes.set(kept.subarray(head), 0);
    this.#end += chunk.length;
  }

  /**
   * A copy of the bytes from `from` up to `to`.
   * @throws RangeError where they are not all here
   */
  slice(from: number, to: number): Buffer {
    if (from < this.start || to > this.#end || from > to) throw new RangeError(`No bytes ${from} to ${to}.`);
    const copy = Buffer.allocUnsafe(to - from);
    const at = from % this.#bytes.length;
    const head = Math.min(copy.length, this.#bytes.length - at);
    this.#bytes.copy(copy, 0, at, at + head);
    this.#bytes.copy(copy, head, 0, copy.length - head);
    return copy;
  }

  /** Below the limit nothing has wrapped around yet, so the old bytes stand at the front. */
  #grow(needed: number): void {
    const old = this.#bytes;
    if (needed <= old.length || old.length === this.limit) return;
    let capacity = old.length;
    while (capacity < needed && capacity < this.limit) capacity *= 2;
    this.#bytes = Buffer.allocUnsafe(Math.min(capacity, this.limit));
    old.copy(this.#bytes, 0, 0, Math.min(this.#end, old.length));
  }
}
