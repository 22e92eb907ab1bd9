/** A seat's shell as a terminal of VS Code. */
import { constants } from 'node:os';
import { TextDecoder } from 'node:util';
import type * as vscode from 'vscode';
import type { SeatTerminal, SeatTerminalHandlers, TerminalState } from '../../client/terminal/seat-terminal.ts';
import { CarapaceError, NotFoundError } from '../../protocol/errors.ts';
import { TERMINAL } from '../../protocol/terminal.ts';
import { formatBytes } from '../../client/format.ts';
import type { Translate } from '../../client/translate.ts';

/** The part of {@link SeatTerminal} that is used here. */
export type Shell = Pick<SeatTerminal, 'session' | 'write' | 'resize' | 'retry' | 'dispose'>;

export interface ShellOptions {
  readonly cols: number;
  readonly rows: number;
  /** A session to go on with. */
  readonly session?: string;
}

export interface SeatPseudoterminalOptions {
  readonly vs: Pick<typeof vscode, 'EventEmitter'>;
  readonly t: Translate;
  /** The terminal's name, such as `Seat 3 · Alice`. */
  readonly title: string;
  /** A session that an earlier terminal of this seat has left, or that is to be watched. */
  readonly session: string | undefined;
  /** Only shows what happens, at the size of whoever works there. */
  readonly view?: boolean;
  readonly connect: (options: ShellOptions, handlers: SeatTerminalHandlers) => Shell;
  /** Told the session to go on with later; undefined when there is none any more. */
  readonly remember: (session: string | undefined) => void;
}

const DIM = '\x1b[2m';
const RED = '\x1b[31m';
const PLAIN = '\x1b[0m';
/** RIS: a terminal as it was when it was opened. */
const RESET = '\x1bc';
/** How a shell tells that a signal ended it: 128 plus the signal's number. */
const SIGNAL_BASE = 128;

/**
 * Bytes of the shell go out as text, keys go in; a drop shows in the title and nowhere else. Closing the terminal leaves
 * the shell running. VS Code drops events that fire before {@link open}, so nothing is connected before it.
 */
export class SeatPseudoterminal implements vscode.Pseudoterminal {
  readonly onDidWrite: vscode.Event<string>;
  readonly onDidClose: vscode.Event<number>;
  readonly onDidChangeName: vscode.Event<string>;
  readonly onDidOverrideDimensions: vscode.Event<vscode.TerminalDimensions | undefined>;
  readonly #options: SeatPseudoterminalOptions;
  readonly #write: vscode.EventEmitter<string>;
  readonly #close: vscode.EventEmitter<number>;
  readonly #name: vscode.EventEmitter<string>;
  readonly #dimensions: vscode.EventEmitter<vscode.TerminalDimensions | undefined>;
  #title: string;
  #session: string | undefined;
  #size = { cols: TERMINAL.defaultColumns as number, rows: TERMINAL.defaultRows as number };
  #shell: Shell | undefined;
  #state: TerminalState = 'connecting';
  #others = 0;
  #everConnected = false;
  #decoder = newDecoder();
  #ended = false;

  constructor(options: SeatPseudoterminalOptions) {
    this.#options = options;
    this.#title = options.title;
    this.#session = options.session;
    this.#write = new options.vs.EventEmitter();
    this.#close = new options.vs.EventEmitter();
    this.#name = new options.vs.EventEmitter();
    this.#dimensions = new options.vs.EventEmitter();
    this.onDidWrite = this.#write.event;
    this.onDidClose = this.#close.event;
    this.onDidChangeName = this.#name.event;
    this.onDidOverrideDimensions = this.#dimensions.event;
  }

  open(dimensions: vscode.TerminalDimensions | undefined): void {
    if (dimensions !== undefined) this.#size = { cols: dimensions.columns, rows: dimensions.rows };
    this.#connect();
  }

  close(): void {
    this.#ended = true;
    this.#shell?.dispose();
    this.#shell = undefined;
    for (const emitter of [this.#write, this.#close, this.#name, this.#dimensions]) emitter.dispose();
  }

  handleInput(data: string): void {
    if (this.#ended) return;
    if (this.#shell === undefined) {
      this.#connect();
      return;
    }
    if (this.#options.view === true) return;
    try {
      this.#shell.write(data);
    } catch (error) {
      if (!(error instanceof CarapaceError)) throw error;
      this.#line(RED, error.message);
    }
  }

  setDimensions({ columns, rows }: vscode.TerminalDimensions): void {
    this.#size = { cols: columns, rows };
    this.#shell?.resize(columns, rows);
  }

  /** Tries at once, where it would wait to connect again. */
  retry(): void {
    this.#shell?.retry();
  }

  /** Changes the name, as when somebody joins the seat. */
  setTitle(title: string): void {
    if (title === this.#title || this.#ended) return;
    this.#title = title;
    this.#showTitle();
  }

  #connect(): void {
    this.#decoder = newDecoder();
    this.#everConnected = false;
    const session = this.#session;
    this.#shell = this.#options.connect(
      { ...this.#size, ...(session !== undefined && { session }) },
      {
        onData: (bytes) => this.#print(this.#decoder.decode(bytes, { stream: true })),
        onState: (state) => this.#showState(state),
        onExit: (exit) => this.#exit(exit),
        onSkipped: (bytes) => this.#skipped(bytes),
        onRedraw: () => this.#reset(),
        onSize: (size) => this.#fit(size),
        onViewers: (count) => this.#showViewers(count),
        onUncertain: () => this.#line(DIM, this.#options.t('[This seat keeps no shells: this may be a new one]')),
        onFailed: (error) => this.#failed(error),
      },
    );
  }

  #showState(state: TerminalState): void {
    this.#state = state;
    if (state === 'connected') {
      this.#everConnected = true;
      this.#keepSession(this.#shell?.session);
    }
    this.#showTitle();
  }

  /** @param count everybody who is connected to this shell, this terminal included */
  #showViewers(count: number): void {
    this.#others = Math.max(0, count - 1);
    this.#showTitle();
  }

  #fit({ cols, rows }: ShellOptions): void {
    if (this.#options.view === true && !this.#ended) this.#dimensions.fire({ columns: cols, rows });
  }

  #showTitle(): void {
    if (!this.#ended) this.#name.fire(this.#fullTitle());
  }

  #fullTitle(): string {
    const t = this.#options.t;
    if (this.#state === 'connecting') return t('{0} · connecting…', this.#title);
    if (this.#state === 'reconnecting') return t('{0} · reconnecting…', this.#title);
    if (this.#state === 'closed' || this.#others === 0) return this.#title;
    return t('{0} · {1} watching', this.#title, this.#others);
  }

  #keepSession(session: string | undefined): void {
    if (session === this.#session) return;
    this.#session = session;
    this.#options.remember(session);
  }

  /** VS Code closes the terminal, and tells of an exit code that is not 0. */
  #exit({ code, signal }: { code: number; signal: string | null }): void {
    this.#keepSession(undefined);
    if (this.#ended) return;
    this.#print(this.#decoder.decode());
    this.#close.fire(exitCode(code, signal));
  }

  /** What follows draws the whole screen, and does not continue a character that began before. */
  #reset(): void {
    this.#decoder = newDecoder();
    this.#print(RESET);
  }

  #skipped(bytes: number): void {
    this.#decoder = newDecoder();
    const count = formatBytes(bytes, this.#options.t);
    this.#line(DIM, this.#options.t('[{0} of output came while nobody was connected and were not kept]', count));
  }

  /** For good: says why, and the next key tries again. */
  #failed(error: CarapaceError): void {
    this.#shell?.dispose();
    this.#shell = undefined;
    if (this.#ended) return;
    const { t } = this.#options;
    const gone = error instanceof NotFoundError && this.#session !== undefined;
    if (gone) this.#keepSession(undefined);
    if (gone && !this.#everConnected && this.#options.view !== true) {
      this.#line(DIM, t('[The earlier shell has ended; this is a new one]'));
      this.#connect();
      return;
    }
    this.#line(RED, error.message);
    this.#line(DIM, t('[Press a key to try again, or close this terminal]'));
  }

  #line(style: string, text: string): void {
    this.#print(`\r\n${style}${text.replaceAll('\n', '\r\n')}${PLAIN}\r\n`);
  }

  #print(text: string): void {
    if (text !== '' && !this.#ended) this.#write.fire(text);
  }
}

/** A byte order mark is output like any other. */
function newDecoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}

/** A code that VS Code takes: 0 for success, else positive. */
function exitCode(code: number, signal: string | null): number {
  if (signal === null) return Math.abs(code);
  const number = (constants.signals as Partial<Record<string, number>>)[signal];
  return number === undefined ? SIGNAL_BASE : SIGNAL_BASE + number;
}
