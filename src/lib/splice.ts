/** Joins two sockets: what comes out of one goes into the other, at the pace of the slower. */
import type { Socket } from 'node:net';

/** How long a connection may be silent once one side has ended it, in milliseconds: half of a terminal is of no use. */
const HALF_OPEN_MS = 10_000;

/** Lets what is on its way arrive when the other side has closed in order, and ends at once where it broke. */
function followClose(closed: Socket, other: Socket): void {
  closed.once('close', (hadError: boolean) => {
    if (!hadError && closed.readableEnded) other.destroySoon();
    else other.destroy();
  });
}

/** Whoever is told of the end and does not answer is let go, unless what was on its way still moves. */
function boundHalfOpen(sockets: readonly Socket[], halfOpenMs: number): void {
  const bound = (): void => {
    for (const socket of sockets) socket.setTimeout(halfOpenMs, () => socket.destroy());
  };
  for (const socket of sockets) socket.once('end', bound);
}

/**
 * Resolves once both sockets are closed. Neither is parsed, buffered beyond its own mark, or kept open half dead.
 * @param halfOpenMs how long both may be silent once one side has ended, in milliseconds
 */
export async function splice(a: Socket, b: Socket, halfOpenMs = HALF_OPEN_MS): Promise<void> {
  const closed = [a, b].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())));
  followClose(a, b);
  followClose(b, a);
  boundHalfOpen([a, b], halfOpenMs);
  a.pipe(b);
  b.pipe(a);
  await Promise.all(closed);
}
