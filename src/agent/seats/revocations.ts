/** Which seats take no learner's token of an earlier generation: those learners have lost them. */
import { readFile, rm } from 'node:fs/promises';
import * as z from 'zod/mini';
import { writeFileAtomic } from '../../lib/atomic-file.ts';
import { DiskFullError } from '../../protocol/errors.ts';
import type { SeatKey } from '../vmm/driver.ts';

/** The first generation that may enter, by seat, such as `ws-7k2m9x/3`. */
const fileSchema = z.record(z.string(), z.int());

function nameOf({ workshopId, seatId }: SeatKey): string {
  return `${workshopId}/${seatId}`;
}

/** Kept in a file that a crash leaves whole; an entry is on the disk before it counts, and stays as long as its seat. */
export class Revocations {
  readonly #path: string;
  #first: ReadonlyMap<string, number>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, first: ReadonlyMap<string, number>) {
    this.#path = path;
    this.#first = first;
  }

  /** @throws Error where the file cannot be read as it was written: without it old tokens would open seats again */
  static async open(path: string): Promise<Revocations> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Revocations(path, new Map());
      throw error;
    }
    try {
      return new Revocations(path, new Map(Object.entries(fileSchema.parse(JSON.parse(text)))));
    } catch (cause) {
      throw new Error(`${path} is damaged. It says whose tokens are revoked: put a good copy in its place`, { cause });
    }
  }

  /** From now on the seat takes no token of an earlier generation. @throws DiskFullError, or the file system's error */
  revoke(key: SeatKey, generation: number): Promise<void> {
    return this.#change((first) => first.set(nameOf(key), Math.max(first.get(nameOf(key)) ?? 0, generation)));
  }

  /** For a seat that is gone for good. */
  async forget(key: SeatKey): Promise<void> {
    if (this.#first.has(nameOf(key))) await this.#change((first) => first.delete(nameOf(key)));
  }

  isRevoked(key: SeatKey, generation: number): boolean {
    return generation < (this.#first.get(nameOf(key)) ?? 0);
  }

  /** One change after the other; what could not be written does not count. */
  async #change(change: (first: Map<string, number>) => void): Promise<void> {
    const written = this.#writing.then(async () => {
      const first = new Map(this.#first);
      change(first);
      await this.#write(first);
      this.#first = first;
    });
    this.#writing = written.catch(() => undefined);
    await written;
  }

  async #write(first: ReadonlyMap<string, number>): Promise<void> {
    try {
      if (first.size === 0) await rm(this.#path, { force: true });
      else await writeFileAtomic(this.#path, JSON.stringify(Object.fromEntries(first)));
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC')) throw cause;
      const message = 'The disk of the worker is full: the seat cannot be taken from its learner. Make room on it.';
      throw new DiskFullError(message, undefined, { cause });
    }
  }
}
