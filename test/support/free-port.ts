/** Ports that somebody is told before anybody listens there, and ports that are taken. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

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

/**
 * Some other program at an address whose own was killed: it answers everybody, and keeps what it was sent. The kernel closes
 * what a process had open only after that is told to be dead.
 */
export async function occupy(url: string, sent: string[] = []): Promise<Server> {
  const server = createHttpServer((request, response) => {
    sent.push(`${request.url ?? ''} ${request.headers.authorization ?? ''}`);
    response.end('{}');
  });
  for (let tries = 100; ; tries -= 1) {
    server.listen(Number(new URL(url).port), '127.0.0.1');
    try {
      await once(server, 'listening');
      return server;
    } catch (error) {
      if (tries === 0) throw error;
      await sleep(50);
    }
  }
}
