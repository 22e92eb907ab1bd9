/** Relays DNS over TCP, byte by byte: answers that are too long for a datagram. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Quota } from './quota.ts';
import type { DnsOptions } from './forwarder.ts';

const MAX_CONNECTIONS = 128;
const MAX_CONNECTIONS_EACH = 8;
const CONNECT_TIMEOUT_MS = 2_000;

/** Nothing said for so long, or so long in all: whoever wants more connects again. */
const IDLE_TIMEOUT_MS = 10_000;
const LIFETIME_MS = 60_000;

async function connectTo(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port });
  const deadline = new AbortController();
  try {
    const late = sleep(CONNECT_TIMEOUT_MS, undefined, { signal: deadline.signal }).then(() => {
      throw new Error(`${host} did not accept a connection`);
    });
    await Promise.race([once(socket, 'connect'), late]);
    return socket;
  } catch (error) {
    socket.on('error', () => undefined).destroy();
    throw error;
  } finally {
    deadline.abort();
  }
}

export class StreamRelay {
  readonly #options: DnsOptions;
  readonly #quota = new Quota(MAX_CONNECTIONS, MAX_CONNECTIONS_EACH);
  readonly #open = new Set<Socket>();
  #server: Server | undefined;

  constructor(options: DnsOptions) {
    this.#options = options;
  }

  /** @throws the system's error where the address cannot be had */
  async start(): Promise<void> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
    server.listen({ host: this.#options.address, port: this.#options.port, reusePort: true });
    await once(server, 'listening');
    server.on('error', (error) =>
      this.#options.log.warn({ err: error }, 'the DNS forwarder has failed at a connection'),
    );
    this.#server = server;
  }

  stop(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#open) socket.destroy();
  }

  #accept(client: Socket): void {
    const address = client.remoteAddress ?? '';
    client.on('error', () => undefined);
    if (!this.#quota.take(address)) {
      client.destroy();
      return;
    }
    this.#open.add(client);
    const lifetime = setTimeout(() => client.destroy(), LIFETIME_MS);
    client.setTimeout(IDLE_TIMEOUT_MS, () => client.destroy());
    client.on('close', () => {
      clearTimeout(lifetime);
      this.#open.delete(client);
      this.#quota.give(address);
    });
    void this.#relay(client);
  }

  async #relay(client: Socket): Promise<void> {
    const { upstreams, upstreamPort, log } = this.#options;
    for (const upstream of upstreams.inOrder()) {
      if (client.destroyed) return;
      try {
        join(client, await connectTo(upstream, upstreamPort));
        return;
      } catch (error) {
        log.debug({ err: error, upstream }, 'a resolver of this worker took no connection');
      }
    }
    client.destroy();
  }
}

/** What ends one side ends the other. */
function join(client: Socket, upstream: Socket): void {
  upstream.on('error', () => client.destroy());
  client.on('close', () => upstream.destroy());
  pipeline(client, upstream, () => undefined);
  pipeline(upstream, client, () => undefined);
  client.resume();
}
