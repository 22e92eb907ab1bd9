/** `carapace seat cp`: files and folders into a seat or out of it. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { SeatFiles } from '../client/seat-files.ts';
import { InvalidInputError, NotFoundError, UnavailableError } from '../protocol/errors.ts';
import { parseSeat } from './arguments.ts';
import { interruptible } from './interrupt.ts';
import type { CliIo } from './io.ts';
import { seatFiles } from './seat.ts';
import { downloadFolder, uploadFolder } from './seat-copy-folder.ts';
import { controlPlane, print, withCommonOptions, type CommonOptions } from './session.ts';

/** Marks a path as one in the seat. */
const IN_SEAT = ':';

interface CopyOptions extends CommonOptions {
  readonly recursive?: boolean;
}

export function addCopy(seat: Command, io: CliIo): void {
  const command = seat
    .command('cp')
    .summary('copy a file or folder into a seat or out of it')
    .description('copy a file or folder into a seat or out of it; a path that begins with ":" is in the seat')
    .argument('<workshop>', 'id or name')
    .argument('<seat>', 'its number')
    .argument('<from>', 'such as ./notes.md or :notes.md')
    .argument('<to>', 'a file, or a folder that exists or ends with "/"')
    .option('-r, --recursive', 'copy folders with all that is in them, but for links that lead out of them');
  withCommonOptions(command).action(
    (idOrName: string, seatText: string, from: string, to: string, options: CopyOptions) =>
      interruptible(async (signal) => {
        const number = parseSeat(seatText);
        const intoSeat = directionOf(from, to);
        const client = await controlPlane(io, options, signal);
        const files = await seatFiles(client, idOrName, number, signal);
        const recursive = options.recursive === true;
        const result = intoSeat
          ? await upload(files, from, to.slice(IN_SEAT.length), recursive, signal)
          : await download(files, from.slice(IN_SEAT.length), to, recursive, signal);
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
  /** Of a file. */
  readonly etag?: string;
}

async function upload(
  files: SeatFiles,
  from: string,
  to: string,
  recursive: boolean,
  signal: AbortSignal,
): Promise<Copied> {
  const isFolder = await isLocalFolderOf(from, recursive);
  const intoFolder = to === '' || to.endsWith('/') || (await isSeatFolder(files, to, signal));
  const target = intoFolder ? joinSeatPath(to, basename(resolve(from))) : to;
  if (isFolder) {
    await uploadFolder(files, from, target, signal);
    return { from, to: IN_SEAT + target };
  }
  const { etag } = await files.writeFrom(target, createReadStream(from), {}, signal);
  return { from, to: IN_SEAT + target, etag };
}

async function download(
  files: SeatFiles,
  from: string,
  to: string,
  recursive: boolean,
  signal: AbortSignal,
): Promise<Copied> {
  const { file } = await files.stat(from, signal);
  if (file.is_directory && !recursive) throw folderWithoutFlag(IN_SEAT + from);
  const intoFolder = to.endsWith('/') || (await isLocalFolder(to));
  const target = intoFolder ? join(to, nameOf(file.name)) : to;
  if (file.is_directory) {
    await downloadFolder(files, from, target, signal);
    return { from: IN_SEAT + from, to: target };
  }
  const { etag } = await writeWhole(target, (partial) => files.readTo(from, createWriteStream(partial), signal));
  return { from: IN_SEAT + from, to: target, etag };
}

/** The name that a seat tells, where it is one: a seat is not trusted to choose a place here. The whole workspace has none. */
function nameOf(name: string): string {
  if (name === '') return 'workspace';
  if (name === '.' || name === '..' || /[/\\]/.test(name))
    throw new UnavailableError(`The seat told a name that is none: ${JSON.stringify(name)}.`);
  return name;
}

function folderWithoutFlag(path: string): InvalidInputError {
  return new InvalidInputError(`${path} is a folder. Copy it with -r.`, { path: 'from' });
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

/** Whether it is a folder. @throws NotFoundError, and InvalidInputError for a folder that was not asked for */
async function isLocalFolderOf(path: string, recursive: boolean): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new NotFoundError(`There is no file ${path}.`);
  if (found.isDirectory() && !recursive) throw folderWithoutFlag(path);
  return found.isDirectory();
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
