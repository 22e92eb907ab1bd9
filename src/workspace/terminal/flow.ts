/** When a session's program has to wait for those who read its output. */
import { TERMINAL } from '../../protocol/terminal.ts';

/** The most that one read of the PTY gives: room that has to be left in the ring. */
export const READ_BYTES = 65_536;

/** What the decision depends on; offsets are absolute. */
export interface FlowState {
  readonly paused: boolean;
  /** How much the program has written. */
  readonly end: number;
  /** How far each connected writer has consumed it. */
  readonly writers: readonly number[];
  /** How far the last writer that left had consumed it. */
  readonly departed: number;
  /** Whether the program waited long enough for a writer to come back. */
  readonly waited: boolean;
}

/** `writer`: until all writers have caught up. `ring`: until a writer comes back, but not for ever. */
export type Wait = 'none' | 'writer' | 'ring';

/**
 * Only writers exert back-pressure. With none connected, the program may fill the ring with what the last one has not
 * seen; then it waits.
 */
export function waitFor(state: FlowState): Wait {
  if (state.writers.length > 0) {
    const unacknowledged = state.end - Math.min(...state.writers);
    const bound = state.paused ? TERMINAL.resumeBelowBytes : TERMINAL.pauseAtBytes;
    return unacknowledged >= bound ? 'writer' : 'none';
  }
  const unseen = state.end - state.departed;
  return !state.waited && unseen > TERMINAL.ringBytes - READ_BYTES ? 'ring' : 'none';
}
