/** The seat terminals of this window: found again when a seat's icon is pressed again, and when the window was reloaded. */
import type * as vscode from 'vscode';
import {
  SeatTerminal,
  type SeatTerminalHandlers,
  type SeatTerminalOptions,
} from '../../client/terminal/seat-terminal.ts';
import { listTerminalSessions } from '../../client/terminal/sessions.ts';
import { seatSubject } from '../../protocol/operation.ts';
import type { TerminalSessions } from '../../protocol/terminal.ts';
import type { Seat } from '../../protocol/workshop.ts';
import { Disposer } from '../disposer.ts';
import { SEAT_FLAGS, seatTitle } from '../model/seat-row.ts';
import type { SeatAccess } from '../seat-access.ts';
import { TerminalMemory, type ShownShell } from './open-terminals.ts';
import { SeatPseudoterminal, type Shell } from './seat-pseudoterminal.ts';

/** A terminal of a seat; until VS Code has made it, only what it will show. */
interface OpenTerminal {
  readonly workshopId: string;
  readonly seat: number;
  readonly isView: boolean;
  readonly pseudoterminal: SeatPseudoterminal;
  terminal: vscode.Terminal | undefined;
  session: string | undefined;
  /** Whether VS Code makes it. */
  isOfProfile: boolean;
}

/** What is known of a seat now; undefined where nothing is. */
export type LookAtSeat = (workshopId: string, seat: number) => Seat | 'gone' | undefined;

export interface SeatTerminalsParts {
  readonly vs: typeof vscode;
  readonly access: SeatAccess;
  /** Where the sessions of closed terminals are remembered. */
  readonly memory: vscode.Memento;
  /** Default: over the network. */
  readonly connect?: (options: SeatTerminalOptions, handlers: SeatTerminalHandlers) => Shell;
}

export class SeatTerminals {
  readonly #parts: SeatTerminalsParts;
  readonly #memory: TerminalMemory;
  readonly #open = new Set<OpenTerminal>();
  /** What was open before the window was reloaded, until it is known whether its seat is still there. */
  #toReopen: readonly ShownShell[];
  readonly #disposer = new Disposer();

  constructor(parts: SeatTerminalsParts) {
    this.#parts = parts;
    this.#memory = new TerminalMemory(parts.memory);
    this.#toReopen = this.#memory.open;
    const { window } = parts.vs;
    this.#disposer.add(window.onDidOpenTerminal((terminal) => this.#opened(terminal)));
    this.#disposer.add(window.onDidCloseTerminal((terminal) => this.#closed(terminal)));
  }

  /** Closes the terminals of this window; their shells run on, and another activation opens them again. */
  dispose(): void {
    this.#disposer.dispose();
    for (const { terminal } of this.#open) terminal?.dispose();
    this.#open.clear();
  }

  /** Shows the seat's terminal, opened where there is none. @returns its name */
  show(workshopId: string, seat: Seat): string {
    const living = this.#living(workshopId, seat.seat);
    // Whoever asks for it has perhaps just mended what kept it from its server.
    living?.pseudoterminal.retry();
    const terminal = living?.terminal ?? this.#openOne(workshopId, seat, this.#last(workshopId, seat));
    terminal.show();
    return terminal.name;
  }

  /** What makes one more terminal of a seat: with the shell that was left last, where none is open, else a new one. */
  another(workshopId: string, seat: Seat): vscode.ExtensionTerminalOptions {
    const isFirst = this.#living(workshopId, seat.seat) === undefined;
    const open = this.#prepare(workshopId, seat, isFirst ? this.#last(workshopId, seat) : undefined, false);
    open.isOfProfile = true;
    return this.#options(open, seat);
  }

  /** The shells that run in a seat, the one that was used last first. */
  async sessions(workshopId: string, seat: number, signal: AbortSignal): Promise<TerminalSessions['sessions']> {
    const access = await this.#parts.access.access(workshopId, seat, signal);
    return listTerminalSessions({ access, workshopId, seat }, signal);
  }

  /** Shows what happens in a shell, without a way to type. @returns its name */
  watch(workshopId: string, seat: Seat, session: string): string {
    const known = [...this.#open].find((open) => open.isView && open.session === session && isLiving(open));
    const terminal = known?.terminal ?? this.#make(this.#prepare(workshopId, seat, session, true), seat);
    terminal.show();
    return terminal.name;
  }

  /** Forgets the session of a seat whose shells have ended with it. */
  forget(workshopId: string, seat: number): void {
    this.#memory.forgetSession(seatSubject(workshopId, seat));
  }

  /** Follows the names of those who join. With a seat go its terminals, and the sessions that were remembered of it. */
  update(look: LookAtSeat): void {
    for (const { workshopId, seat, terminal, isView, pseudoterminal } of this.#open) {
      const found = look(workshopId, seat);
      if (found === 'gone') terminal?.dispose();
      else if (found !== undefined) pseudoterminal.setTitle(this.#title(found, isView));
    }
    for (const subject of this.#memory.subjects) {
      const [, workshop = '', seat] = /^workshop\/([^/]+)\/seat\/(\d+)$/.exec(subject) ?? [];
      if (look(workshop, Number(seat)) === 'gone') this.#memory.forgetSession(subject);
    }
    this.#reopen(look);
  }

  /** Without a word or the focus: the window was reloaded, and what was there is to be there. */
  #reopen(look: LookAtSeat): void {
    if (this.#toReopen.length === 0) return;
    const waiting: ShownShell[] = [];
    const ready: (() => void)[] = [];
    for (const shown of this.#toReopen) {
      const seat = look(shown.workshop, shown.seat);
      if (seat === 'gone' || [...this.#open].some(({ session }) => session === shown.session)) continue;
      if (seat !== undefined && SEAT_FLAGS[seat.status].includes('openable'))
        ready.push(() => this.#openOne(shown.workshop, seat, shown.session));
      else waiting.push(shown);
    }
    this.#toReopen = waiting;
    for (const open of ready) open();
    this.#keepOpen();
  }

  #openOne(workshopId: string, seat: Seat, session: string | undefined): vscode.Terminal {
    return this.#make(this.#prepare(workshopId, seat, session, false), seat);
  }

  #make(open: OpenTerminal, seat: Seat): vscode.Terminal {
    open.terminal = this.#parts.vs.window.createTerminal(this.#options(open, seat));
    return open.terminal;
  }

  #prepare(workshopId: string, { seat, learner }: Seat, session: string | undefined, isView: boolean): OpenTerminal {
    const { vs, access } = this.#parts;
    const connect = this.#parts.connect ?? ((options, handlers) => new SeatTerminal(options, handlers));
    const mode = isView ? 'view' : 'write';
    const pseudoterminal = new SeatPseudoterminal({
      vs,
      t: vs.l10n.t,
      title: this.#title({ seat, learner }, isView),
      session,
      view: isView,
      connect: (options, handlers) =>
        connect(
          { ...options, workshopId, seat, mode, getAccess: (signal) => access.access(workshopId, seat, signal) },
          handlers,
        ),
      remember: (kept) => this.#remember(open, kept),
    });
    const open: OpenTerminal = {
      workshopId,
      seat,
      isView,
      pseudoterminal,
      terminal: undefined,
      session,
      isOfProfile: false,
    };
    this.#open.add(open);
    return open;
  }

  /** Only a name and an icon: VS Code logs the options of a terminal. */
  #options({ pseudoterminal, isView }: OpenTerminal, seat: Seat): vscode.ExtensionTerminalOptions {
    const iconPath = new this.#parts.vs.ThemeIcon(isView ? 'eye' : 'mortar-board');
    return { name: this.#title(seat, isView), pty: pseudoterminal, iconPath, isTransient: true };
  }

  #title({ seat, learner }: Pick<Seat, 'seat' | 'learner'>, isView: boolean): string {
    const { t } = this.#parts.vs.l10n;
    const title = seatTitle(seat, learner, t);
    return isView ? t('{0} · view', title) : title;
  }

  #last(workshopId: string, { seat }: Seat): string | undefined {
    return this.#memory.session(seatSubject(workshopId, seat));
  }

  #living(workshopId: string, seat: number): OpenTerminal | undefined {
    return [...this.#open].find(
      (open) => !open.isView && open.workshopId === workshopId && open.seat === seat && isLiving(open),
    );
  }

  /** VS Code makes the terminals of a profile itself, and leaves in front what was there: keys would go to another shell. */
  #opened(terminal: vscode.Terminal): void {
    const { creationOptions } = terminal;
    if (!('pty' in creationOptions)) return;
    for (const open of this.#open) {
      if (open.pseudoterminal !== creationOptions.pty) continue;
      open.terminal = terminal;
      if (open.isOfProfile) terminal.show();
    }
  }

  #closed(terminal: vscode.Terminal): void {
    for (const open of this.#open) if (open.terminal === terminal) this.#open.delete(open);
    // A window that goes closes its terminals, too.
    if (terminal.exitStatus?.reason !== this.#parts.vs.TerminalExitReason.Shutdown) this.#keepOpen();
  }

  #remember(open: OpenTerminal, session: string | undefined): void {
    const { workshopId: workshop, seat, isView } = open;
    const earlier = open.session;
    open.session = session;
    if (isView) return;
    if (session !== undefined) this.#memory.keepSession({ workshop, seat, session });
    else if (earlier !== undefined) this.#memory.forgetSession(seatSubject(workshop, seat), earlier);
    this.#keepOpen();
  }

  #keepOpen(): void {
    const open = [...this.#open].flatMap(({ workshopId: workshop, seat, session, isView }) =>
      session === undefined || isView ? [] : [{ workshop, seat, session }],
    );
    this.#memory.keepOpen([...this.#toReopen, ...open]);
  }
}

function isLiving({ terminal }: OpenTerminal): boolean {
  return terminal !== undefined && terminal.exitStatus === undefined;
}
