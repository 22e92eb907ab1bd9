/** The workshops that somebody has joined with this editor: one session each. */
import type { Event, EventEmitter } from 'vscode';
import type { LearnerView } from '../../protocol/access.ts';
import { Disposer } from '../disposer.ts';
import { isOver } from '../model/learner-status.ts';
import { isJoined, joinedId, type Joined, type JoinedSeat } from './joined-seat.ts';
import type { JoinedStore } from './joined-store.ts';
import { LearnerSession, type LearnerSessionOptions } from './learner-session.ts';

/** How often a visible view fetches everything anew, in milliseconds: what the stream missed shows by then. */
const SAFETY_REFETCH_MS = 20_000;

export interface LearnersOptions extends Omit<LearnerSessionOptions, 'record' | 'view' | 'changed'> {
  readonly changed: EventEmitter<void>;
  readonly store: JoinedStore;
}

export class Learners {
  /** Fires after each change of a session, and when there is one more or less; often, so listeners wait a moment. */
  readonly onDidChange: Event<void>;
  readonly #options: LearnersOptions;
  readonly #sessions = new Map<string, LearnerSession>();
  readonly #disposer = new Disposer();
  #turn: Promise<unknown> = Promise.resolve();
  #disposed = false;
  #loaded = false;
  readonly #firstLoad = Promise.withResolvers<undefined>();

  constructor(options: LearnersOptions) {
    this.#options = options;
    this.onDidChange = options.changed.event;
    this.#disposer.add(options.changed);
  }

  /** The sessions, by the names of their workshops. */
  get all(): readonly LearnerSession[] {
    return [...this.#sessions.values()].sort(
      (one, other) =>
        one.workshopName.localeCompare(other.workshopName) || one.workshopId.localeCompare(other.workshopId),
    );
  }

  /** Whether all that is kept is known by now. */
  get isLoaded(): boolean {
    return this.#loaded;
  }

  /** Resolves once all that is kept is known, or nothing more will be. Somebody has to call {@link load}. */
  whenLoaded(): Promise<unknown> {
    return this.#firstLoad.promise;
  }

  /** The session of a workshop. */
  of(workshopId: string): LearnerSession | undefined {
    return [...this.#sessions.values()].find((session) => session.workshopId === workshopId);
  }

  /** The session whose seat it is. */
  ofSeat(workshopId: string, seat: number): LearnerSession | undefined {
    const session = this.of(workshopId);
    return session?.seat === seat ? session : undefined;
  }

  /** Follows what is kept, and nothing else; also called when another window has changed it. */
  load(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        const kept = await this.#options.store.all();
        if (kept !== undefined) this.#followOnly(kept);
        this.#loaded = true;
        this.#changed();
      } finally {
        this.#firstLoad.resolve(undefined);
      }
    });
  }

  #followOnly(kept: ReadonlyMap<string, JoinedSeat>): void {
    for (const [id, session] of this.#sessions) if (!kept.has(id)) this.#end(id, session);
    for (const record of kept.values()) if (isJoined(record)) this.#follow(record);
  }

  /** Keeps and follows a seat that has just been joined. */
  add(record: Joined, view: LearnerView | undefined): Promise<LearnerSession> {
    return this.#inTurn(async () => {
      await this.#options.store.put(record);
      const session = this.#follow(record, view);
      this.#changed();
      return session;
    });
  }

  /** Forgets a workshop; the seat stays taken. */
  leave(session: LearnerSession): Promise<void> {
    return this.#inTurn(async () => {
      const id = joinedId(session.record);
      await this.#options.store.remove(id);
      this.#end(id, session);
      this.#changed();
    });
  }

  /** One after the other: what was read before a change must not be followed after it. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** Has all sessions look again now. */
  poke(): void {
    for (const session of this.#sessions.values()) session.poke();
  }

  /** While something shows the sessions, they are fetched anew from time to time. @returns ends that */
  keepFresh(): { dispose(): void } {
    const refresh = (): void => this.#sessions.forEach((session) => void session.refresh());
    const timer = setInterval(refresh, SAFETY_REFETCH_MS);
    refresh();
    return { dispose: () => clearInterval(timer) };
  }

  dispose(): void {
    this.#disposed = true;
    this.#firstLoad.resolve(undefined);
    for (const session of this.#sessions.values()) session.dispose();
    this.#sessions.clear();
    this.#disposer.dispose();
  }

  /** The session of that record; one that follows it already goes on. */
  #follow(record: Joined, view?: LearnerView): LearnerSession {
    const id = joinedId(record);
    const earlier = this.#sessions.get(id);
    if (earlier !== undefined && !isOver(earlier.status) && isSameSeat(earlier.record, record)) return earlier;
    earlier?.dispose();
    const session = new LearnerSession({ ...this.#options, record, view, changed: () => this.#changed() });
    this.#sessions.set(id, session);
    if (this.#disposed) session.dispose();
    else session.start();
    return session;
  }

  #end(id: string, session: LearnerSession): void {
    session.dispose();
    if (this.#sessions.get(id) === session) this.#sessions.delete(id);
  }

  #changed(): void {
    if (!this.#disposed) this.#options.changed.fire();
  }
}

function isSameSeat(one: JoinedSeat, other: JoinedSeat): boolean {
  return (
    one.seat?.learner_token === other.seat?.learner_token &&
    one.seat?.number === other.seat?.number &&
    one.certificate === other.certificate
  );
}
