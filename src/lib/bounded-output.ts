/** Keeps an output that was led into a file from growing without end: past its bound it goes on anew, beside one older file. */
import { constants, copyFileSync, fstatSync, ftruncateSync, readFileSync, readlinkSync } from 'node:fs';

/** The most of one file, in bytes; there are at most two. */
export const MAX_LOG_BYTES = 10 * 1024 * 1024;

interface Output {
  write(text: string): unknown;
}

/** Where what was in a log file before goes. */
export function olderLog(path: string): string {
  return path.endsWith('.log') ? `${path.slice(0, -'.log'.length)}-old.log` : `${path}-old`;
}

/** Only then does writing go on at the file's new end after it was emptied. */
function isAppending(descriptor: number): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1] ?? '0';
  return (parseInt(flags, 8) & constants.O_APPEND) !== 0;
}

/**
 * Writes to an output whose descriptor somebody else has opened for appending. The file itself is copied and emptied, not
 * renamed: this process and its starter hold it open. Where the descriptor is no file, or there is no /proc, all is written through.
 */
export class BoundedOutput {
  readonly #descriptor: number;
  readonly #output: Output;
  readonly #maxBytes: number;
  #path: string | undefined;
  #bytes = 0;

  constructor(descriptor: number, output: Output, maxBytes = MAX_LOG_BYTES) {
    this.#descriptor = descriptor;
    this.#output = output;
    this.#maxBytes = maxBytes;
    this.#find();
    if (this.#bytes >= maxBytes) this.#begin();
  }

  write(text: string): void {
    this.#bytes += Buffer.byteLength(text);
    if (this.#path !== undefined && this.#bytes > this.#maxBytes) {
      this.#begin();
      this.#bytes = Buffer.byteLength(text);
    }
    this.#output.write(text);
  }

  #find(): void {
    try {
      const stats = fstatSync(this.#descriptor);
      if (!stats.isFile() || !isAppending(this.#descriptor)) return;
      this.#path = readlinkSync(`/proc/self/fd/${this.#descriptor}`);
      this.#bytes = stats.size;
    } catch {
      // No Linux: nothing is bounded.
    }
  }

  /** Where the disk is full the old lines are lost, and the new ones have room. */
  #begin(): void {
    if (this.#path === undefined) return;
    try {
      copyFileSync(this.#path, olderLog(this.#path));
    } catch {
      // What matters is the bound.
    }
    try {
      ftruncateSync(this.#descriptor);
      this.#bytes = 0;
    } catch {
      this.#path = undefined;
    }
  }
}
