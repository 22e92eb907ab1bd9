/**
 * The terminal of a ClaraTeach worker of before Carapace, as the contract has it: it selects no subprotocol and speaks
 * JSON text frames. A shell is a line reader that answers `<what was typed>` and ends by `exit`; each connection has its own.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

export interface AskedOf {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly subprotocols: string | undefined;
}

export class JsonWorker {
  readonly asked: AskedOf[] = [];
  /** What was received, frame by frame. */
  readonly received: unknown[] = [];
  readonly #server: Server = createServer();
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => false });

  constructor() {
    this.#server.on('upgrade', (request, socket, head) => {
      const { authorization, 'sec-websocket-protocol': subprotocols } = request.headers;
      this.asked.push({ path: request.url ?? '', authorization, subprotocols });
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#serve(webSocket));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks every connection. */
  drop(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  async close(): Promise<void> {
    this.drop();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: WebSocket): void {
    const send = (message: object): void => socket.send(JSON.stringify(message));
    socket.on('error', () => undefined);
    send({ type: 'output', data: 'welcome žlutý 🐚\r\n' });
    socket.on('message', (data: Buffer, isBinary) => {
      // A binary frame, or control of another protocol, is nothing that it knows.
      const message = isBinary ? { type: 'binary' } : (JSON.parse(data.toString()) as Record<string, unknown>);
      this.received.push(message);
      if (message['type'] !== 'input') return;
      const typed = String(message['data']);
      if (typed.startsWith('exit')) {
        send({ type: 'exit', code: Number(typed.slice(5)) });
        socket.close(1000);
      } else send({ type: 'output', data: `<${typed}>` });
    });
  }
}
