/**
 * Packs a folder into a tar file, streaming.
 *
 * The blocks are those of the library `tar`, but not its writer: that one has longer names and those that are not ASCII in
 * pax headers, of which its own reader loses each name with a line break in it. GNU's long names have no such trouble, and
 * every tar reads them.
 */
import { constants, type Stats } from 'node:fs';
import { access, lstat, open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Header } from 'tar';
import { leadsOut } from './names.ts';

const BLOCK = 512;
const CHUNK_BYTES = 131_072;
/** Of the name field of a header, ended by a NUL. */
const MAX_SHORT_NAME = 99;
const ALL_READ = 0o444;
/** What the system says of what is not there any more, or is a link now. */
const GONE: readonly unknown[] = ['ENOENT', 'ELOOP', 'ENXIO'];

export interface PackOptions {
  /** What a single file is called in the archive; default its own name. */
  readonly name?: string;
  /** Whether an entry of this name is left out with all that is in it. */
  readonly skips?: (name: string) => boolean;
  /** Whether an open file may be read, whatever was linked or moved meanwhile; default yes. */
  readonly mayRead?: (file: FileHandle) => Promise<boolean>;
}

/**
 * The bytes of a tar file with all that is in a folder, or with a single file. Names are relative to the folder. Sockets, pipes,
 * devices and links that lead out of the folder are left out. What goes away meanwhile is left out, too.
 * @throws the file system's errors, and RangeError where a file got shorter while it was read
 */
export async function* packTree(path: string, options: PackOptions = {}): AsyncGenerator<Buffer> {
  const stats = await lstat(path);
  if (stats.isDirectory()) yield* packFolder(path, '', options);
  else yield* packEntry(path, options.name ?? basename(path), stats, options);
  yield Buffer.alloc(2 * BLOCK);
}

/**
 * The first of what {@link packTree} would come upon and must not read, as a path from the folder: '' is the folder, or
 * the single file, itself. Undefined where all may be read.
 */
export async function findUnreadable(path: string, options: PackOptions = {}, name = ''): Promise<string | undefined> {
  try {
    const stats = await lstat(path);
    // What everybody may read need not be tried.
    if (stats.isFile() && (stats.mode & ALL_READ) !== ALL_READ) await access(path, constants.R_OK);
    if (!stats.isDirectory()) return undefined;
    for (const entry of (await readdir(path)).sort()) {
      if (options.skips?.(entry) === true) continue;
      const found = await findUnreadable(join(path, entry), options, name === '' ? entry : `${name}/${entry}`);
      if (found !== undefined) return found;
    }
    return undefined;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EACCES' || code === 'EPERM') return name;
    if (GONE.includes(code)) return undefined;
    throw error;
  }
}

async function* packFolder(folder: string, prefix: string, options: PackOptions): AsyncGenerator<Buffer> {
  for (const name of (await readdir(folder)).sort()) {
    if (options.skips?.(name) === true) continue;
    const path = join(folder, name);
    const stats = await unlessGone(lstat(path));
    if (stats !== undefined) yield* packEntry(path, prefix + name, stats, options);
  }
}

async function* packEntry(path: string, name: string, stats: Stats, options: PackOptions): AsyncGenerator<Buffer> {
  if (stats.isDirectory()) {
    yield* headers({ name: `${name}/`, type: 'Directory', size: 0, stats });
    yield* packFolder(path, `${name}/`, options);
  } else if (stats.isSymbolicLink()) {
    const target = await unlessGone(readlink(path));
    if (target !== undefined && !leadsOut(name, target))
      yield* headers({ name, type: 'SymbolicLink', size: 0, stats, target });
  } else if (stats.isFile()) {
    yield* packFile(path, name, options);
  }
}

async function* packFile(path: string, name: string, options: PackOptions): AsyncGenerator<Buffer> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await unlessGone(open(path, flags));
  if (file === undefined) return;
  try {
    const stats = await file.stat();
    if (!stats.isFile() || (await options.mayRead?.(file)) === false) return;
    yield* headers({ name, type: 'File', size: stats.size, stats });
    yield* contentOf(file, stats.size);
    const rest = stats.size % BLOCK;
    if (rest > 0) yield Buffer.alloc(BLOCK - rest);
  } finally {
    await file.close();
  }
}

/** Exactly as much as the header says. */
async function* contentOf(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < size;) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - sent));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, sent);
    if (bytesRead === 0) throw new RangeError('A file got shorter while it was read.');
    sent += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

interface Entry {
  readonly name: string;
  readonly type: 'Directory' | 'SymbolicLink' | 'File';
  readonly size: number;
  readonly stats: Stats;
  readonly target?: string;
}

function* headers({ name, type, size, stats, target }: Entry): Generator<Buffer> {
  const isLong = needsLongName(name);
  const isLongTarget = target !== undefined && needsLongName(target);
  if (isLongTarget) yield longName('NextFileHasLongLinkpath', target);
  if (isLong) yield longName('NextFileHasLongPath', name);
  yield block({
    path: isLong ? 'long' : name,
    type,
    size,
    mode: stats.mode & 0o777,
    mtime: new Date(Math.max(0, Math.floor(stats.mtimeMs / 1000) * 1000)),
    uid: 0,
    gid: 0,
    ...(target !== undefined && { linkpath: isLongTarget ? 'long' : target }),
  });
}

function needsLongName(name: string): boolean {
  return name.length > MAX_SHORT_NAME || !/^[\x20-\x7e]*$/.test(name);
}

function longName(type: 'NextFileHasLongPath' | 'NextFileHasLongLinkpath', name: string): Buffer {
  const content = Buffer.from(`${name}\0`);
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  const head = block({ path: '././@LongLink', type, size: content.length, mode: 0o644, mtime: new Date(0) });
  return Buffer.concat([head, content, padding]);
}

function block(data: ConstructorParameters<typeof Header>[0] & object): Buffer {
  const buffer = Buffer.alloc(BLOCK);
  new Header(data).encode(buffer);
  return buffer;
}

/** Undefined for what is not there any more, or is a link now. */
async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (GONE.includes(codeOf(error))) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
