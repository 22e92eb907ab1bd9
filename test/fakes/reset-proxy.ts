/** A network that breaks: forwards TCP and cuts connections by reset, each after so many bytes in one direction. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** `up`: what the client sends. `offset`: bytes that pass before the cut. */
export interface Cut {
  readonly direction: 'up' | 'down';
  readonly offset: number;
}

export interface ResetProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** The cut of each connection in turn; the connections after the last one are not cut. */
  readonly cuts: readonly Cut[];
}

export class ResetProxy {
  readonly #options: ResetProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #accepted = 0;
  #made = 0;

  constructor(options: ResetProxyOptions) {
    this.#options = options;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Connections that have been cut. */
  get cutsMade(): number {
    return this.#made;
  }

  /** Starts on a free port of loopback and answers it. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    const cut = this.#options.cuts[this.#accepted];
    this.#accepted += 1;
    const server = connect(this.#options.target);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // A reset is followed by close, where the rest is done.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    const reset = (): void => {
      this.#made += 1;
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    forward(client, server, cut?.direction === 'up' ? cut.offset : undefined, reset);
    forward(server, client, cut?.direction === 'down' ? cut.offset : undefined, reset);
  }
}

/** Passes bytes on at the pace of the receiver, and none after `limit`. */
function forward(from: Socket, to: Socket, limit: number | undefined, reset: () => void): void {
  let passed = 0;
  from.on('data', (chunk: Buffer) => {
    if (limit !== undefined && passed + chunk.length >= limit) {
      const last = chunk.subarray(0, limit - passed);
      from.pause();
      // The last byte is on its way before the reset, as far as a sender can know.
      to.write(last, reset);
      return;
    }
    passed += chunk.length;
    if (!to.write(chunk)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('end', () => to.end());
}
