/** A network that can be cut, and that can go dead: connections stay open, and nothing passes. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

export class DeadLine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isDead = false;

  /** @param port where it leads to, on loopback */
  constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect({ host: '127.0.0.1', port });
      this.#pass(client, server);
      this.#pass(server, client);
    });
  }

  /** Starts on a free port of loopback and answers its address. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Nothing passes from now on, in connections that are made later neither. */
  die(): void {
    this.#isDead = true;
    for (const socket of this.#sockets) socket.pause();
  }

  revive(): void {
    this.#isDead = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Resets every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => {
      if (to.write(chunk)) return;
      from.pause();
      to.once('drain', () => this.#isDead || from.resume());
    });
    from.on('end', () => to.end());
    // Followed by close.
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    if (this.#isDead) from.pause();
  }
}
