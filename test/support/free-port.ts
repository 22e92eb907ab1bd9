/** Ports that somebody is told before anybody listens there. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const LOWEST = 10_000;

/**
 * A port of loopback that stays free until it is listened on, today or after a pause. Not one that the kernel chooses: those,
 * from `ip_local_port_range` on, it gives to whoever asks for any, and to each connection that goes out (ip(7)).
 */
export async function freePort(): Promise<number> {
  const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const firstOfKernel = Math.max(LOWEST + 1_000, parseInt(range, 10));
  for (;;) {
    const port = randomInt(LOWEST, firstOfKernel);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
