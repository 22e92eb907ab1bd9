/** Whole folders into a seat and out of it, as archives on the way. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { SeatFiles } from '../client/seat-files.ts';
import { moveIn } from '../lib/archive/move-in.ts';
import { packTree } from '../lib/archive/pack.ts';
import { unpackInto } from '../lib/archive/unpack.ts';

/** Of what a seat sends: it is not trusted. */
const BOUNDS = { bytes: 16 * 1024 ** 3, entries: 1_000_000 };

/** Copies a local folder to a folder of the seat; what is there already is joined, files are replaced. */
export async function uploadFolder(files: SeatFiles, from: string, to: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const gzip = createGzip();
  const sent = files.archiveFrom(to, gzip, { overwrite: true }, signal);
  // What goes wrong here destroys the other stream, whose failure is the one that is told.
  const packed = pipeline(Readable.from(packTree(from)), gzip).catch(() => undefined);
  await Promise.all([sent, packed]);
}

/** Copies a folder of the seat to a local folder, like {@link uploadFolder}. Nothing is there before all has come. */
export async function downloadFolder(files: SeatFiles, from: string, to: string, signal: AbortSignal): Promise<void> {
  const target = resolve(to);
  const mark = randomBytes(4).toString('hex');
  const partial = join(dirname(target), `.${basename(target)}.${mark}.partial`);
  await mkdir(join(partial, 'new'), { recursive: true, mode: 0o700 });
  try {
    await receive(files, from, join(partial, 'new'), signal);
    await mkdir(target, { recursive: true });
    const aside = join(partial, 'old');
    await moveIn(join(partial, 'new'), target, { overwrite: true, aside, show: (path) => join(to, path) });
  } finally {
    await rm(partial, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function receive(files: SeatFiles, from: string, folder: string, signal: AbortSignal): Promise<void> {
  const archive = new PassThrough();
  // The first of the two that fails takes the other with it, and is the one to tell.
  const failures: unknown[] = [];
  const note = (error: unknown) => {
    failures.push(error);
    archive.destroy();
  };
  const sent = files.archiveTo(from, archive, signal).catch(note);
  const unpacked = unpackInto(folder, archive, BOUNDS).catch(note);
  await Promise.all([sent, unpacked]);
  if (failures.length > 0) throw failures[0];
}
