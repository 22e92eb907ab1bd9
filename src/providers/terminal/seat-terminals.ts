/** The seat terminals of this window: one per seat, found again when its icon is pressed again. */
import type * as vscode from 'vscode';
import { SeatTerminal } from '../../client/terminal/seat-terminal.ts';
import { seatSubject } from '../../protocol/operation.ts';
import type { Seat } from '../../protocol/workshop.ts';
import { Disposer } from '../disposer.ts';
import { seatTitle } from '../model/seat-row.ts';
import type { ModelState } from '../model/state.ts';
import type { SeatAccess } from '../seat-access.ts';
import { SeatPseudoterminal } from './seat-pseudoterminal.ts';

interface OpenTerminal {
  readonly terminal: vscode.Terminal;
  readonly pseudoterminal: SeatPseudoterminal;
}

export interface SeatTerminalsParts {
  readonly vs: typeof vscode;
  readonly access: SeatAccess;
  /** Where the sessions of closed terminals are remembered; a session is worth nothing without a token. */
  readonly memory: vscode.Memento;
}

const MEMORY_KEY = 'carapace.sessions';

export class SeatTerminals {
  readonly #parts: SeatTerminalsParts;
  readonly #open = new Map<string, OpenTerminal>();
  readonly #disposer = new Disposer();

  constructor(parts: SeatTerminalsParts) {
    this.#parts = parts;
    this.#disposer.add(parts.vs.window.onDidCloseTerminal((terminal) => this.#closed(terminal)));
  }

  /** Closes the terminals of this window; their shells run on. */
  dispose(): void {
    for (const { terminal } of this.#open.values()) terminal.dispose();
    this.#open.clear();
    this.#disposer.dispose();
  }

  /** Shows the seat's terminal, opened where there is none. @returns its name */
  show(workshopId: string, seat: Seat): string {
    const key = seatSubject(workshopId, seat.seat);
    const earlier = this.#open.get(key);
    const living = earlier?.terminal.exitStatus === undefined ? earlier : undefined;
    const { terminal } = living ?? this.#create(key, workshopId, seat);
    terminal.show();
    return terminal.name;
  }

  /** Forgets the session of a seat whose shells have ended with it. */
  forget(workshopId: string, seat: number): void {
    this.#remember(seatSubject(workshopId, seat), undefined);
  }

  /** Follows the names of those who join. With a seat go its terminals, and the sessions that were remembered of it. */
  update(state: ModelState): void {
    for (const [key, { terminal, pseudoterminal }] of this.#open) {
      const seat = state.seats.get(key);
      if (seat === undefined) terminal.dispose();
      else pseudoterminal.setTitle(seatTitle(seat.seat, seat.learner, this.#parts.vs.l10n.t));
    }
    for (const key of Object.keys(this.#sessions())) if (!state.seats.has(key)) this.#remember(key, undefined);
  }

  #create(key: string, workshopId: string, { seat, learner }: Seat): OpenTerminal {
    const { vs, access } = this.#parts;
    const title = seatTitle(seat, learner, vs.l10n.t);
    const pseudoterminal = new SeatPseudoterminal({
      vs,
      t: vs.l10n.t,
      title,
      session: this.#sessions()[key],
      connect: (options, handlers) =>
        new SeatTerminal(
          { ...options, workshopId, seat, getAccess: (signal) => access.access(workshopId, seat, signal) },
          handlers,
        ),
      remember: (session) => this.#remember(key, session),
    });
    // Only a name and an icon: VS Code logs the options of a terminal.
    const terminal = vs.window.createTerminal({
      name: title,
      pty: pseudoterminal,
      iconPath: new vs.ThemeIcon('mortar-board'),
      isTransient: true,
    });
    const opened = { terminal, pseudoterminal };
    this.#open.set(key, opened);
    return opened;
  }

  #closed(terminal: vscode.Terminal): void {
    for (const [key, open] of this.#open) if (open.terminal === terminal) this.#open.delete(key);
  }

  #sessions(): Readonly<Record<string, string>> {
    return this.#parts.memory.get<Record<string, string>>(MEMORY_KEY, {});
  }

  #remember(key: string, session: string | undefined): void {
    const others = Object.entries(this.#sessions()).filter(([other]) => other !== key);
    const sessions = session === undefined ? others : [...others, [key, session]];
    void this.#parts.memory.update(MEMORY_KEY, Object.fromEntries(sessions));
  }
}
