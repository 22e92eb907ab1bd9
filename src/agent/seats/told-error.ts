/** What a person is told of a change of a seat that failed. */
import { CarapaceError, TimedOutError } from '../../protocol/errors.ts';
import type { SeatKey } from '../vmm/driver.ts';

/** The error for a person: an abort is told by its reason, the time limit by its length. */
export function told(
  error: unknown,
  key: SeatKey,
  signal: AbortSignal,
  { timeout, limitMs }: { readonly timeout: AbortSignal; readonly limitMs: number },
): unknown {
  if (error instanceof CarapaceError) return error;
  if (signal.aborted && signal.reason === timeout.reason) {
    const message = `Seat ${key.seatId} did not answer within ${limitMs / 1000} s.`;
    return new TimedOutError(message, undefined, { cause: error });
  }
  return signal.aborted ? signal.reason : error;
}
