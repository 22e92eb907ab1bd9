/** Where a seat is on its agent. */

/** The prefix of everything of one seat behind the agent's proxy. */
export function seatPath(workshopId: string, seat: number): string {
  return `/proxy/${encodeURIComponent(workshopId)}/${seat}`;
}
