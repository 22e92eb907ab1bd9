/** Copies the memory of a paused machine, from outside and at the worker's own speed. */
import { open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { UnavailableError } from '../../../protocol/errors.ts';

/** How the kernel calls the memory that QEMU gets from memfd_create(2). */
const MEMORY_NAME = '/memfd:memory-backend-memfd (deleted)';

const CHUNK = 1024 ** 2;

/** Pages of nothing are left out of the copy: it has holes there, which read as zeros. */
const PAGE = 4096;
const EMPTY = Buffer.alloc(PAGE);

/** @throws UnavailableError where the process has no memory of its own kind, as a copy of a snapshot has not */
async function findMemory(pid: number): Promise<string> {
  const folder = `/proc/${pid}/fd`;
  for (const name of await readdir(folder)) {
    const target = await readlink(join(folder, name)).catch(() => '');
    if (target === MEMORY_NAME) return join(folder, name);
  }
  throw new UnavailableError('Only a machine that was booted, not one that was restored, can be snapshotted.');
}

/** Calls back for each run of pages that hold anything. */
export function* filledRuns(chunk: Buffer): Generator<{ readonly start: number; readonly end: number }> {
  let start = -1;
  for (let page = 0; page < chunk.length; page += PAGE) {
    const end = Math.min(page + PAGE, chunk.length);
    const isEmpty = EMPTY.compare(chunk, page, end, 0, end - page) === 0;
    if (!isEmpty && start < 0) start = page;
    if (isEmpty && start >= 0) {
      yield { start, end: page };
      start = -1;
    }
  }
  if (start >= 0) yield { start, end: chunk.length };
}

async function copySparse(source: FileHandle, target: FileHandle, signal: AbortSignal): Promise<void> {
  const { size } = await source.stat();
  await target.truncate(size);
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (let offset = 0; offset < size;) {
    signal.throwIfAborted();
    const { bytesRead } = await source.read(buffer, 0, CHUNK, offset);
    if (bytesRead === 0) throw new UnavailableError('The memory of the machine ended before its end.');
    for (const { start, end } of filledRuns(buffer.subarray(0, bytesRead))) {
      await target.write(buffer, start, end - start, offset + start);
    }
    offset += bytesRead;
  }
}

/**
 * The memory of a QEMU process, to be read.
 * @throws UnavailableError where it is a copy of a snapshot's
 */
export async function openMemory(pid: number): Promise<FileHandle> {
  return open(await findMemory(pid), 'r');
}

/** Writes the memory into a new file. @throws UnavailableError, the file system's error */
export async function copyMemory(source: FileHandle, file: string, signal: AbortSignal): Promise<void> {
  const target = await open(file, 'wx', 0o600);
  try {
    await copySparse(source, target, signal);
    await target.datasync();
  } finally {
    await target.close();
  }
}
