/** Reaches the monitor of a QEMU that is just starting. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TimedOutError, UnavailableError } from '../../../protocol/errors.ts';
import type { Started } from './launch.ts';
import { QmpClient, type QmpOptions } from './qmp-client.ts';

/** QEMU opens disks, memory and network before it answers; a busy machine lets it wait. */
const START_MS = 30_000;
const PAUSE_MS = 5;

/** How long after a broken connection the process itself may take to end, so that its last words are told. */
const LAST_WORDS_MS = 1_000;

/** Whether nobody listens there yet. */
function isTooEarly(error: unknown): boolean {
  const cause = error instanceof UnavailableError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return cause?.code === 'ENOENT' || cause?.code === 'ECONNREFUSED';
}

async function connectWhenReady(path: string, options: QmpOptions, deadline: number): Promise<QmpClient> {
  for (;;) {
    try {
      return await QmpClient.connect(path, { ...options, deadlineMs: Math.max(1, deadline - performance.now()) });
    } catch (error) {
      if (!isTooEarly(error)) throw error;
      if (performance.now() >= deadline) throw new TimedOutError('QEMU has not opened its monitor in time.');
    }
    await sleep(PAUSE_MS);
  }
}

/** The better explanation of a failure: QEMU's last words where it has ended, else the error itself. */
export async function explain(started: Started, error: unknown): Promise<unknown> {
  const ended = await Promise.race([started.ended, sleep(LAST_WORDS_MS, undefined)]);
  return ended ?? error;
}

/**
 * Waits until QEMU takes commands. The client's deadline for each command is what was left of the time for starting.
 * @throws UnavailableError with QEMU's last words where it has ended; TimedOutError; the signal's reason
 */
export async function connectToStarted(path: string, started: Started, signal: AbortSignal): Promise<QmpClient> {
  const gone = new AbortController();
  void started.ended.then((error) => gone.abort(error));
  return connectWhenReady(path, { signal: AbortSignal.any([signal, gone.signal]) }, performance.now() + START_MS);
}
