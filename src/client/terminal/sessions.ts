/** The shells that run in a seat. */
import { HttpTransport, type Peer } from '../http.ts';
import type { SeatTarget } from '../seat-files.ts';
import { seatPath } from '../seat-path.ts';
import { terminalSessionsSchema, type TerminalSessions } from '../../protocol/terminal.ts';

const PEER: Peer = { name: 'The seat', advice: 'Check that its workshop runs; the workshop list shows it.' };

/** The one that was used last first. @throws the typed errors of src/protocol/errors.ts */
export async function listTerminalSessions(
  { access, workshopId, seat }: SeatTarget,
  signal?: AbortSignal,
): Promise<TerminalSessions['sessions']> {
  const { endpoint, token, certificate } = access;
  const http = new HttpTransport({ url: endpoint, token, ...(certificate !== undefined && { certificate }) }, PEER);
  const path = `${seatPath(workshopId, seat)}/sessions`;
  return (await http.json(terminalSessionsSchema, { method: 'GET', path, signal })).sessions;
}
