/** Work that several callers share while it is under way, and its result for a while after. */
import { untilAborted } from '../../operations/abort.ts';

/** @param keepMs how long a result serves further callers; failures are never kept */
export interface CoalescedOptions {
  readonly keepMs: number;
}

interface Shared<T> {
  readonly work: Promise<T>;
  readonly abort: AbortController;
  waiting: number;
  /** Unix time in milliseconds until which the result serves; Infinity while it is under way. */
  until: number;
}

/** The work is aborted, and waited for, when the last of its callers gives up. */
export class Coalesced<T> {
  readonly #options: CoalescedOptions;
  readonly #shared = new Map<string, Shared<T>>();

  constructor(options: CoalescedOptions) {
    this.#options = options;
  }

  async run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const shared = this.#find(key) ?? this.#begin(key, work);
    shared.waiting += 1;
    try {
      return await untilAborted(shared.work, signal);
    } catch (error) {
      if (signal.aborted && shared.waiting === 1) await this.#giveUp(key, shared, signal.reason);
      throw error;
    } finally {
      shared.waiting -= 1;
    }
  }

  #find(key: string): Shared<T> | undefined {
    for (const [name, shared] of this.#shared) if (shared.until <= performance.now()) this.#shared.delete(name);
    return this.#shared.get(key);
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<T>): Shared<T> {
    const abort = new AbortController();
    const shared: Shared<T> = { work: work(abort.signal), abort, waiting: 0, until: Infinity };
    this.#shared.set(key, shared);
    shared.work.then(
      () => (shared.until = performance.now() + this.#options.keepMs),
      () => this.#forget(key, shared),
    );
    return shared;
  }

  async #giveUp(key: string, shared: Shared<T>, reason: unknown): Promise<void> {
    this.#forget(key, shared);
    shared.abort.abort(reason);
    await shared.work.catch(() => undefined);
  }

  #forget(key: string, shared: Shared<T>): void {
    if (this.#shared.get(key) === shared) this.#shared.delete(key);
  }
}
