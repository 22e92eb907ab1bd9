/** Times as the protocol writes them. */

const MS_PER_MINUTE = 60_000;

/** Now, or `afterMs` milliseconds later, as ISO 8601 in UTC. */
export function timestamp(afterMs = 0): string {
  return new Date(Date.now() + afterMs).toISOString();
}

export function inMinutes(minutes: number): string {
  return timestamp(minutes * MS_PER_MINUTE);
}
