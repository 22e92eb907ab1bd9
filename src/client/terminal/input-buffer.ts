/** Terminal input until the server has it: what is sent again after a reconnect. */
import { InternalError, TooLargeError } from '../../protocol/errors.ts';
import { TERMINAL } from '../../protocol/terminal.ts';
import { concatBytes } from './bytes.ts';

/** Input that the server has not acknowledged, at most; 8 MiB. */
export const MAX_UNACKNOWLEDGED_BYTES = 8 * 1024 * 1024;

/**
 * Input that is under way, at most. Half of what the server queues: at its own bound it stops reading from us, and then
 * our acknowledgements and pings would wait behind the input.
 */
const WINDOW_BYTES = TERMINAL.inputBytes / 2;

/** Keystrokes that wait are gathered into pieces of up to this size. */
const GATHER_BYTES = 4_096;

/**
 * Offsets are absolute: bytes of input of this client in this session. What the server has is not sent again; what the
 * program in the terminal has not taken yet still fills the window, also when it was sent on an earlier connection.
 */
export class InputBuffer {
  /** Input from `#acknowledged` on, in pieces of at most a frame. */
  #pieces: Uint8Array[] = [];
  #acknowledged = 0;
  /** Taken by the program in the terminal, as far as the server has told. */
  #taken = 0;
  #end = 0;
  /** The first piece that has not been sent on this connection, and how many bytes have. */
  #next = 0;
  #sent = 0;

  /** Bytes that the server has not acknowledged. */
  get size(): number {
    return this.#end - this.#acknowledged;
  }

  /** Takes input over; the caller may use its array again. @throws TooLargeError, having taken nothing */
  append(bytes: Uint8Array): void {
    if (this.size + bytes.length > MAX_UNACKNOWLEDGED_BYTES) {
      throw new TooLargeError(
        `More than ${MAX_UNACKNOWLEDGED_BYTES / 1024 / 1024} MiB of input wait for the seat, and the last was not taken. ` +
          'Wait until it reads what was sent, or copy large data as a file.',
      );
    }
    this.#end += bytes.length;
    const last = this.#pieces.at(-1);
    if (last !== undefined && this.#next < this.#pieces.length && last.length + bytes.length <= GATHER_BYTES) {
      this.#pieces[this.#pieces.length - 1] = concatBytes(last, bytes);
      return;
    }
    for (let start = 0; start < bytes.length; start += TERMINAL.frameBytes) {
      // A copy: slice() of a Node.js Buffer would be a view.
      this.#pieces.push(Uint8Array.from(bytes.subarray(start, start + TERMINAL.frameBytes)));
    }
  }

  /** Forgets what the program has taken. @throws InternalError where the server claims what cannot be */
  acknowledge(offset: number): void {
    this.#forget(offset);
    this.#taken = Math.max(this.#taken, offset);
  }

  /** Starts over on a new connection from what the server has. @throws InternalError where it has lost some */
  resumeFrom(offset: number): void {
    if (offset < this.#acknowledged) {
      throw new InternalError('The seat has forgotten input that it had acknowledged. Open a new terminal.');
    }
    this.#forget(offset);
    this.#next = 0;
    this.#sent = offset;
  }

  /** The next piece to send, within the window; undefined when there is none. */
  take(): Uint8Array | undefined {
    const piece = this.#pieces[this.#next];
    if (piece === undefined) return undefined;
    if (this.#sent + piece.length - this.#taken > WINDOW_BYTES) return undefined;
    this.#next += 1;
    this.#sent += piece.length;
    return piece;
  }

  #forget(offset: number): void {
    if (offset < this.#acknowledged) return;
    if (offset > this.#end) throw new InternalError('The seat acknowledges input that was never sent.');
    let whole = 0;
    let piece = this.#pieces[whole];
    while (piece !== undefined && this.#acknowledged + piece.length <= offset) {
      this.#acknowledged += piece.length;
      whole += 1;
      piece = this.#pieces[whole];
    }
    this.#pieces.splice(0, whole);
    this.#next = Math.max(0, this.#next - whole);
    if (piece !== undefined) this.#pieces[0] = piece.subarray(offset - this.#acknowledged);
    this.#acknowledged = offset;
    this.#sent = Math.max(this.#sent, offset);
  }
}
