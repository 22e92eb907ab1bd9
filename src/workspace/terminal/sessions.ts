/** All shells of the seat: who gets which, and when one is forgotten. */
import { kernelRandomBytes } from '../kernel-random.ts';
import type { Logger } from 'pino';
import { NoCapacityError } from '../../protocol/errors.ts';
import { TERMINAL, type TerminalQuery, type TerminalSessions } from '../../protocol/terminal.ts';
import { Pty } from './pty.ts';
import { Session } from './session.ts';

/** Shells at once, those included that are only kept for a client to come back. */
const MAX_SESSIONS = 64;

/** Bytes of a session's id: nobody guesses one. */
const ID_BYTES = 16;

export interface SessionsOptions {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** The folder in which shells start. */
  readonly cwd: string;
  readonly log: Logger;
  /** Default {@link TERMINAL.sessionKeepMs}. */
  readonly sessionKeepMs?: number;
  /** Default {@link TERMINAL.fullRingPauseMs}. */
  readonly fullRingPauseMs?: number;
}

interface Kept {
  readonly session: Session;
  /** Runs while nobody is connected. */
  timer: NodeJS.Timeout | undefined;
}

export class Sessions {
  readonly #options: SessionsOptions;
  /** The longest unused first. */
  readonly #kept = new Map<string, Kept>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Shells that run. */
  get count(): number {
    return [...this.#kept.values()].filter(({ session }) => session.exit === undefined).length;
  }

  /** The shells that run, the one that was used last first. */
  list(): TerminalSessions {
    const running = [...this.#kept.values()].map(({ session }) => session).filter(({ exit }) => exit === undefined);
    const sessions = running.reverse().map(({ id, screen, clients, createdAt }) => {
      return { id, title: screen.title, viewers: clients.length, created_at: createdAt.toISOString() };
    });
    return { sessions };
  }

  /** Every connection to any shell, and how many of these only watch. */
  get connections(): { readonly all: number; readonly viewers: number } {
    const clients = [...this.#kept.values()].flatMap(({ session }) => session.clients);
    return { all: clients.length, viewers: clients.filter(({ writer }) => !writer).length };
  }

  /**
   * The session that a client asks for, for it to join in the same turn: the one it names; else the one that was made
   * for this very client, which then never learned its name; else, for a viewer, the one that was used last; else a new one.
   * Undefined where there is none, or where the client has seen more of it than there was.
   * @throws NoCapacityError where there is no room for one more shell
   */
  find(query: TerminalQuery): Session | undefined {
    const session = this.#existing(query);
    const offset = query.offset ?? 0;
    if (session !== undefined) {
      if (offset > session.ring.end) return undefined;
      this.#use(session);
      return session;
    }
    const canBeNew = query.session === undefined && query.mode !== 'view' && offset === 0;
    return canBeNew ? this.#start(query) : undefined;
  }

  /** Ends all shells; resolves when they are gone, or killed after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const running = [...this.#kept.values()].filter(({ session }) => session.exit === undefined);
    for (const { session, timer } of this.#kept.values()) {
      clearTimeout(timer);
      session.screen.dispose();
    }
    this.#kept.clear();
    await Promise.all(running.map(({ session }) => session.end(graceMs)));
  }

  #existing(query: TerminalQuery): Session | undefined {
    if (query.session !== undefined) return this.#kept.get(query.session)?.session;
    const sessions = [...this.#kept.values()].map(({ session }) => session).reverse();
    const own = sessions.find(({ creator }) => creator !== undefined && creator === query.client);
    if (own !== undefined || query.mode !== 'view') return own;
    return sessions.find(({ exit }) => exit === undefined);
  }

  #start(query: TerminalQuery): Session {
    this.#makeRoom();
    const { command, environment, cwd, log } = this.#options;
    const id = kernelRandomBytes(ID_BYTES).toString('base64url');
    const cols = query.cols ?? TERMINAL.defaultColumns;
    const rows = query.rows ?? TERMINAL.defaultRows;
    const session = new Session({
      id,
      creator: query.client,
      cols,
      rows,
      fullRingPauseMs: this.#options.fullRingPauseMs ?? TERMINAL.fullRingPauseMs,
      startPty: (handlers) => new Pty({ command, environment, cwd, cols, rows }, handlers),
      onDeserted: (over) => this.#deserted(session, over),
    });
    this.#kept.set(id, { session, timer: undefined });
    log.info({ shell: shortId(session) }, 'shell started');
    return session;
  }

  #use(session: Session): void {
    const kept = this.#kept.get(session.id);
    if (kept === undefined) return;
    clearTimeout(kept.timer);
    this.#kept.delete(session.id);
    this.#kept.set(session.id, { session, timer: undefined });
  }

  #deserted(session: Session, over: boolean): void {
    const kept = this.#kept.get(session.id);
    if (kept === undefined) return;
    if (over) this.#forget(session);
    else {
      clearTimeout(kept.timer);
      kept.timer = setTimeout(() => this.#forget(session), this.#options.sessionKeepMs ?? TERMINAL.sessionKeepMs);
    }
  }

  #forget(session: Session): void {
    clearTimeout(this.#kept.get(session.id)?.timer);
    this.#kept.delete(session.id);
    session.screen.dispose();
    if (session.exit === undefined) void session.end();
    this.#options.log.info({ shell: shortId(session), exit: session.exit }, 'shell forgotten');
  }

  /** First those that have ended go, then the one that was left longest ago. */
  #makeRoom(): void {
    if (this.#kept.size < MAX_SESSIONS) return;
    const deserted = [...this.#kept.values()]
      .map(({ session }) => session)
      .filter(({ clients }) => clients.length === 0);
    const oldest = deserted.find(({ exit }) => exit !== undefined) ?? deserted[0];
    if (oldest === undefined)
      throw new NoCapacityError(`This seat already has ${MAX_SESSIONS} terminals. Close one of them first.`);
    this.#forget(oldest);
  }
}

/** A session's id lets one in, so a log has only enough of it to tell shells apart. */
export function shortId({ id }: Session): string {
  return id.slice(0, 6);
}
