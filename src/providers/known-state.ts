/** What is known of the control plane: snapshots, and the events that come with and after them. */
import type { ControlPlaneClient } from '../client/control-plane.ts';
import type { CarapaceEvent } from '../protocol/event.ts';
import { EMPTY_STATE, withEvent, type ModelState } from './model/state.ts';
import type { Change, Fetch } from './snapshot.ts';

export class KnownState {
  readonly #changed: () => void;
  #state: ModelState = EMPTY_STATE;
  /** Events that arrive while a snapshot is loaded, to be applied after it. */
  #held: CarapaceEvent[] | undefined;
  #loading: Promise<void> = Promise.resolve();

  /** @param changed called after each change */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get value(): ModelState {
    return this.#state;
  }

  /** Whether a snapshot is on its way. */
  get isLoading(): boolean {
    return this.#held !== undefined;
  }

  /** Applies an event, once the snapshot that is on its way has been applied. */
  tell(event: CarapaceEvent): void {
    if (this.#held !== undefined) this.#held.push(event);
    else this.#set(withEvent(this.#state, event));
  }

  /** Applies a change at once. */
  change(change: Change): void {
    this.#set(change(this.#state));
  }

  /** Fetches, and applies the events that came meanwhile after it: also what follows a reset. One at a time. */
  load(fetch: Fetch, client: ControlPlaneClient, signal: AbortSignal): Promise<void> {
    const loading = this.#loading.then(async () => {
      const held: CarapaceEvent[] = (this.#held = []);
      try {
        const change = await fetch(client, signal);
        this.#set(held.reduce(withEvent, change(this.#state)));
      } catch (error) {
        this.#set(held.reduce(withEvent, this.#state));
        throw error;
      } finally {
        this.#held = undefined;
      }
    });
    this.#loading = loading.catch(() => undefined);
    return loading;
  }

  #set(state: ModelState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#changed();
  }
}
