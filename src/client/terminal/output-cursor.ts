/** Which byte of a terminal's output comes next: drops what a reconnect repeats, and tells what it skips. */

/** Offsets are absolute: bytes of output of the session. */
export class OutputCursor {
  /** Up to where output has been handed on; undefined before the first connection. */
  #seen: number | undefined;
  /** Where the next byte of this connection stands. */
  #incoming = 0;

  /** Where to resume; undefined before the first connection. */
  get offset(): number | undefined {
    return this.#seen;
  }

  /**
   * A connection begins.
   * @param offset where its first byte stands
   * @param skipped what the server has lost before that
   * @returns how many bytes of output are lost to this client
   */
  begin(offset: number, skipped: number): number {
    const lost = this.#seen === undefined ? skipped : Math.max(0, offset - this.#seen);
    this.#incoming = offset;
    this.#seen = Math.max(this.#seen ?? offset, offset);
    return lost;
  }

  /** The part of what has arrived that was not handed on before; it counts as handed on now. */
  take(bytes: Uint8Array): Uint8Array {
    const seen = this.#seen ?? this.#incoming;
    const repeated = Math.min(bytes.length, Math.max(0, seen - this.#incoming));
    this.#incoming += bytes.length;
    this.#seen = Math.max(seen, this.#incoming);
    return repeated === 0 ? bytes : bytes.subarray(repeated);
  }
}
