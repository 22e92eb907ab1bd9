/** Asks a seat for its shells, whatever carries the question. */
import { terminalSessionsSchema, type TerminalSessions } from '../../protocol/terminal.ts';
import { seatPath } from '../seat-path.ts';
import type { Transport } from '../transport.ts';

/** The one that was used last first. @throws the typed errors of src/protocol/errors.ts */
export async function terminalSessions(
  http: Pick<Transport, 'json'>,
  workshopId: string,
  seat: number,
  signal?: AbortSignal,
): Promise<TerminalSessions['sessions']> {
  const path = `${seatPath(workshopId, seat)}/sessions`;
  return (await http.json(terminalSessionsSchema, { method: 'GET', path, signal })).sessions;
}
