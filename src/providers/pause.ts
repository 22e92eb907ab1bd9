/** A wait that can be ended early. */
import { setTimeout as sleep } from 'node:timers/promises';

/** The longest that a timer can wait, in milliseconds (2^31 - 1). */
const FOR_EVER_MS = 2_147_483_647;

export class Pause {
  #poked = Promise.withResolvers<undefined>();

  /** Ends the wait that is under way, or else the next one. */
  poke(): void {
    this.#poked.resolve(undefined);
  }

  /** Waits for a poke, at most for `ms`, not past the signal; tells whether there was a poke. */
  async wait(ms: number | undefined, signal: AbortSignal): Promise<boolean> {
    const ended = new AbortController();
    const options = { signal: AbortSignal.any([ended.signal, signal]), ref: false };
    const poked = this.#poked.promise.then(() => true);
    const slept = sleep(ms ?? FOR_EVER_MS, false, options).catch(() => false);
    const result = await Promise.race([poked, slept]);
    ended.abort();
    if (result) this.#poked = Promise.withResolvers<undefined>();
    return result;
  }
}
