/** How far the terminal on the page may be behind what the seat sends. */

/** Writes to the terminal; `done` is called once that is on the screen. */
export type WriteOutput = (output: Uint8Array | string, done: () => void) => void;

/** So much may wait for the screen of a page that nobody sees, in bytes; xterm.js itself takes 50 MB. */
export const MAX_UNSEEN_BYTES = 8 * 1024 * 1024;

/**
 * Output counts as shown when it is on the screen, so that a flood is held back. A page in the background draws only
 * once in a while, for its timers are slowed down: there it counts when it has come, or a program would wait for
 * somebody to look.
 */
export class OutputPace {
  readonly #write: WriteOutput;
  readonly #isHidden: () => boolean;
  readonly #waiting = new Set<() => void>();
  #pending = 0;

  constructor(write: WriteOutput, isHidden: () => boolean) {
    this.#write = write;
    this.#isHidden = isHidden;
  }

  show(output: Uint8Array | string): void {
    const { length } = output;
    this.#pending += length;
    this.#write(output, () => (this.#pending -= length));
  }

  /** Calls `told` once all that was given to {@link show} counts as shown. */
  whenShown(told: () => void): void {
    if (this.#mayRunAhead()) {
      told();
      return;
    }
    const tell = () => {
      if (this.#waiting.delete(tell)) told();
    };
    this.#waiting.add(tell);
    this.#write('', tell);
  }

  /** The page has gone to the background, or come from there. */
  visibilityChanged(): void {
    if (this.#mayRunAhead()) for (const tell of [...this.#waiting]) tell();
  }

  #mayRunAhead(): boolean {
    return this.#isHidden() && this.#pending < MAX_UNSEEN_BYTES;
  }
}
