/** Waiting that an AbortSignal ends. */
import { TimedOutError } from '../../protocol/errors.ts';

/** Waits for `work`, or throws the signal's reason as soon as there is one. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

export interface Parallel {
  /** How many items are worked on at once. */
  readonly limit: number;
  /** Whether the items after one that failed are worked on, too. */
  readonly keepGoing: boolean;
}

/** Works on the items in order. The first failure is thrown once all that has begun has come to its end. */
export async function inParallel<T>(
  items: readonly T[],
  options: Parallel,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const item of left) {
      try {
        await work(item);
      } catch (error) {
        failures.push(error);
      }
      if (failures.length > 0 && !options.keepGoing) return;
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.limit, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
}

/** Runs `work` for at most `ms` milliseconds. @throws TimedOutError with `message` when they are over */
export async function within<T>(
  ms: number,
  message: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new TimedOutError(message)), ms);
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } catch (error) {
    signal.throwIfAborted();
    late.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
