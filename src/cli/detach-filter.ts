/** The keys that leave a terminal and not its shell: Enter, `~`, `.` as in ssh. */

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const TILDE = 0x7e;
const DOT = 0x2e;

export const DETACH_KEYS = 'Enter ~ .';

export interface Filtered {
  /** What goes to the shell. */
  readonly forward: Uint8Array;
  readonly detach: boolean;
}

/** Looks for the keys in what is typed, however it is cut. A `~` at the start of a line waits for what follows. */
export class DetachFilter {
  #state: 'line-start' | 'tilde' | 'inside' = 'line-start';

  push(typed: Uint8Array): Filtered {
    const forward: number[] = [];
    for (const byte of typed) {
      if (this.#state === 'tilde') {
        if (byte === DOT) return { forward: Uint8Array.from(forward), detach: true };
        forward.push(TILDE);
        // As in ssh, a second tilde stands for one.
        if (byte !== TILDE) forward.push(byte);
      } else if (this.#state === 'inside' || byte !== TILDE) {
        forward.push(byte);
      }
      this.#state = this.#next(byte);
    }
    return { forward: Uint8Array.from(forward), detach: false };
  }

  #next(byte: number): 'line-start' | 'tilde' | 'inside' {
    if (byte === RETURN || byte === NEWLINE) return 'line-start';
    return this.#state === 'line-start' && byte === TILDE ? 'tilde' : 'inside';
  }
}
