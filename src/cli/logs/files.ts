/** The log files of a state folder, and reading them from their ends. */
import { open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { olderLog } from '../../lib/bounded-output.ts';
import { statePaths } from '../../lib/state-folder.ts';

/** No more than this much of a log's end is read at once, in bytes. */
export const TAIL_BYTES = 1024 * 1024;

export interface LogFile {
  /** `serve`, `agent`, or `seat ws-7k2m9xq4/3`. */
  readonly name: string;
  readonly path: string;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch {
    return [];
  }
}

/** The logs of the control plane, the agents and the cloud server's operations, each with what was before its bound. */
export async function serviceLogs(stateFolder: string, withOlder: boolean): Promise<LogFile[]> {
  const { logs } = statePaths(stateFolder);
  const files = (await namesIn(logs)).filter((name) => name.endsWith('.log'));
  const older = new Set(files.map(olderLog));
  const newest = files.filter((name) => !older.has(name));
  return newest.flatMap((name) =>
    [...(withOlder && files.includes(olderLog(name)) ? [olderLog(name)] : []), name].map((file) => ({
      name: basename(name, '.log'),
      path: join(logs, file),
    })),
  );
}

/** The logs of seats on this machine that are processes; those of machines are inside. */
export async function seatLogs(stateFolder: string): Promise<LogFile[]> {
  const seats = join(statePaths(stateFolder).worker, 'seats');
  const found = await Promise.all(
    (await namesIn(seats)).map(async (workshop) =>
      (await namesIn(join(seats, workshop))).map((seat) => ({
        name: `seat ${workshop}/${seat}`,
        path: join(seats, workshop, seat, 'workspace.log'),
      })),
    ),
  );
  return found.flat();
}

/** A file that is read from a place on; it may be emptied meanwhile, and then begins anew. */
export class LogReader {
  readonly file: LogFile;
  #place = 0;
  #rest = '';

  constructor(file: LogFile) {
    this.file = file;
  }

  /** The last lines that are there, at most {@link TAIL_BYTES} of them; reading goes on behind them. */
  async tail(): Promise<string[]> {
    const size = await sizeOf(this.file.path);
    this.#place = Math.max(0, size - TAIL_BYTES);
    const isCut = this.#place > 0;
    const lines = await this.more();
    return isCut ? lines.slice(1) : lines;
  }

  /** The lines that came since; one that is still being written comes with the next. */
  async more(): Promise<string[]> {
    const size = await sizeOf(this.file.path);
    if (size < this.#place) {
      this.#place = 0;
      this.#rest = '';
    }
    const length = Math.min(size - this.#place, TAIL_BYTES);
    if (length <= 0) return [];
    const text = await read(this.file.path, this.#place, length);
    this.#place += length;
    const lines = (this.#rest + text.toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    // Cut where a line ends, so that no character is.
    return lines.map((line) => Buffer.from(line, 'latin1').toString('utf8'));
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    const file = await open(path, 'r');
    try {
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  } catch {
    // A seat that was removed meanwhile.
    return 0;
  }
}

async function read(path: string, place: number, length: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, place);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
