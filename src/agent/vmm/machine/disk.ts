/** A machine's own writable disk: a raw sparse file with an ext4 file system, whose size is all that it can ever take. */
import { rm, truncate, writeFile } from 'node:fs/promises';
import { execa, ExecaError } from 'execa';
import { CarapaceError, DiskFullError, UnavailableError } from '../../../protocol/errors.ts';
import { SeatRefusal } from './seat-refusal.ts';

const MIB = 1024 ** 2;

/** How long making or copying a disk may take: it writes a few MiB. */
const DEADLINE_MS = 60_000;

/**
 * A few blocks for root alone, so that a learner's full disk still starts; a small journal, since the host's disk holds what is written to it; and nothing zeroed, now
 * or later by the machine: the file has only zeros.
 */
const FILE_SYSTEM = ['-t', 'ext4', '-m', '1', '-J', 'size=8', '-E', 'assume_storage_prezeroed=1'];

async function run(program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await execa(program, args, {
      cancelSignal: signal,
      timeout: DEADLINE_MS,
      stdin: 'ignore',
      env: { LC_ALL: 'C' },
      forceKillAfterDelay: 1_000,
    });
  } catch (cause) {
    signal.throwIfAborted();
    const reason = cause instanceof ExecaError ? `${cause.shortMessage} ${cause.stderr}`.trim() : String(cause);
    throw new UnavailableError(`A machine's disk could not be made: ${reason}`, undefined, { cause });
  }
}

/** An empty disk. @throws DiskFullError, UnavailableError */
export async function makeDisk(path: string, sizeMb: number, signal: AbortSignal): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, '', { mode: 0o600 });
  await truncate(path, sizeMb * MIB);
  await run('mke2fs', ['-q', '-F', ...FILE_SYSTEM, path], signal);
}

/** A copy that shares what the file system can share, and takes no room for what was never written. */
export async function copyDisk(from: string, to: string, signal: AbortSignal): Promise<void> {
  await rm(to, { force: true });
  await run('cp', ['--sparse=always', '--reflink=auto', '--preserve=mode', from, to], signal);
}

function texts(error: unknown): string {
  // What a machine says of itself is about its own disk.
  if (!(error instanceof Error) || error instanceof SeatRefusal) return '';
  const code = 'code' in error ? String(error.code) : '';
  const details = error instanceof CarapaceError ? JSON.stringify(error.details ?? {}) : '';
  return `${code} ${error.message} ${details} ${texts(error.cause)}`;
}

/** The error for a person: a disk of the worker that became full is told as that, whoever noticed it. */
export function asDiskFull(error: unknown): unknown {
  if (error instanceof DiskFullError || !/ENOSPC|EDQUOT|No space left on device/i.test(texts(error))) return error;
  const message = "The worker's disk is full. Delete a workshop, or free space on the worker, and try again.";
  return new DiskFullError(message, undefined, { cause: error });
}
