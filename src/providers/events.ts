/** Waiting for VS Code's events. */
import type { Event } from 'vscode';

/** Resolves when the event fires next. @throws the signal's reason */
export function nextEvent(event: Event<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      listener.dispose();
      signal.removeEventListener('abort', aborted);
    };
    const aborted = () => {
      end();
      reject(signal.reason as Error);
    };
    const listener = event(() => {
      end();
      resolve();
    });
    signal.addEventListener('abort', aborted);
    if (signal.aborted) aborted();
  });
}

/** Calls `action` once, a moment after the first of several calls in a row. */
export function debounce(action: () => void, delayMs: number): { (): void; dispose(): void } {
  let timer: NodeJS.Timeout | undefined;
  const call = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      action();
    }, delayMs);
  };
  return Object.assign(call, {
    dispose: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  });
}

/** A promise that others share, with a caller who may give up on it. @throws the signal's reason */
export async function abandonable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const givenUp = Promise.withResolvers<never>();
  const abort = () => givenUp.reject(signal.reason as Error);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, givenUp.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
