/** A program in a pseudoterminal, whose last byte of output is never lost. */
import { readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { ReadStream } from 'node:tty';
import { withoutDescriptors } from '../descriptors.ts';
import { InputQueue } from './input-queue.ts';
import { native } from './native-pty.ts';

export interface PtyOptions {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly cols: number;
  readonly rows: number;
}

/** How a program ended: `code` is 128 plus the signal's number where a signal ended it, as in a shell. */
export interface PtyExit {
  readonly code: number;
  readonly signal: string | null;
}

export interface PtyHandlers {
  onData(chunk: Buffer): void;
  /** Once, after the last `onData`. */
  onExit(exit: PtyExit): void;
}

/** After the program's end, how long a terminal that others still hold open has to be silent to be finished. */
const QUIET_MS = 200;
/** More than a terminal gives in one read. */
const REST_BYTES = 16_384;
/** How long a program may live on after a hangup. */
const HANGUP_GRACE_MS = 5000;

const openTerminals = new Set<number>();

/** The master sides that are open: a program that is started now would get them, unless they are closed for it. */
export function terminalDescriptors(): readonly number[] {
  return [...openTerminals];
}

function signalName(number: number): string | null {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? null;
}

function exitOf(code: number, signal: number): PtyExit {
  return signal === 0 ? { code, signal: null } : { code: 128 + signal, signal: signalName(signal) };
}

/** Starts with the constructor; the program runs until it ends by itself or {@link Pty.end} is called. */
export class Pty {
  readonly #fd: number;
  readonly #pid: number;
  readonly #stream: ReadStream;
  readonly #input: InputQueue;
  readonly #handlers: PtyHandlers;
  #paused = false;
  #exit: PtyExit | undefined;
  #hungUp = false;
  #quietTimer: NodeJS.Timeout | undefined;
  #killTimer: NodeJS.Timeout | undefined;

  /** @throws Error where the system has no terminal or process left */
  constructor(options: PtyOptions, handlers: PtyHandlers) {
    this.#handlers = handlers;
    const [file, ...args] = withoutDescriptors(options.command, terminalDescriptors());
    const environment = Object.entries(options.environment).map(([name, value]) => `${name}=${value}`);
    // -1: the same user and group. `true` makes the terminal erase whole characters of UTF-8; bytes pass unchanged.
    const { fd, pid } = native.fork(
      file,
      args,
      environment,
      options.cwd,
      options.cols,
      options.rows,
      -1,
      -1,
      true,
      '',
      (code, signal) => this.#exited(exitOf(code, signal)),
    );
    openTerminals.add(fd);
    this.#fd = fd;
    this.#pid = pid;
    this.#input = new InputQueue((bytes, offset, length) => this.#write(bytes, offset, length));
    this.#stream = new ReadStream(fd);
    this.#stream.on('data', (chunk: Buffer) => {
      handlers.onData(chunk);
      this.#waitForQuiet();
    });
    // First of all listeners: those of the stream itself close the descriptor.
    this.#stream.prependListener('end', () => this.#readRest());
    // EIO is how Linux says that nobody holds the terminal's other side any more; 'close' follows each error.
    this.#stream.on('error', () => undefined);
    this.#stream.on('close', () => this.#closed());
  }

  /** Input that the program's terminal has not yet taken, in bytes. */
  get queuedBytes(): number {
    return this.#input.queuedBytes;
  }

  /** Sends input; `taken` is told of each part that the terminal took. The bytes must not change afterwards. */
  write(bytes: Uint8Array, taken: (count: number) => void): void {
    this.#input.push(bytes, taken);
  }

  resize(cols: number, rows: number): void {
    if (!this.#stream.destroyed) native.resize(this.#fd, cols, rows);
  }

  /** Stops reading: once the terminal's buffer is full, the program waits. */
  pause(): void {
    this.#paused = true;
    clearTimeout(this.#quietTimer);
    this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream.resume();
    this.#waitForQuiet();
  }

  /** Hangs up, as closing a terminal's window does; kills after `graceMs`. */
  end(graceMs = HANGUP_GRACE_MS): void {
    this.#signal('SIGHUP');
    // A stopped program would see the hangup only when somebody continues it.
    this.#signal('SIGCONT');
    clearTimeout(this.#killTimer);
    if (this.#exit === undefined) this.#killTimer = setTimeout(() => this.#signal('SIGKILL'), graceMs);
    this.resume();
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#exit !== undefined) return;
    try {
      process.kill(this.#pid, signal);
    } catch {
      // It has just ended.
    }
  }

  /** In the same turn as the check that the descriptor is open: later the number may stand for another file. */
  #write(bytes: Uint8Array, offset: number, length: number): number | undefined {
    if (this.#stream.destroyed) return undefined;
    try {
      return writeSync(this.#fd, bytes, offset, length);
    } catch (error) {
      const busy = error instanceof Error && 'code' in error && error.code === 'EAGAIN';
      return busy ? 0 : undefined;
    }
  }

  /**
   * Reads what the kernel still holds. At a hangup libuv may tell the end of the stream after a short read, although
   * the terminal has more; the kernel itself says EIO only behind the last byte.
   */
  #readRest(): void {
    for (;;) {
      const piece = Buffer.allocUnsafe(REST_BYTES);
      let count: number;
      try {
        count = readSync(this.#fd, piece);
      } catch {
        return;
      }
      if (count === 0) return;
      this.#handlers.onData(piece.subarray(0, count));
    }
  }

  #exited(exit: PtyExit): void {
    clearTimeout(this.#killTimer);
    this.#exit = exit;
    this.#input.close();
    if (this.#hungUp) this.#handlers.onExit(exit);
    else this.#waitForQuiet();
  }

  #closed(): void {
    openTerminals.delete(this.#fd);
    clearTimeout(this.#quietTimer);
    this.#hungUp = true;
    this.#input.close();
    if (this.#exit === undefined) this.end();
    else this.#handlers.onExit(this.#exit);
  }

  /** After the end: the hangup usually follows at once; where another program holds the terminal, silence has to do. */
  #waitForQuiet(): void {
    if (this.#exit === undefined || this.#paused || this.#hungUp) return;
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => this.#stream.destroy(), QUIET_MS);
  }
}
