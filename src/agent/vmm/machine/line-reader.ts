/** Cuts a stream of bytes into lines of text, and gives up lines that have no end. */

/** The longest line that is kept; of a longer one nothing is. */
const MAX_LINE = 64 * 1024;

export class LineReader {
  #begun = '';
  #skipping = false;
  readonly #decoder = new TextDecoder();

  /** The lines that end in this piece of the stream, without their ends. */
  read(piece: Uint8Array): string[] {
    const parts = (this.#begun + this.#decoder.decode(piece, { stream: true })).split('\n');
    this.#begun = parts.pop() ?? '';
    if (this.#skipping && parts.length > 0) {
      parts.shift();
      this.#skipping = false;
    }
    if (this.#begun.length > MAX_LINE || this.#skipping) {
      this.#begun = '';
      this.#skipping = true;
    }
    return parts.filter((line) => line.length <= MAX_LINE).map((line) => line.replace(/\r$/, ''));
  }
}
