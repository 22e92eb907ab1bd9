/** The shells that run in a seat. */
import type { TerminalSessions } from '../../protocol/terminal.ts';
import { seatTransport, type SeatTarget } from '../seat-files.ts';
import { terminalSessions } from './session-list.ts';

/** The one that was used last first. @throws the typed errors of src/protocol/errors.ts */
export async function listTerminalSessions(
  { access, workshopId, seat }: SeatTarget,
  signal?: AbortSignal,
): Promise<TerminalSessions['sessions']> {
  return terminalSessions(seatTransport(access), workshopId, seat, signal);
}
