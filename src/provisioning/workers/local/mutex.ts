/** One at a time. */
import { untilAborted } from '../../operations/abort.ts';

export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` after all that came before it. Gives up waiting, but not working, when the signal is aborted. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = Promise.withResolvers<undefined>();
    const before = this.#last;
    this.#last = before.then(() => turn.promise);
    try {
      await untilAborted(before, signal);
      return await work();
    } finally {
      turn.resolve(undefined);
    }
  }
}
