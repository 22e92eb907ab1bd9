/** A played QEMU monitor that answers as a test says. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "x"}, "capabilities": ["oob"]}}\r\n';

interface Command {
  readonly execute: string;
  readonly id: number;
  readonly arguments: Record<string, unknown>;
}

export type Reply = (command: Command, socket: Socket) => void;

export function answer(command: Command, value: unknown): string {
  return `${JSON.stringify({ return: value, id: command.id })}\r\n`;
}

export class MonitorServer implements AsyncDisposable {
  readonly path: string;
  readonly commands: Command[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'carapace-qmp-'));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(greeting: string, reply: Reply) {
    this.path = join(this.#folder, 'monitor.sock');
    this.#server = createServer((socket) => this.#serve(socket, greeting, reply));
  }

  /** Takes `qmp_capabilities` by itself; everything else is for `reply`. */
  static async start(reply: Reply, greeting = GREETING): Promise<MonitorServer> {
    const server = new MonitorServer(greeting, reply);
    server.#server.listen(server.path);
    await once(server.#server, 'listening');
    return server;
  }

  get open(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.#folder, { recursive: true });
  }

  #serve(socket: Socket, greeting: string, reply: Reply): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.setEncoding('utf8');
    socket.write(greeting);
    let text = '';
    socket.on('data', (part: string) => {
      const lines = (text + part).split('\n');
      text = lines.pop()!;
      for (const line of lines) this.#take(JSON.parse(line) as Command, socket, reply);
    });
  }

  #take(command: Command, socket: Socket, reply: Reply): void {
    this.commands.push(command);
    if (command.execute === 'qmp_capabilities') socket.write(answer(command, {}));
    else reply(command, socket);
  }
}
