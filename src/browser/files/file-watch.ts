/** Keeps the page's files fresh while somebody looks. */
import { backoffMs } from '../../client/backoff.ts';
import { NoCapacityError, TooLargeError, UnauthorizedError } from '../../protocol/errors.ts';
import type { WatchEvent } from '../../protocol/files.ts';
import type { PageFiles } from './page-files.ts';

/** How often everything is read anew where the seat cannot watch, in milliseconds. */
const POLL_MS = 10_000;

export class FileWatch {
  readonly #files: PageFiles;
  readonly #tell: (event: WatchEvent) => void;
  #watching: AbortController | undefined;

  constructor(files: PageFiles, tell: (event: WatchEvent) => void) {
    this.#files = files;
    this.#tell = tell;
  }

  /** Holds one connection to the server, while the page is seen. */
  follow(isSeen: boolean): void {
    if (isSeen === (this.#watching !== undefined)) return;
    this.#watching?.abort();
    this.#watching = isSeen ? new AbortController() : undefined;
    if (this.#watching !== undefined) void this.#watch(this.#watching.signal);
  }

  /** Begins anew now, where it was watching. */
  renew(): void {
    if (this.#watching === undefined) return;
    this.follow(false);
    this.follow(true);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        for await (const event of this.#files.watch('', { signal })) {
          attempt = 0;
          this.#tell(event);
        }
      } catch (error) {
        if (error instanceof UnauthorizedError) return;
        const isTooMuch = error instanceof TooLargeError || error instanceof NoCapacityError;
        if (isTooMuch) this.#tell({ type: 'reset' });
        await pause(isTooMuch ? POLL_MS : backoffMs(attempt, Math.random()), signal);
      }
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
