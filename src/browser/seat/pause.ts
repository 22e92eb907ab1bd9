/** A wait that can be ended early. */
import type { Waiting } from '../../client/learner/learner-follower.ts';

export class Pause implements Waiting {
  #poked = Promise.withResolvers<undefined>();

  poke(): void {
    this.#poked.resolve(undefined);
  }

  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    const over = Promise.withResolvers<boolean>();
    const end = () => over.resolve(false);
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    const result = await Promise.race([this.#poked.promise.then(() => true), over.promise]);
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    if (result) this.#poked = Promise.withResolvers();
    return result;
  }
}
