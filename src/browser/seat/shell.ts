/** The learner's shell on the page: found again after a reload, gone on with after a drop. */
import { ResumingTerminal } from '../../client/terminal/resuming-terminal.ts';
import type { TerminalState } from '../../client/terminal/reconnect-state.ts';
import type { SeatTerminalHandlers } from '../../client/terminal/seat-terminal-options.ts';
import { bytesOfLatin1 } from '../../client/terminal/bytes.ts';
import type { Access } from '../../protocol/access.ts';
import { CarapaceError, NotFoundError, UnavailableError } from '../../protocol/errors.ts';
import { openBrowserSocket } from '../browser-socket.ts';
import { button } from '../dom.ts';
import { t } from '../language.ts';
import type { Screen } from './screen.ts';
import { terminalSentence } from './terminal-sentence.ts';
import { exitText } from './texts.ts';

export interface ShellParts {
  readonly screen: Screen;
  /** Where it is said that there is no shell, and what can be done. */
  readonly stateLine: HTMLElement;
  readonly workshopId: string;
  readonly seat: number;
  readonly getAccess: () => Promise<Access>;
  /** The session that was used last; else the one of the seat's that was. */
  readonly lastSession: () => Promise<string | undefined>;
  readonly remember: (session: string | undefined) => void;
  readonly changed: () => void;
}

const DIM = '\x1b[2m';
const RED = '\x1b[31m';
const PLAIN = '\x1b[0m';

export class Shell {
  readonly #parts: ShellParts;
  #terminal: ResumingTerminal | undefined;
  #session: string | undefined;
  #state: TerminalState | undefined;
  #everConnected = false;
  /** Whether there is no shell because none could be reached. */
  #isCutOff = false;

  constructor(parts: ShellParts) {
    this.#parts = parts;
  }

  /** What a person is told; undefined before the first attempt. */
  get state(): TerminalState | undefined {
    return this.#state;
  }

  /** Whether a shell is there, or on its way. */
  get isOpen(): boolean {
    return this.#terminal !== undefined;
  }

  /** Goes on with the shell that there is, else begins one. */
  async open(): Promise<void> {
    this.#session ??= await this.#parts.lastSession();
    if (this.#terminal === undefined) this.#connect();
  }

  write(data: string): void {
    this.#guard(() => this.#terminal?.write(data));
  }

  writeBinary(data: string): void {
    this.#guard(() => this.#terminal?.write(bytesOfLatin1(data)));
  }

  resize({ cols, rows }: { readonly cols: number; readonly rows: number }): void {
    this.#terminal?.resize(cols, rows);
  }

  /** The network may be back: does not wait for the next attempt. */
  retry(): void {
    this.#terminal?.retry();
  }

  /** The server is back: what was given up because nothing answered is tried anew. */
  reopen(): void {
    if (this.#isCutOff) void this.open();
  }

  /** There is no seat to open a shell in now, and no use in trying. */
  wait(): void {
    if (!this.isOpen) this.#say(t('The seat does not run now. The terminal opens when it does.'));
  }

  /** Closes the connection; the shell lives on in the seat. */
  close(): void {
    this.#terminal?.dispose();
    this.#terminal = undefined;
    this.#say(undefined);
  }

  #connect(): void {
    const { screen, workshopId, seat, getAccess } = this.#parts;
    const session = this.#session;
    this.#everConnected = false;
    this.#isCutOff = false;
    const options = { workshopId, seat, getAccess, ...screen.size, ...(session !== undefined && { session }) };
    const isAway = this.#isUsedElsewhere();
    this.#say(undefined);
    this.#terminal = new ResumingTerminal(openBrowserSocket, options, this.#handlers());
    if (!isAway) screen.focus();
  }

  #handlers(): SeatTerminalHandlers {
    const { screen } = this.#parts;
    return {
      onData: (bytes) => screen.show(bytes),
      whenShown: (told) => screen.whenShown(told),
      onState: (state) => this.#take(state),
      onExit: (exit) => this.#ended(exitText(exit), t('New shell'), undefined),
      onSkipped: () => this.#line(DIM, t('[Output that came while nobody was connected was not kept]')),
      onFailed: (error) => this.#failed(error),
    };
  }

  #take(state: TerminalState): void {
    this.#state = state;
    if (state === 'connected') {
      this.#everConnected = true;
      this.#keep(this.#terminal?.session);
    }
    this.#parts.changed();
  }

  /** For good: says why, and offers to try again. */
  #failed(error: CarapaceError): void {
    const gone = error instanceof NotFoundError && this.#session !== undefined;
    if (gone && !this.#everConnected) {
      this.#line(DIM, t('[The earlier shell has ended; this is a new one]'));
      this.#keep(undefined);
      this.#connect();
      return;
    }
    this.#isCutOff = error instanceof UnavailableError;
    this.#ended(terminalSentence(error), gone ? t('New shell') : t('Try again'), gone ? undefined : this.#session);
  }

  /** @param session to go on with at the next attempt */
  #ended(sentence: string, action: string, session: string | undefined): void {
    this.#terminal = undefined;
    this.#keep(session);
    this.#say(sentence, action);
    this.#parts.changed();
  }

  /** @param action what a button offers; absent where there is nothing to do */
  #say(sentence: string | undefined, action?: string): void {
    const { stateLine } = this.#parts;
    stateLine.hidden = sentence === undefined;
    stateLine.replaceChildren();
    if (sentence === undefined) return;
    if (action === undefined) {
      stateLine.append(sentence);
      return;
    }
    const again = button(action, () => void this.open());
    stateLine.append(`${sentence} `, again);
    if (!this.#isUsedElsewhere()) again.focus();
  }

  /** Whether the person is at something else on the page, from which the focus is not taken. */
  #isUsedElsewhere(): boolean {
    const { activeElement, body } = document;
    if (activeElement === null || activeElement === body) return false;
    return this.#parts.stateLine.parentElement?.contains(activeElement) !== true;
  }

  #keep(session: string | undefined): void {
    if (session === this.#session) return;
    this.#session = session;
    this.#parts.remember(session);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof CarapaceError)) throw error;
      this.#line(RED, terminalSentence(error));
    }
  }

  #line(style: string, text: string): void {
    this.#parts.screen.show(`\r\n${style}${text.replaceAll('\n', '\r\n')}${PLAIN}\r\n`);
  }
}
