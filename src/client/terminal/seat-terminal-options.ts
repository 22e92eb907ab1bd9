/** What a terminal in a seat is made with, and what it tells. */
import type { Access } from '../../protocol/access.ts';
import type { CarapaceError } from '../../protocol/errors.ts';
import type { TerminalState } from './reconnect-state.ts';

export interface SeatTerminalOptions {
  /** Asked before the first connection, and again after a refusal or a failure to connect. */
  getAccess(signal: AbortSignal): Promise<Access>;
  readonly workshopId: string;
  readonly seat: number;
  readonly cols: number;
  readonly rows: number;
  readonly mode?: 'write' | 'view';
  /** A living session to join; without, a new shell. */
  readonly session?: string;
  /** Whether gaps in the output are bridged by drawing the screen anew, which is no use to a file; default true. */
  readonly redraw?: boolean;
}

/** Called one at a time, never from inside the constructor. */
export interface SeatTerminalHandlers {
  /** Raw bytes; a character may be split between two calls. Without {@link whenShown} they count as shown when this returns. */
  onData(bytes: Uint8Array): void;
  /**
   * For what shows bytes later than it takes them: calls `told` once all that `onData` got is shown. So much output, at
   * most `TERMINAL.pauseAtBytes`, is then on its way to the screen; redraws come besides.
   */
  whenShown?(told: () => void): void;
  /** `closed` comes once, before `onExit` or `onFailed`; after it only one of those. */
  onState(state: TerminalState): void;
  onExit(exit: { readonly code: number; readonly signal: string | null }): void;
  /** So much output was lost because nobody was connected for too long, and the screen could not be drawn anew. */
  onSkipped(bytes: number): void;
  /**
   * What comes next draws the whole screen, as it is in a terminal of this size: resets the terminal that shows it. Where
   * this is not implemented, `onData` gets a sequence that does.
   */
  onRedraw?(size: { readonly cols: number; readonly rows: number }): void;
  /** The size of the seat's terminal; in a view it is not that of this one. */
  onSize?(size: { readonly cols: number; readonly rows: number }): void;
  /** So many are connected to this shell, this terminal included, under these names. */
  onViewers?(count: number, names: readonly string[]): void;
  /** Connected again, to a worker that cannot tell whether this is the shell of before. */
  onUncertain?(): void;
  /** The terminal has ended for good, and not by its shell. */
  onFailed(error: CarapaceError): void;
  /** The seat has taken input; so many bytes still wait. */
  onInputTaken?(waiting: number): void;
}
