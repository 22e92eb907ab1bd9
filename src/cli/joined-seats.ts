/** The seats that were joined from this machine: joining again leads to the same one. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';

/** One file per server and code, mode 0600: the rejoin code in it is a key to the seat. */
export class JoinedSeats {
  readonly #folder: string;

  constructor(stateFolder: string) {
    this.#folder = join(stateFolder, 'joined');
  }

  async rejoinCode(server: string, code: string): Promise<string | undefined> {
    try {
      return (await readFile(this.#path(server, code), 'utf8')).trim();
    } catch {
      return undefined;
    }
  }

  async remember(server: string, code: string, rejoinCode: string): Promise<void> {
    const path = this.#path(server, code);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, `${rejoinCode}\n`);
  }

  async forget(server: string, code: string): Promise<void> {
    await rm(this.#path(server, code), { force: true });
  }

  #path(server: string, code: string): string {
    return join(this.#folder, createHash('sha256').update(`${server}\n${code}`).digest('hex').slice(0, 32));
  }
}
