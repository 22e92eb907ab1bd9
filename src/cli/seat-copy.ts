/** `carapace seat cp`: one file into a seat or out of it. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { SeatFiles } from '../client/seat-files.ts';
import { InvalidInputError, NotFoundError } from '../protocol/errors.ts';
import { parseSeat } from './arguments.ts';
import { interruptible } from './interrupt.ts';
import type { CliIo } from './io.ts';
import { seatFiles } from './seat.ts';
import { controlPlane, print, withCommonOptions, type CommonOptions } from './session.ts';

/** Marks a path as one in the seat. */
const IN_SEAT = ':';

export function addCopy(seat: Command, io: CliIo): void {
  const command = seat
    .command('cp')
    .description('copy a file into a seat or out of it; a path that begins with ":" is in the seat')
    .argument('<workshop>', 'id or name')
    .argument('<seat>', 'its number')
    .argument('<from>', 'such as ./notes.md or :notes.md')
    .argument('<to>', 'a file, or a folder that exists or ends with "/"');
  withCommonOptions(command).action(
    (idOrName: string, seatText: string, from: string, to: string, options: CommonOptions) =>
      interruptible(async (signal) => {
        const number = parseSeat(seatText);
        const intoSeat = directionOf(from, to);
        const client = await controlPlane(io, options, signal);
        const files = await seatFiles(client, idOrName, number, signal);
        const result = intoSeat
          ? await upload(files, from, to.slice(IN_SEAT.length), signal)
          : await download(files, from.slice(IN_SEAT.length), to, signal);
        await print(io, options, result, () => `${result.from} -> ${result.to}`);
      }),
  );
}

/** Whether the copy goes into the seat. @throws InvalidInputError unless exactly one of the paths is in the seat */
function directionOf(from: string, to: string): boolean {
  const intoSeat = to.startsWith(IN_SEAT);
  if (intoSeat !== from.startsWith(IN_SEAT)) return intoSeat;
  throw new InvalidInputError('Exactly one of the two paths begins with ":", the one in the seat.', { path: 'from' });
}

interface Copied {
  readonly from: string;
  readonly to: string;
  readonly etag: string;
}

async function upload(files: SeatFiles, from: string, to: string, signal: AbortSignal): Promise<Copied> {
  await requireFile(from);
  const intoFolder = to === '' || to.endsWith('/') || (await isSeatFolder(files, to, signal));
  const target = intoFolder ? joinSeatPath(to, basename(from)) : to;
  const { etag } = await files.writeFrom(target, createReadStream(from), {}, signal);
  return { from, to: IN_SEAT + target, etag };
}

async function download(files: SeatFiles, from: string, to: string, signal: AbortSignal): Promise<Copied> {
  const { file } = await files.stat(from, signal);
  if (file.is_directory) throw new InvalidInputError(`":${from}" is a folder. Copy its files one by one.`);
  const intoFolder = to.endsWith('/') || (await isLocalFolder(to));
  const target = intoFolder ? join(to, file.name) : to;
  const { etag } = await writeWhole(target, (partial) => files.readTo(from, createWriteStream(partial), signal));
  return { from: IN_SEAT + from, to: target, etag };
}

/** A local file appears whole or not at all. */
async function writeWhole<T>(target: string, write: (partial: string) => Promise<T>): Promise<T> {
  const partial = join(dirname(target), `.${basename(target)}.${randomBytes(4).toString('hex')}.partial`);
  try {
    const result = await write(partial);
    await rename(partial, target);
    return result;
  } finally {
    await rm(partial, { force: true });
  }
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new NotFoundError(`There is no file ${path}.`);
  if (found.isDirectory()) throw new InvalidInputError(`${path} is a folder. Copy its files one by one.`);
}

async function isLocalFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function isSeatFolder(files: SeatFiles, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await files.stat(path, signal)).file.is_directory;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

function joinSeatPath(folder: string, name: string): string {
  return folder === '' || folder.endsWith('/') ? folder + name : `${folder}/${name}`;
}
