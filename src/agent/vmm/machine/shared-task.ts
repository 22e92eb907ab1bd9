/** Work that several callers need and that is done once: each waits as long as it wants to. */
import { setTimeout as sleep } from 'node:timers/promises';

interface Running<T> {
  readonly result: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
}

function whenAborted(signal: AbortSignal): { aborted: Promise<void>; forget: () => void } {
  const ended = new AbortController();
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { signal: ended.signal });
  });
  return { aborted, forget: () => ended.abort() };
}

export class SharedTask<T> {
  readonly #running = new Map<string, Running<T>>();

  /**
   * Does the task, or waits for who does it already. When the last caller has given up, the task is ended by its own signal, and that
   * caller waits until it has cleaned up.
   * @throws the task's error; the caller's signal's reason
   */
  async run(key: string, task: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const before = this.#running.get(key);
    if (before?.stop.signal.aborted === true) {
      await before.result.catch(() => undefined);
      return this.run(key, task, signal);
    }
    const running = before ?? this.#begin(key, task);
    running.waiting += 1;
    const { aborted, forget } = whenAborted(signal);
    try {
      const first = await Promise.race([running.result.then((value) => ({ value })), aborted]);
      if (first !== undefined) return first.value;
    } finally {
      forget();
      running.waiting -= 1;
    }
    if (running.waiting === 0) {
      running.stop.abort(signal.reason);
      await running.result.catch(() => undefined);
    }
    throw signal.reason;
  }

  #begin(key: string, task: (signal: AbortSignal) => Promise<T>): Running<T> {
    const stop = new AbortController();
    // After this function, so that a task which fails at once is not forgotten before it is known.
    const result = sleep(0).then(() => task(stop.signal));
    const running: Running<T> = { result, stop, waiting: 0 };
    this.#running.set(key, running);
    const forget = (): void => {
      if (this.#running.get(key) === running) this.#running.delete(key);
    };
    result.then(forget, forget);
    return running;
  }
}
