/** The serial console of the played guest: to a file with a bound, else to the standard output. */
import { writeSync } from 'node:fs';

export class Console {
  #file = 1;
  #left = Infinity;

  /** @param limit how many bytes there may be; what is more is dropped */
  redirect(file: number | undefined, limit: number | undefined): void {
    this.#file = file ?? 1;
    this.#left = limit ?? Infinity;
  }

  write(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (bytes.length > this.#left) return;
    this.#left -= bytes.length;
    try {
      writeSync(this.#file, bytes);
    } catch {
      // Nobody reads it any more.
    }
  }
}
