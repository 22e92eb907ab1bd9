/** Joins two sockets: what comes out of one goes into the other, at the pace of the slower. */
import type { Socket } from 'node:net';

/** Lets what is on its way arrive when the other side has closed in order, and ends at once where it broke. */
function followClose(closed: Socket, other: Socket): void {
  closed.once('close', (hadError: boolean) => {
    if (!hadError && closed.readableEnded) other.destroySoon();
    else other.destroy();
  });
}

/** Resolves once both sockets are closed. Neither is parsed, buffered beyond its own mark, or kept open half dead. */
export async function splice(a: Socket, b: Socket): Promise<void> {
  const closed = [a, b].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())));
  followClose(a, b);
  followClose(b, a);
  a.pipe(b);
  b.pipe(a);
  await Promise.all(closed);
}
