/** Ctrl-C as an AbortSignal. */
import { Interrupted } from './failures.ts';

/** Runs work that SIGINT ends with {@link Interrupted}; a second SIGINT ends the process as always. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController();
  const onInterrupt = (): void => interrupt.abort(new Interrupted());
  process.once('SIGINT', onInterrupt);
  try {
    return await work(interrupt.signal);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
