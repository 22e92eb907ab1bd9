/** The files of one seat, and commands in it, through the agent's proxy. */
import type { Readable, Writable } from 'node:stream';
import type { Access } from '../protocol/access.ts';
import { InvalidInputError, UnavailableError } from '../protocol/errors.ts';
import {
  ARCHIVE_TYPE,
  execResultSchema,
  fileStatSchema,
  filesAnswerSchema,
  watchEventSchema,
  type ExecRequest,
  type ExecResult,
  type FileEntry,
  type FileStat,
  type WatchEvent,
} from '../protocol/files.ts';
import { parseJson } from './http-body.ts';
import { HttpTransport, type HttpRequest, type Peer } from './http.ts';
import { seatPath } from './seat-path.ts';
import { readSse } from './sse.ts';

/** One seat and the way into it. */
export interface SeatTarget {
  readonly access: Access;
  readonly workshopId: string;
  readonly seat: number;
}

/** `ifMatch`: only over the version with that ETag. `ifNoneMatch: '*'`: only where nothing is yet. */
export interface WriteCondition {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: '*';
}

export interface ReplaceOptions {
  readonly overwrite: boolean;
}

/** The largest file that {@link SeatFiles.read} takes into memory, in bytes; {@link SeatFiles.readTo} has no bound. */
export const MAX_READ_BYTES = 256 * 1024 * 1024;

const PEER: Peer = { name: 'The seat', advice: 'Check that its workshop runs; the workshop list shows it.' };
/** A transfer may take long, but not without a byte moving. */
const IDLE_MS = 60_000;
/** A recursive copy, move or removal of a big folder. */
const TREE_DEADLINE_MS = 120_000;
/** Unpacking goes on for a while when all has been sent. */
const ARCHIVE_IDLE_MS = 300_000;
/** Until a big folder is watched. */
const WATCH_DEADLINE_MS = 60_000;
const EXEC_LIMIT_MS = 600_000;
const EXEC_GRACE_MS = 15_000;

/**
 * Paths are relative to the seat's workspace folder, with `/` between names and none in front; '' is the folder itself.
 * Every call throws the typed errors of src/protocol/errors.ts: NotFoundError, ForbiddenError for a path that leaves
 * the workspace, ChangedError where a condition does not hold, UnauthorizedError when the access has expired.
 */
export class SeatFiles {
  readonly #http: HttpTransport;
  readonly #prefix: string;

  constructor(target: SeatTarget) {
    const { endpoint, token, certificate } = target.access;
    this.#http = new HttpTransport({ url: endpoint, token, ...(certificate !== undefined && { certificate }) }, PEER);
    this.#prefix = seatPath(target.workshopId, target.seat);
  }

  /** The entries of a folder, folders first. */
  async list(path: string, signal?: AbortSignal): Promise<FileEntry[]> {
    const address = `${this.#prefix}/files?path=${encode(path)}`;
    return (await this.#http.json(filesAnswerSchema, { method: 'GET', path: address, signal })).files;
  }

  stat(path: string, signal?: AbortSignal): Promise<FileStat> {
    return this.#http.json(fileStatSchema, { method: 'GET', path: `${this.#address(path)}?stat`, signal });
  }

  /** @throws TooLargeError over {@link MAX_READ_BYTES} */
  async read(path: string, signal?: AbortSignal): Promise<{ bytes: Uint8Array; etag: string }> {
    const { bytes, headers } = await this.#http.bytes(this.#reading(path, signal), MAX_READ_BYTES);
    return { bytes, etag: headers.etag ?? '' };
  }

  /** Streams a file of any size out of the seat, and ends `target`. */
  async readTo(path: string, target: Writable, signal?: AbortSignal): Promise<{ etag: string }> {
    const headers = await this.#http.pipe(this.#reading(path, signal), target);
    return { etag: headers.etag ?? '' };
  }

  /** Writes a whole file, all or nothing; folders above it are made. */
  write(
    path: string,
    bytes: Uint8Array,
    condition: WriteCondition = {},
    signal?: AbortSignal,
  ): Promise<{ etag: string }> {
    return this.#put(path, bytes, condition, signal);
  }

  /** Streams a file of any size into the seat, all or nothing. */
  writeFrom(
    path: string,
    source: Readable,
    condition: WriteCondition = {},
    signal?: AbortSignal,
  ): Promise<{ etag: string }> {
    return this.#put(path, source, condition, signal);
  }

  async makeFolder(path: string, signal?: AbortSignal): Promise<void> {
    await this.#http.send({ method: 'POST', path: `${this.#address(path)}?op=mkdir`, signal });
  }

  async move(from: string, to: string, options: ReplaceOptions, signal?: AbortSignal): Promise<void> {
    await this.#relocate('move', from, to, options, signal);
  }

  async copy(from: string, to: string, options: ReplaceOptions, signal?: AbortSignal): Promise<void> {
    await this.#relocate('copy', from, to, options, signal);
  }

  /** Removes a file, or a folder with all that is in it. */
  async remove(path: string, signal?: AbortSignal): Promise<void> {
    await this.#http.send({ method: 'DELETE', path: this.#address(path), signal, deadlineMs: TREE_DEADLINE_MS });
  }

  /**
   * Tells what happens below a folder, `reset` first. Never ends by itself: it throws UnavailableError when the stream
   * ends or breaks (coming back is the caller's), TooLargeError where there is more than a seat watches, NoCapacityError
   * where it watches too much already, and the signal's reason when that aborts.
   */
  async *watch(path: string, options: { readonly signal: AbortSignal }): AsyncGenerator<WatchEvent, never, undefined> {
    const { signal } = options;
    const address = `${this.#prefix}/watch?path=${encode(path)}`;
    const body = await this.#http.open({ method: 'GET', path: address, signal, deadlineMs: WATCH_DEADLINE_MS });
    try {
      for await (const { data } of readSse(body)) {
        const event = watchEventSchema.safeParse(parseJson(data));
        // What a newer seat tells besides is passed over.
        if (event.success) yield event.data;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
    signal.throwIfAborted();
    throw new UnavailableError(`The seat does not watch "${path}" any more.`);
  }

  /**
   * Streams all that is in a folder, or one file, as a tar.gz file out of the seat, and ends `target`. Links that lead out
   * of the folder are left out.
   */
  async archiveTo(path: string, target: Writable, signal?: AbortSignal): Promise<void> {
    const address = `${this.#prefix}/archive?path=${encode(path)}`;
    await this.#http.pipe({ method: 'GET', path: address, signal, idleMs: IDLE_MS }, target);
  }

  /**
   * Unpacks a tar.gz file into a folder, which is made where it is missing: all of it or nothing.
   * @throws ConflictError naming the first file that is there already, unless `overwrite` says so; InvalidInputError for
   * an archive that is none or has entries that lead out of the folder; TooLargeError, DiskFullError
   */
  async archiveFrom(path: string, source: Readable, options: ReplaceOptions, signal?: AbortSignal): Promise<void> {
    const overwrite = options.overwrite ? '&overwrite=true' : '';
    await this.#http.send({
      method: 'PUT',
      path: `${this.#prefix}/archive?path=${encode(path)}${overwrite}`,
      headers: { 'content-type': ARCHIVE_TYPE },
      body: source,
      signal,
      idleMs: ARCHIVE_IDLE_MS,
    });
  }

  /** Runs a command to its end, at most for `timeout_ms`. */
  exec(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult> {
    return this.#http.json(execResultSchema, {
      method: 'POST',
      path: `${this.#prefix}/exec`,
      json: request,
      signal,
      deadlineMs: (request.timeout_ms ?? EXEC_LIMIT_MS) + EXEC_GRACE_MS,
    });
  }

  #reading(path: string, signal: AbortSignal | undefined): HttpRequest {
    const headers = { accept: 'application/octet-stream' };
    return { method: 'GET', path: this.#address(path), headers, signal, idleMs: IDLE_MS };
  }

  async #put(
    path: string,
    body: Uint8Array | Readable,
    condition: WriteCondition,
    signal: AbortSignal | undefined,
  ): Promise<{ etag: string }> {
    const headers: Record<string, string> = { 'content-type': 'application/octet-stream' };
    if (condition.ifMatch !== undefined) headers['if-match'] = condition.ifMatch;
    if (condition.ifNoneMatch !== undefined) headers['if-none-match'] = condition.ifNoneMatch;
    const request: HttpRequest = { method: 'PUT', path: this.#address(path), headers, body, signal, idleMs: IDLE_MS };
    const { etag } = await this.#http.send(request);
    if (etag === undefined)
      throw new UnavailableError(`The seat did not say which version of "${path}" it has written.`);
    return { etag };
  }

  async #relocate(
    operation: 'move' | 'copy',
    from: string,
    to: string,
    options: ReplaceOptions,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const overwrite = options.overwrite ? '&overwrite=true' : '';
    await this.#http.send({
      method: 'POST',
      path: `${this.#address(from)}?op=${operation}&to=${encode(to)}${overwrite}`,
      signal,
      deadlineMs: TREE_DEADLINE_MS,
    });
  }

  #address(path: string): string {
    return `${this.#prefix}/files/${path.split('/').map(encode).join('/')}`;
  }
}

function encode(text: string): string {
  if (!text.isWellFormed()) throw new InvalidInputError('The name has a character that is not valid Unicode.');
  return encodeURIComponent(text);
}
