/** The stream of events: written to the store first, told to those who listen afterwards. */
import type { CarapaceEvent } from '../protocol/event.ts';
import { timestamp } from './clock.ts';
import type { Store } from './store/store.ts';

/** How much is kept for clients that come back: at most this many events, for at most a week. */
const KEPT_EVENTS = 20_000;
const KEPT_MS = 7 * 24 * 3_600_000;

export class EventLog {
  readonly #store: Store;
  readonly #listeners = new Set<() => void>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * @param workshopId the workshop whose learners may see the event, null for none
   * @param seat of them only the learner of this one
   */
  append(event: Omit<CarapaceEvent, 'timestamp'>, workshopId: string | null, seat?: number): void {
    this.#store.events.append({ timestamp: timestamp(), ...event }, workshopId, seat);
    this.#store.database.afterCommit(() => {
      for (const listener of this.#listeners) listener();
    });
  }

  /** Calls `listener` after each change of the stream until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Forgets what is too old or too much. */
  prune(): void {
    this.#store.events.prune(timestamp(-KEPT_MS), KEPT_EVENTS);
  }
}
