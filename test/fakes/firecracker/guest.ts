/**
 * The guest that the fake plays: a channel on its vsock port as the real seat-init has one, a console, and, where it is
 * asked for, a network stack of its own behind the TAP with both servers of a seat.
 */
import { spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SEAT_CHANNEL, seatRequestSchema, type SeatAnswer } from '../../../src/protocol/seat-init.ts';
import type { Behaviour } from './behaviour.ts';
import type { Console } from './console.ts';

/** What a snapshot keeps of it. */
interface GuestState {
  bootId: string;
  hostname: string | null;
  identified: number;
  synced: number;
}

export class Guest {
  readonly #behaviour: Behaviour;
  readonly #console: Console;
  readonly #exit: (code: number) => void;
  #state: GuestState | undefined;
  #server: Server | undefined;
  #isPaused = false;
  #isUp = false;

  constructor(behaviour: Behaviour, console: Console, exit: (code: number) => void) {
    this.#behaviour = behaviour;
    this.#console = console;
    this.#exit = exit;
  }

  get state(): unknown {
    return this.#state;
  }

  /** Boots, or goes on from what was saved. */
  begin(taps: readonly string[], saved: unknown): void {
    const { bootMs, chatterMs } = this.#behaviour;
    this.#state = (saved as GuestState | undefined) ?? {
      bootId: crypto.randomUUID(),
      hostname: null,
      identified: 0,
      synced: 0,
    };
    const isRestored = saved !== undefined;
    if (!isRestored) this.#console.write('carapace: the seat starts');
    setTimeout(() => this.#comeUp(taps), isRestored ? 0 : bootMs).unref();
    if (chatterMs !== undefined) setInterval(() => this.#console.write('chatter '.repeat(100)), chatterMs).unref();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  /** Switched off from inside. */
  end(): void {
    this.#exit(0);
  }

  /** Firecracker's side of the vsock. */
  listen(path: string): Promise<string | undefined> {
    // Configured once more, it is another device.
    this.#server?.close();
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    return new Promise((resolve) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code === 'EADDRINUSE' ? 'Address in use (os error 98)' : `${error.message} (os error 2)`),
      );
      server.listen(path, () => resolve(undefined));
    });
  }

  #comeUp(taps: readonly string[]): void {
    this.#isUp = true;
    const [tap] = taps;
    if (!this.#behaviour.guest || tap === undefined) return;
    const link = join(import.meta.dirname, 'guest-link.py');
    const servers = [process.execPath, '--no-warnings', join(import.meta.dirname, 'guest-servers.ts')];
    // Ends with this process, however that ends.
    spawn('setpriv', ['--pdeathsig', 'KILL', 'python3', link, tap, ...servers], { stdio: ['ignore', 1, 2] });
  }

  /** `CONNECT <port>`, and then lines to whoever listens there; a connection to nobody is closed. */
  #accept(socket: Socket): void {
    socket.on('error', () => undefined);
    const lines = createInterface({ input: socket });
    let isOpen = false;
    lines.on('line', (line) => {
      if (isOpen) {
        if (!this.#isPaused) socket.write(`${JSON.stringify(this.#answer(line))}\n`);
        return;
      }
      isOpen = line === `CONNECT ${SEAT_CHANNEL.vsockPort}` && this.#isUp && !this.#isPaused;
      if (isOpen) socket.write('OK 1073741824\n');
      else socket.destroy();
    });
  }

  #answer(line: string): SeatAnswer {
    const parsed = seatRequestSchema.safeParse(JSON.parse(line));
    const state = this.#state;
    if (!parsed.success || state === undefined) return { id: 0, ok: false, error: 'It is not a request.' };
    const request = parsed.data;
    if (request.op === 'identify') {
      state.hostname = request.hostname;
      state.identified += 1;
    }
    if (request.op === 'sync') state.synced += 1;
    return { id: request.id, ok: true, ...(request.op === 'status' && { restarts: {} }) };
  }
}
