/** A run that must clean up ends by a signal, however it is asked to end. */
import { Interrupted } from '../failures.ts';
import type { CliIo } from '../io.ts';

const SIGNALS = ['SIGTERM', 'SIGHUP'] as const;

/**
 * Runs work whose signal is aborted by `signal`, by SIGTERM, by SIGHUP, and when nobody reads the output any more: an editor that
 * shows it may be closed, and what was launched is to be destroyed all the same.
 */
export async function endingSignal<T>(
  io: CliIo,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const end = (): void => ending.abort(new Interrupted());
  for (const name of SIGNALS) process.on(name, end);
  const restore = [io.stdout, io.stderr].map((output) => {
    // The program's own answer to a closed output is to end at once.
    const others = output.listeners('error') as ((error: Error) => void)[];
    output.removeAllListeners('error').on('error', end);
    return (): void => {
      output.off('error', end);
      for (const other of others) output.on('error', other);
    };
  });
  try {
    return await work(AbortSignal.any([signal, ending.signal]));
  } finally {
    for (const name of SIGNALS) process.off(name, end);
    for (const undo of restore) undo();
  }
}
