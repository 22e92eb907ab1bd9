/** Reads files. */
import { isUtf8 } from 'node:buffer';
import { constants, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { ForbiddenError, InvalidInputError, TooLargeError } from '../../protocol/errors.ts';
import { FILE_JSON_TYPE, type FileJson } from '../../protocol/files.ts';
import { RefusedError, sendEmpty, sendJson, type Exchange } from '../http/exchange.ts';
import { etagOf } from './entry.ts';
import { conflict } from './file-errors.ts';
import { quotePath, type WorkspacePath } from './path.ts';
import { isNotModified, preconditionsOf, requireUnchanged } from './preconditions.ts';
import { rangeOf, type ByteRange } from './range.ts';
import { inFolder, realPathOf, type WorkspaceRoot } from './workspace-root.ts';

/** The largest file that is wrapped in JSON, in bytes: it stands in memory several times. */
export const MAX_JSON_FILE_BYTES = 16 * 1024 * 1024;
/** How long a client may take nothing of an answer. */
const IDLE_MS = 120_000;
const CHUNK_BYTES = 131_072;

/** `GET` and `HEAD /files/P`: the bytes, or a part of them, or all wrapped in JSON. */
export async function readFile(exchange: Exchange, root: WorkspaceRoot, path: WorkspacePath): Promise<void> {
  const file = await openFile(root, path.names);
  try {
    const stats = await file.stat({ bigint: true });
    const etag = etagOf(stats);
    const headers = { ETag: etag, 'Last-Modified': stats.mtime.toUTCString(), 'Cache-Control': 'no-cache' };
    const preconditions = preconditionsOf(exchange.request.headers);
    requireUnchanged({ ...preconditions, ifNoneMatch: undefined }, etag, path.names);
    if (isNotModified(preconditions, etag)) sendEmpty(exchange, 304, headers);
    else if (wantsJson(exchange)) await sendWrapped(exchange, file, stats, headers, path.names);
    else await sendBytes(exchange, file, Number(stats.size), headers);
  } finally {
    await file.close();
  }
}

/**
 * Opens a regular file, and nothing that blocks or lies outside: whatever changed since the walk, what is open is
 * checked again.
 */
async function openFile(root: WorkspaceRoot, names: readonly string[]): Promise<FileHandle> {
  const place = await root.findExisting(names);
  requireRegular(place.stats, names);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await inFolder(place.folder, (held) => open(held.at(place.name), flags));
  try {
    requireRegular(await file.stat({ bigint: true }), names);
    if (!root.contains(await realPathOf(file)))
      throw new ForbiddenError(`${quotePath(names)} is not in the workspace.`);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

/** @throws ConflictError for folders, pipes, devices and sockets */
export function requireRegular(stats: BigIntStats, names: readonly string[]): void {
  if (stats.isDirectory())
    throw conflict('is_a_directory', `${quotePath(names)} is a folder. End the path with a slash to list it.`);
  if (!stats.isFile())
    throw conflict(
      'special_file',
      `${quotePath(names)} is a pipe, socket or device: only files can be read or written.`,
    );
}

function wantsJson({ request }: Exchange): boolean {
  const types = (request.headers.accept ?? '').split(',');
  return types.some((type) => type.split(';', 1)[0]?.trim().toLowerCase() === FILE_JSON_TYPE);
}

async function sendWrapped(
  exchange: Exchange,
  file: FileHandle,
  stats: BigIntStats,
  headers: OutgoingHttpHeaders,
  names: readonly string[],
): Promise<void> {
  if (stats.size > MAX_JSON_FILE_BYTES)
    throw new TooLargeError(`${quotePath(names)} is too large to be read as JSON. Read its bytes instead.`);
  const bytes = await file.readFile();
  const wrapped: FileJson = isUtf8(bytes)
    ? { content: bytes.toString('utf8'), encoding: 'utf-8' }
    : { content: bytes.toString('base64'), encoding: 'base64' };
  sendJson(exchange, 200, wrapped, { ...headers, 'Content-Type': FILE_JSON_TYPE });
}

async function sendBytes(
  exchange: Exchange,
  file: FileHandle,
  size: number,
  headers: OutgoingHttpHeaders,
): Promise<void> {
  const range = wantedRange(exchange, String(headers['ETag']), size);
  const start = range?.start ?? 0;
  const length = (range?.end ?? size - 1) - start + 1;
  exchange.response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    'Content-Type': 'application/octet-stream',
    'Content-Length': length,
    'Accept-Ranges': 'bytes',
    ...(range && { 'Content-Range': `bytes ${range.start}-${range.end}/${size}` }),
  });
  if (exchange.method === 'HEAD' || length === 0) {
    exchange.response.end();
    return;
  }
  exchange.response.setTimeout(IDLE_MS, () => exchange.response.destroy());
  await pipeline(bytesOf(file, start, length), exchange.response);
}

/** @throws RefusedError with status 416 */
function wantedRange({ method, request }: Exchange, etag: string, size: number): ByteRange | undefined {
  if (method !== 'GET') return undefined;
  const ifRange = request.headers['if-range'];
  // A part of another version would not fit what the client has.
  if (typeof ifRange === 'string' && ifRange !== etag) return undefined;
  const range = rangeOf(request.headers.range, size);
  if (range !== 'unsatisfiable') return range;
  const cause = new InvalidInputError(`The file has only ${size} bytes.`, { size });
  throw new RefusedError(cause, 416, { 'Content-Range': `bytes */${size}` });
}

/** Exactly `length` bytes: a file that got shorter meanwhile breaks the answer off. */
async function* bytesOf(file: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
  let sent = 0;
  while (sent < length) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, length - sent));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start + sent);
    if (bytesRead === 0) throw new RangeError('The file got shorter while it was read.');
    sent += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
