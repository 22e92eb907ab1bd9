/** Which seat terminals a window remembers: the sessions to come back to, and what was open when it was reloaded. */
import type * as vscode from 'vscode';
import * as z from 'zod/mini';
import { seatSubject } from '../../protocol/operation.ts';

const SESSIONS_KEY = 'carapace.sessions';
const OPEN_KEY = 'carapace.openTerminals';
/** More than anybody has open; what is beyond is not opened again. */
const MAX_OPEN = 50;

/** A terminal by the shell that it shows. */
export interface ShownShell {
  readonly workshop: string;
  readonly seat: number;
  readonly session: string;
}

const openSchema = z.array(z.object({ workshop: z.string(), seat: z.number(), session: z.string() }));

/** A session is worth nothing without a token. */
export class TerminalMemory {
  readonly #memento: vscode.Memento;

  constructor(memento: vscode.Memento) {
    this.#memento = memento;
  }

  /** The subjects of the seats of which a session is remembered. */
  get subjects(): string[] {
    return Object.keys(this.#sessions());
  }

  session(subject: string): string | undefined {
    return this.#sessions()[subject];
  }

  keepSession({ workshop, seat, session }: ShownShell): void {
    void this.#memento.update(SESSIONS_KEY, { ...this.#sessions(), [seatSubject(workshop, seat)]: session });
  }

  /** @param session only where it is this one; without, whichever it is */
  forgetSession(subject: string, session?: string): void {
    const sessions = Object.entries(this.#sessions());
    const others = sessions.filter(([its, kept]) => its !== subject || (session !== undefined && kept !== session));
    if (others.length < sessions.length) void this.#memento.update(SESSIONS_KEY, Object.fromEntries(others));
  }

  get open(): ShownShell[] {
    const result = openSchema.safeParse(this.#memento.get(OPEN_KEY, []));
    return result.success ? result.data : [];
  }

  keepOpen(open: readonly ShownShell[]): void {
    void this.#memento.update(OPEN_KEY, open.slice(0, MAX_OPEN));
  }

  #sessions(): Readonly<Record<string, string>> {
    return this.#memento.get<Record<string, string>>(SESSIONS_KEY, {});
  }
}
