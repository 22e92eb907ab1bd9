/**
 * Unpacks a compressed tar file from somebody who is not trusted, into an empty folder.
 *
 * Links are made when all else is there: nothing can be written through one.
 */
import { lstat, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { Unpack, type ReadEntry } from 'tar';
import { InvalidInputError, TooLargeError, type CarapaceError } from '../../protocol/errors.ts';
import { isInside, leadsOut, partsOf } from './names.ts';

/** What an archive may be at most, unpacked. */
export interface UnpackBounds {
  readonly bytes: number;
  readonly entries: number;
}

export const MAX_ARCHIVE_ENTRIES = 200_000;

const KINDS = new Set(['File', 'OldFile', 'ContiguousFile', 'Directory', 'SymbolicLink', 'Link']);
/** What the disk says, as against what is wrong with the archive. */
const DISK_ERRORS = [
  'ENOSPC',
  'EDQUOT',
  'EACCES',
  'EPERM',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'EIO',
  'ENAMETOOLONG',
  'EFBIG',
];
/** After a failure, how long the library gets to close its files. */
const CLOSING_MS = 5_000;
const FOLDER_MODE = 0o700;
const PERMISSIONS = 0o777;

interface LinkToMake {
  readonly path: string;
  readonly target: string;
}

/**
 * Unpacks into `folder`, which is empty and nobody else's; after a failure it has some part of the archive in it.
 * Owners are not kept, set-user-id bits neither.
 * @throws InvalidInputError where it is no such archive, or has entries that lead out of the folder or are devices, pipes or
 * sockets; TooLargeError past the bounds; the file system's errors; what `source` throws
 */
export async function unpackInto(
  folder: string,
  source: AsyncIterable<Uint8Array>,
  bounds: UnpackBounds,
): Promise<void> {
  const links: LinkToMake[] = [];
  await new Unpacking(folder, bounds, links).run(source);
  for (const link of links) await makeLink(folder, link);
}

class Unpacking {
  readonly #bounds: UnpackBounds;
  readonly #links: LinkToMake[];
  readonly #unpack: Unpack;
  readonly #ended: Promise<void>;
  readonly #failed = Promise.withResolvers<undefined>();
  #failure: Error | undefined;
  #entries = 0;
  #bytes = 0;
  /** Ends the waiting for room. */
  #wake: () => void = () => undefined;

  constructor(folder: string, bounds: UnpackBounds, links: LinkToMake[]) {
    this.#bounds = bounds;
    this.#links = links;
    this.#unpack = new Unpack({
      cwd: folder,
      strict: true,
      preserveOwner: false,
      brotli: false,
      zstd: false,
      filter: (_path, entry) => this.#takes(entry as ReadEntry),
    });
    this.#unpack.on('error', (error: unknown) => this.#fail(asTyped(error)));
    this.#unpack.on('drain', () => this.#wake());
    this.#ended = new Promise((resolve) => {
      this.#unpack.on('end', () => resolve());
    });
  }

  async run(source: AsyncIterable<Uint8Array>): Promise<void> {
    const gunzip = createGunzip();
    const fed = pipeline(source, gunzip);
    fed.catch(() => undefined);
    try {
      for await (const chunk of gunzip as AsyncIterable<Buffer>) {
        await this.#write(chunk);
        if (this.#failure !== undefined) break;
      }
    } catch (error) {
      this.#fail(asTyped(error));
    }
    // Also after a failure: the library closes its files only then.
    this.#unpack.end();
    const givenUp = this.#failed.promise.then(() => sleep(CLOSING_MS, undefined, { ref: false }));
    await Promise.race([this.#ended, givenUp]);
    if (this.#failure !== undefined) throw this.#failure;
    await fed;
  }

  async #write(chunk: Buffer): Promise<void> {
    // The library would uncompress it once more, past our bound.
    if (this.#bytes === 0 && chunk[0] === 0x1f && chunk[1] === 0x8b) this.#fail(notAnArchive());
    this.#bytes += chunk.length;
    const { bytes } = this.#bounds;
    // A header and some padding for each entry are not counted as content.
    if (this.#bytes > bytes + 1024 * (this.#entries + 64)) this.#fail(tooLarge(`${bytes} bytes`));
    if (this.#failure !== undefined || this.#unpack.write(chunk)) return;
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#failed.resolve(undefined);
    this.#wake();
  }

  /** Whether the library is to make an entry. */
  #takes(entry: ReadEntry): boolean {
    if (this.#failure !== undefined) return false;
    this.#entries += 1;
    const refusal = this.#entries > this.#bounds.entries ? tooLarge(`${this.#bounds.entries} entries`) : refuse(entry);
    if (refusal !== undefined) {
      this.#fail(refusal);
      return false;
    }
    const isFolder = entry.type === 'Directory';
    if (entry.mode !== undefined) entry.mode = (entry.mode & PERMISSIONS) | (isFolder ? FOLDER_MODE : 0);
    if (entry.type === 'SymbolicLink') {
      this.#links.push({ path: entry.path, target: entry.linkpath ?? '' });
      return false;
    }
    // The library takes a backslash or `c:` at the beginning for a root.
    entry.path = `./${entry.path}`;
    if (entry.type === 'Link') entry.linkpath = `./${entry.linkpath ?? ''}`;
    return true;
  }
}

function refuse(entry: ReadEntry): CarapaceError | undefined {
  const { path, type, linkpath = '' } = entry;
  const told = JSON.stringify(path.slice(0, 200));
  if (!KINDS.has(type))
    return new InvalidInputError(`${told} in the archive is neither a file, a folder nor a link.`, { entry: path });
  const isOutside =
    !isInside(path) ||
    (type === 'Link' && !isInside(linkpath)) ||
    (type === 'SymbolicLink' && leadsOut(path, linkpath));
  if (!isOutside) return undefined;
  return new InvalidInputError(`${told} in the archive leads out of the folder. Nothing was unpacked.`, {
    entry: path,
  });
}

/** Makes a link, below real folders only. */
async function makeLink(folder: string, { path, target }: LinkToMake): Promise<void> {
  const parts = partsOf(path);
  const name = parts.pop();
  if (name === undefined) throw notAnArchive();
  let parent = folder;
  for (const part of parts) {
    parent = join(parent, part);
    try {
      await mkdir(parent);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      if (!(await lstat(parent)).isDirectory()) throw twice(path);
    }
  }
  try {
    await symlink(target, join(parent, name));
  } catch (error) {
    throw codeOf(error) === 'EEXIST' ? twice(path) : error;
  }
}

function twice(path: string): InvalidInputError {
  const told = JSON.stringify(path.slice(0, 200));
  return new InvalidInputError(`${told} in the archive has the name of another entry.`, { entry: path });
}

function tooLarge(limit: string): TooLargeError {
  return new TooLargeError(`The archive is too large: at most ${limit} are unpacked here.`);
}

function notAnArchive(cause?: unknown): InvalidInputError {
  return new InvalidInputError('This is not a whole tar.gz archive.', undefined, { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Errors of the library are about the archive, unless the disk is to blame. */
function asTyped(error: unknown): Error {
  const isOfLibrary = error instanceof Error && 'tarCode' in error;
  const code = codeOf(error);
  if (code.startsWith('Z_') || (isOfLibrary && !DISK_ERRORS.includes(code))) return notAnArchive(error);
  return error instanceof Error ? error : new Error(String(error));
}
