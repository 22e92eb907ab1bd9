/** The calls of the file API. */
import * as z from 'zod/mini';
import { InvalidInputError, TooLargeError } from '../../protocol/errors.ts';
import { FILE_JSON_TYPE, fileJsonSchema, type FileJson } from '../../protocol/files.ts';
import { allowMethods } from '../health.ts';
import { boundedBody, jsonBody } from '../http/body.ts';
import { sendEmpty, sendJson, type Exchange } from '../http/exchange.ts';
import { parseQuery } from '../http/query.ts';
import { conflict, fileError } from './file-errors.ts';
import { listFolder, statOwn, statPath } from './list.ts';
import type { PathLocks } from './locks.ts';
import { makeFolder } from './make-folder.ts';
import { pathOfTarget, pathOfText, quotePath, type WorkspacePath } from './path.ts';
import { preconditionsOf } from './preconditions.ts';
import { flag } from './query-flag.ts';
import { MAX_JSON_FILE_BYTES, readFile } from './read.ts';
import { relocate } from './relocate.ts';
import { removePath } from './remove.ts';
import type { WatchBounds } from './watch-folder.ts';
import type { WorkspaceRoot } from './workspace-root.ts';
import { writeFile } from './write.ts';

/** Base64 is a third longer, and JSON may escape each character. */
const MAX_JSON_BODY_BYTES = 2 * MAX_JSON_FILE_BYTES;

const operationSchema = z.enum(['mkdir', 'move', 'copy']);

export interface FilesOptions {
  readonly root: WorkspaceRoot;
  /** The largest file that is taken, in bytes. */
  readonly maxFileBytes: number;
  /** What is watched at most; default {@link WATCH_BOUNDS}. */
  readonly watchBounds?: WatchBounds | undefined;
  /** The most entries of an archive that is taken; default {@link MAX_ARCHIVE_ENTRIES}. */
  readonly maxArchiveEntries?: number | undefined;
}

/** Answers `/files` and all below it. */
export class FileRoutes {
  readonly #root: WorkspaceRoot;
  readonly #maxFileBytes: number;
  readonly #locks: PathLocks;

  constructor(options: FilesOptions, locks: PathLocks) {
    this.#root = options.root;
    this.#locks = locks;
    this.#maxFileBytes = options.maxFileBytes;
  }

  /** @param raw what follows `/files` in the request's path, as the client sent it */
  async answer(exchange: Exchange, raw: string): Promise<void> {
    if (raw === '') {
      allowMethods(exchange, ['GET', 'HEAD']);
      const { path = '' } = parseQuery(exchange.query, ['path']);
      await this.#list(exchange, pathOfText(path));
      return;
    }
    allowMethods(exchange, ['GET', 'HEAD', 'PUT', 'DELETE', 'POST']);
    const path = pathOfTarget(raw);
    try {
      await this.#answerPath(exchange, path);
    } catch (error) {
      throw fileError(error, path.names);
    }
  }

  async #answerPath(exchange: Exchange, path: WorkspacePath): Promise<void> {
    switch (exchange.method) {
      case 'PUT':
        await this.#write(exchange, path);
        break;
      case 'DELETE':
        await this.#remove(exchange, path);
        break;
      case 'POST':
        await this.#change(exchange, path);
        break;
      default:
        await this.#read(exchange, path);
    }
  }

  async #list(exchange: Exchange, path: WorkspacePath): Promise<void> {
    try {
      sendJson(exchange, 200, { files: await listFolder(this.#root, path.names) });
    } catch (error) {
      throw fileError(error, path.names);
    }
  }

  async #read(exchange: Exchange, path: WorkspacePath): Promise<void> {
    const { stat } = parseQuery(exchange.query, ['stat']);
    if (stat !== undefined) {
      if (stat !== '' && stat !== 'true') throw new InvalidInputError('"stat" takes no value.', { path: 'stat' });
      const answer = await statPath(this.#root, path.names);
      sendJson(exchange, 200, answer, { ETag: answer.etag });
    } else if (path.folder) {
      await this.#list(exchange, path);
    } else {
      await readFile(exchange, this.#root, path);
    }
  }

  async #write(exchange: Exchange, path: WorkspacePath): Promise<void> {
    parseQuery(exchange.query, []);
    requireFileName(path);
    const { request } = exchange;
    for (const header of ['content-range', 'content-encoding'] as const) {
      if (request.headers[header] !== undefined)
        throw new InvalidInputError(`A file is written whole and as it is, so ${header} cannot be used.`);
    }
    const length = Number(request.headers['content-length'] ?? 0);
    if (length > this.#maxFileBytes) throw tooLarge(this.#maxFileBytes);
    const wrapped = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === FILE_JSON_TYPE;
    const body = wrapped
      ? unwrap(await jsonBody(request, fileJsonSchema, MAX_JSON_BODY_BYTES), this.#maxFileBytes)
      : boundedBody(request, this.#maxFileBytes);
    const preconditions = preconditionsOf(request.headers);
    const { created, etag } = await writeFile(this.#root, this.#locks, { names: path.names, body, preconditions });
    sendEmpty(exchange, created ? 201 : 204, { ETag: etag });
  }

  async #remove(exchange: Exchange, path: WorkspacePath): Promise<void> {
    parseQuery(exchange.query, []);
    await removePath(this.#root, this.#locks, path.names, preconditionsOf(exchange.request.headers));
    sendEmpty(exchange, 204);
  }

  async #change(exchange: Exchange, path: WorkspacePath): Promise<void> {
    const fields = parseQuery(exchange.query, ['op', 'to', 'overwrite']);
    const operation = operationSchema.safeParse(fields.op);
    if (!operation.success) throw new InvalidInputError('"op" must be mkdir, move or copy.', { path: 'op' });
    if (operation.data === 'mkdir') {
      if (fields.to !== undefined || fields.overwrite !== undefined)
        throw new InvalidInputError('"to" and "overwrite" have no meaning for mkdir.', { path: 'op' });
      await makeFolder(this.#root, path.names);
      sendJson(exchange, 201, await statOwn(this.#root, path.names));
      return;
    }
    if (fields.to === undefined) throw new InvalidInputError('"to" is missing: the path to go to.', { path: 'to' });
    const to = pathOfText(fields.to).names;
    const overwrite = flag('overwrite', fields.overwrite);
    const relocation = { operation: operation.data, from: path.names, to, overwrite };
    const replaced = await relocate(this.#root, this.#locks, relocation);
    sendJson(exchange, replaced ? 200 : 201, await statOwn(this.#root, to));
  }
}

function requireFileName(path: WorkspacePath): void {
  if (path.names.length === 0) throw conflict('is_a_directory', `${quotePath(path.names)} is a folder.`);
  if (path.folder)
    throw new InvalidInputError('The name of a file does not end with a slash; op=mkdir makes a folder.');
}

/** The bytes in the JSON form of a file. @throws InvalidInputError, TooLargeError */
function unwrap({ content, encoding }: FileJson, limit: number): Uint8Array {
  if (encoding === 'utf-8' && !content.isWellFormed())
    throw new InvalidInputError('"content" is not valid Unicode.', { path: 'content' });
  const isBase64 = content.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(content);
  if (encoding === 'base64' && !isBase64)
    throw new InvalidInputError('"content" is not base64 (RFC 4648, with padding).', { path: 'content' });
  const bytes = Buffer.from(content, encoding);
  if (bytes.length > limit) throw tooLarge(limit);
  return bytes;
}

function tooLarge(limit: number): TooLargeError {
  return new TooLargeError(`The file is too large: at most ${limit} bytes are taken here.`);
}
