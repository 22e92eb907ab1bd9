/** The files of one seat, and commands in it, through a proxy: what processes and browsers share. */
import { InvalidInputError, UnavailableError } from '../protocol/errors.ts';
import {
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
import { parseJson } from './parse-json.ts';
import { seatPath } from './seat-path.ts';
import { readSse } from './sse.ts';
import type { AnswerHeaders, Transport, TransportRequest } from './transport.ts';

/** `ifMatch`: only over the version with that ETag. `ifNoneMatch: '*'`: only where nothing is yet. */
export interface WriteCondition {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: '*';
}

export interface ReplaceOptions {
  readonly overwrite: boolean;
}

/** A transfer may take long, but not without a byte moving. */
export const IDLE_MS = 60_000;
/** A recursive copy, move or removal of a big folder. */
const TREE_DEADLINE_MS = 120_000;
/** Until a big folder is watched. */
const WATCH_DEADLINE_MS = 60_000;
const EXEC_LIMIT_MS = 600_000;
const EXEC_GRACE_MS = 15_000;

/**
 * Paths are relative to the seat's workspace folder, with `/` between names and none in front; '' is the folder itself.
 * Every call throws the typed errors of src/protocol/errors.ts: NotFoundError, ForbiddenError for a path that leaves
 * the workspace, ChangedError where a condition does not hold, UnauthorizedError when the access has expired.
 */
export class SeatFileCalls<Body> {
  readonly #http: Transport<Body>;
  readonly #prefix: string;

  /** @param http to the server that the seat is reached through, with a token for it */
  constructor(http: Transport<Body>, workshopId: string, seat: number) {
    this.#http = http;
    this.#prefix = seatPath(workshopId, seat);
  }

  /** The entries of a folder, folders first. */
  async list(path: string, signal?: AbortSignal): Promise<FileEntry[]> {
    const address = `${this.#prefix}/files?path=${encode(path)}`;
    return (await this.#http.json(filesAnswerSchema, { method: 'GET', path: address, signal })).files;
  }

  stat(path: string, signal?: AbortSignal): Promise<FileStat> {
    return this.#http.json(fileStatSchema, { method: 'GET', path: `${this.#address(path)}?stat`, signal });
  }

  /** @throws TooLargeError over `limit` bytes */
  async readUpTo(limit: number, path: string, signal?: AbortSignal): Promise<{ bytes: Uint8Array; etag: string }> {
    const { bytes, headers } = await this.#http.bytes(this.reading(path, signal), limit);
    return { bytes, etag: etagOf(headers) ?? '' };
  }

  /** Writes a whole file, all or nothing; folders above it are made. */
  async write(
    path: string,
    body: Body,
    condition: WriteCondition = {},
    signal?: AbortSignal,
  ): Promise<{ etag: string }> {
    const headers: Record<string, string> = { 'content-type': 'application/octet-stream' };
    if (condition.ifMatch !== undefined) headers['if-match'] = condition.ifMatch;
    if (condition.ifNoneMatch !== undefined) headers['if-none-match'] = condition.ifNoneMatch;
    const place = this.#address(path);
    const etag = etagOf(await this.#http.send({ method: 'PUT', path: place, headers, body, signal, idleMs: IDLE_MS }));
    if (etag === undefined)
      throw new UnavailableError(`The seat did not say which version of "${path}" it has written.`);
    return { etag };
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

  protected reading(path: string, signal: AbortSignal | undefined): TransportRequest<Body> {
    const headers = { accept: 'application/octet-stream' };
    return { method: 'GET', path: this.#address(path), headers, signal, idleMs: IDLE_MS };
  }

  /** Where a folder's archive is, or that of one file. */
  protected archive(path: string): string {
    return `${this.#prefix}/archive?path=${encode(path)}`;
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

function etagOf({ etag }: AnswerHeaders): string | undefined {
  return typeof etag === 'string' ? etag : undefined;
}

function encode(text: string): string {
  if (!text.isWellFormed()) throw new InvalidInputError('The name has a character that is not valid Unicode.');
  return encodeURIComponent(text);
}
