/** Connects this terminal, or two pipes, to a terminal in a seat. */
import { SeatTerminal, type SeatTerminalOptions, type TerminalState } from '../client/terminal/seat-terminal.ts';
import { TERMINAL } from '../protocol/terminal.ts';
import { DetachFilter } from './detach-filter.ts';
import { EXIT } from './failures.ts';
import type { CliIo } from './io.ts';
import { makeRaw } from './raw-mode.ts';

export interface AttachOptions extends Pick<SeatTerminalOptions, 'getAccess' | 'workshopId' | 'seat'> {
  readonly view: boolean;
  readonly session?: string;
  /** The command that comes back to a session. */
  comeBack(session: string): string;
}

/** End of transmission, what Ctrl-D types: how a program in a terminal learns that its input has ended. */
const END_OF_INPUT = Buffer.from('\u0004');
/**
 * A terminal that has shown nothing for so long waits for input. It is told then that there is none: not earlier, when
 * the end would be taken for one more byte of what was typed ahead, and not once, since whoever reads next has to be
 * told as well, until the shell itself ends.
 */
const IDLE_MS = 500;
const ENTER = Buffer.from('\r');
const LINE_ENDS: readonly (number | undefined)[] = [0x0a, 0x0d];
const CTRL_C = 0x03;
/**
 * Undoes what programs do to a terminal and leaves its scrollback alone, which a full reset (RIS) would not: the main
 * screen, without mouse, pastes and focus reported, modes as usual (DECSTR), whole and empty.
 */
const FRESH_SCREEN = Buffer.from(
  '\x1b[?1049l\x1b[?9;1000;1002;1003;1006;1016;1004;2004l\x1b[!p\x1b[?7h\x1b[?25h\x1b>\x1b(B\x0f\x1b[r\x1b[H\x1b[2J',
);
/** The largest number of columns or rows that the protocol knows. */
const MAX_DIMENSION = 1000;
/** Piped input is read no further while so much of it waits. */
const INPUT_WAITS_BYTES = 1024 * 1024;

/** Runs until the shell ends or the user detaches, and answers the exit code. @throws CarapaceError */
export function attach(io: CliIo, options: AttachOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    new Attachment(io, options, resolve, reject);
  });
}

class Attachment {
  readonly #io: CliIo;
  readonly #options: AttachOptions;
  readonly #resolve: (code: number) => void;
  readonly #terminal: SeatTerminal;
  readonly #detach = new DetachFilter();
  readonly #restore: () => void;
  #lastTyped: number | undefined;
  #held = false;
  #shown = false;
  #busy = false;
  #endTimer: NodeJS.Timeout | undefined;
  #wasLost = false;

  constructor(io: CliIo, options: AttachOptions, resolve: (code: number) => void, reject: (error: Error) => void) {
    this.#io = io;
    this.#options = options;
    this.#resolve = resolve;
    const { workshopId, seat, session, view } = options;
    this.#terminal = new SeatTerminal(
      {
        getAccess: (signal) => options.getAccess(signal),
        workshopId,
        seat,
        ...this.#size(),
        mode: view ? 'view' : 'write',
        ...(session !== undefined && { session }),
        redraw: io.stdout.isTTY === true,
      },
      {
        onData: (bytes) => this.#show(bytes),
        onState: (state) => this.#tellState(state),
        onRedraw: () => this.#show(FRESH_SCREEN),
        onUncertain: () => this.#tell('this seat keeps no shells: this may be a new one'),
        onSkipped: (bytes) => this.#tell(`${bytes} bytes of output were not kept`),
        onExit: ({ code }) => this.#end(() => resolve(code)),
        onFailed: (error) => this.#end(() => reject(error)),
        onInputTaken: (waiting) => {
          if (waiting < INPUT_WAITS_BYTES) io.stdin.resume();
        },
      },
    );
    this.#restore = makeRaw(io.stdin);
    this.#listen();
  }

  #size(): { cols: number; rows: number } {
    const { columns, rows } = this.#io.stdout;
    return { cols: usable(columns) ?? TERMINAL.defaultColumns, rows: usable(rows) ?? TERMINAL.defaultRows };
  }

  readonly #onResize = (): void => {
    const { cols, rows } = this.#size();
    this.#terminal.resize(cols, rows);
  };

  readonly #onTyped = (typed: Buffer): void => {
    if (!this.#io.stdin.isTTY) {
      this.#lastTyped = typed.at(-1);
      this.#type(typed);
      return;
    }
    if (this.#options.view && typed.includes(CTRL_C)) {
      this.#leave();
      return;
    }
    const { forward, detach } = this.#detach.push(typed);
    this.#type(forward);
    if (detach) this.#leave();
  };

  readonly #onInputEnd = (): void => {
    if (this.#io.stdin.isTTY) {
      this.#leave();
      return;
    }
    // A shell runs the last line of a file, too, when it has no end.
    if (this.#lastTyped !== undefined && !LINE_ENDS.includes(this.#lastTyped)) this.#type(ENTER);
    this.#endTimer = setInterval(() => this.#typeEndWhereIdle(), IDLE_MS);
  };

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#end(() => {
      this.#tellHowToComeBack();
      this.#resolve(signal === 'SIGINT' ? EXIT.interrupted : EXIT.failed);
    });
  };

  #listen(): void {
    const { stdin, stdout } = this.#io;
    stdout.on('resize', this.#onResize);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, this.#onSignal);
    // A view of a pipe takes nothing from it.
    if (this.#options.view && !stdin.isTTY) return;
    stdin.on('data', this.#onTyped);
    stdin.on('end', this.#onInputEnd);
  }

  #typeEndWhereIdle(): void {
    const idle = this.#shown && !this.#busy && this.#terminal.inputWaiting === 0;
    this.#busy = false;
    if (idle) this.#type(END_OF_INPUT);
  }

  #type(bytes: Uint8Array): void {
    if (this.#options.view || bytes.length === 0) return;
    try {
      this.#terminal.write(bytes);
    } catch (error) {
      this.#tell(error instanceof Error ? error.message : String(error));
      return;
    }
    if (this.#terminal.inputWaiting >= INPUT_WAITS_BYTES) this.#io.stdin.pause();
  }

  #show(bytes: Uint8Array): void {
    const { stdout } = this.#io;
    this.#shown = true;
    this.#busy = true;
    if (stdout.write(bytes) || this.#held) return;
    this.#held = true;
    this.#terminal.pause();
    stdout.once('drain', () => {
      this.#held = false;
      this.#terminal.resume();
    });
  }

  #tellState(state: TerminalState): void {
    if (state === 'reconnecting') this.#tell('the connection was lost; reconnecting…');
    if (state === 'connected' && this.#wasLost) this.#tell('connected again');
    this.#wasLost = state === 'reconnecting';
  }

  /** A terminal in raw mode needs its carriage returns. */
  #tell(message: string): void {
    const end = this.#io.stdin.isTTY ? '\r\n' : '\n';
    this.#io.stderr.write(`${end === '\r\n' ? end : ''}[carapace: ${message}]${end}`);
  }

  #leave(): void {
    this.#end(() => {
      this.#tellHowToComeBack();
      this.#resolve(EXIT.done);
    });
  }

  #tellHowToComeBack(): void {
    const { session } = this.#terminal;
    if (session === undefined || this.#options.view) return;
    this.#io.stderr.write(
      `\nDetached. The shell lives on for ten minutes. To come back:\n  ${this.#options.comeBack(session)}\n`,
    );
  }

  #end(then: () => void): void {
    const { stdin, stdout } = this.#io;
    stdin.off('data', this.#onTyped);
    stdin.off('end', this.#onInputEnd);
    stdin.pause();
    clearInterval(this.#endTimer);
    stdout.off('resize', this.#onResize);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.#onSignal);
    this.#terminal.dispose();
    this.#restore();
    then();
  }
}

/** A terminal may not know its size, or say 0. */
function usable(dimension: number | undefined): number | undefined {
  return dimension === undefined || dimension < 1 ? undefined : Math.min(dimension, MAX_DIMENSION);
}
