/** The seats that were joined from this machine: joining again leads to the same one. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { DiskFullError, UnavailableError } from '../protocol/errors.ts';

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
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFileAtomic(path, `${rejoinCode}\n`);
    } catch (error) {
      throw notKept(this.#folder, error);
    }
  }

  async forget(server: string, code: string): Promise<void> {
    await rm(this.#path(server, code), { force: true });
  }

  #path(server: string, code: string): string {
    return join(this.#folder, createHash('sha256').update(`${server}\n${code}`).digest('hex').slice(0, 32));
  }
}

/** Without the code that leads back to the seat, nobody joins: the seat would be lost with the answer. */
function notKept(folder: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  const what = `The code that leads back to the seat cannot be kept in ${folder}`;
  const options = { cause: error };
  if (error.code === 'ENOSPC') {
    return new DiskFullError(`${what}: the disk is full. Make room on it and join again.`, undefined, options);
  }
  const advice = 'Set CARAPACE_HOME to a folder that you may write to and join again.';
  return new UnavailableError(`${what} (${String(error.code)}). ${advice}`, undefined, options);
}
