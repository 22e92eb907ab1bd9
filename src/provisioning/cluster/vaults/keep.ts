/** Brings files that were changed on the server into the vault, and overwrites nothing that was changed here. */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, lutimes, mkdir, open, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, normalize, posix } from 'node:path';
import { CarapaceError, ConflictError, DiskFullError, UnavailableError } from '../../../protocol/errors.ts';
import { isChangedHere } from './difference.ts';
import { isInside, isSameOnServer, type FileEntry, type Files } from './listing.ts';
import { NOT_UTF8, readEntry } from './scan.ts';
import { fetchFromServer, type ServerVault } from './server-files.ts';
import type { TarMember } from './tar.ts';

/** What is to be brought, and where to. `root` is the vault's folder, absolute and without links. */
export interface KeepRequest {
  readonly vault: ServerVault;
  readonly root: string;
  /** The record of the last sync. */
  readonly synced: Files | undefined;
  /** Paths in the vault. */
  readonly paths: readonly string[];
}

/**
 * Copies files from the server, each in one step and with its time. One that was changed here, too, is put beside it as
 * `NAME.from-server`, or `NAME.from-server.2` and so on where that is taken by something else.
 * @throws ConflictError naming what cannot be copied (`details.paths`); all else is copied then. UnavailableError,
 * DiskFullError; repeating it goes on where it ended
 */
export async function keepFromServer(request: KeepRequest, signal: AbortSignal): Promise<void> {
  const refused = request.paths.filter((path) => !isInside(path) || path.includes(NOT_UTF8));
  const wanted = new Set(request.paths.filter((path) => !refused.includes(path)));
  const folders = new Set<string>();
  const take = async (member: TarMember): Promise<void> => {
    signal.throwIfAborted();
    if (await put(request, member)) folders.add(dirname(join(request.root, member.path)));
    else refused.push(member.path);
  };
  if (wanted.size > 0) await fetchFromServer(request.vault, wanted, take, signal);
  for (const folder of folders) await flushFolder(folder);
  if (refused.length === 0) return;
  throw new ConflictError(
    `These cannot be copied from the server: ${refused.slice(0, 3).join(', ')}${refused.length > 3 ? ' …' : ''}. They are links that lead out of the vault, have names that are no text, or are in a folder that is a file or a link here. Rename or remove them on the server, or discard them.`,
    { paths: refused },
  );
}

/** @returns false where it must not be put there */
async function put({ root, synced }: KeepRequest, member: TarMember): Promise<boolean> {
  const { path, entry } = member;
  if (entry.kind === 'link' && !leadsInside(path, entry.target)) return false;
  const place = join(root, path);
  try {
    if (!(await makeFolders(root, posix.dirname(path)))) return false;
    const temporary = join(dirname(place), `.carapace-${randomBytes(6).toString('hex')}.tmp`);
    try {
      await write(temporary, member);
      await commit(temporary, place, entry, synced?.get(path));
    } finally {
      await rm(temporary, { force: true });
    }
  } catch (error) {
    throw cannotKeep(error, path);
  }
  return true;
}

async function commit(
  temporary: string,
  place: string,
  entry: FileEntry,
  before: FileEntry | undefined,
): Promise<void> {
  const here = await readEntry(place);
  if (here !== undefined && isSameOnServer(entry, here)) return;
  if (here !== undefined && !isChangedHere(here, before)) return rename(temporary, place);
  if (!isChangedHere(here, before) && (await putNew(temporary, place))) return;
  for (let number = 1; ; number++) {
    const beside = `${place}.from-server${number === 1 ? '' : `.${number}`}`;
    const other = await readEntry(beside);
    // Kept before: until the next sync the server has it still.
    if (other !== undefined && isSameOnServer(entry, other) && (await isSameContent(temporary, beside, entry))) return;
    if (await putNew(temporary, beside)) return;
  }
}

async function isSameContent(one: string, other: string, { kind }: FileEntry): Promise<boolean> {
  if (kind === 'link') return true;
  const pieces = createReadStream(other)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for await (const piece of createReadStream(one) as AsyncIterable<Buffer>) {
    // Streams of files of one length are cut in the same places.
    const next = await pieces.next();
    if (next.done === true || !piece.equals(next.value)) {
      await pieces.return?.();
      return false;
    }
  }
  return (await pieces.next()).done === true;
}

/** @returns false where something is there */
async function putNew(temporary: string, place: string): Promise<boolean> {
  try {
    await (await open(place, 'wx')).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  await rename(temporary, place);
  return true;
}

async function write(temporary: string, { entry, mode, content }: TarMember): Promise<void> {
  // A date, for Node takes negative numbers for now; whole milliseconds, so that rounding leaves the second as it is.
  const time = new Date(entry.seconds * 1_000 + Math.floor(entry.nanos / 1_000_000));
  if (entry.kind === 'link') {
    await symlink(entry.target, temporary);
    return lutimes(temporary, time, time);
  }
  const file = await open(temporary, 'wx', 0o600);
  try {
    for await (const piece of content) await file.writeFile(piece);
    await file.chmod(mode);
    await file.utimes(time, time);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** @returns false where something on the way is no folder, or a link */
async function makeFolders(root: string, folder: string): Promise<boolean> {
  if (folder === '.') return true;
  if (!(await makeFolders(root, posix.dirname(folder)))) return false;
  const absolute = join(root, folder);
  try {
    return (await lstat(absolute)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await mkdir(absolute);
  return true;
}

function leadsInside(path: string, target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false;
  const end = normalize(posix.join(posix.dirname(path), target));
  return end !== '..' && !end.startsWith('../');
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function cannotKeep(error: unknown, path: string): Error {
  if (error instanceof CarapaceError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DiskFullError(`There is no space left to keep ${path} from the server. Make space and try again.`);
  }
  const text = `The file ${path} cannot be kept from the server: ${message}`;
  return code === undefined ? (error as Error) : new UnavailableError(text, undefined, { cause: error });
}
