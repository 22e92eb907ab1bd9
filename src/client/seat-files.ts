/** The files of one seat, and commands in it, through the agent's proxy; for programs that run in Node.js. */
import type { Readable, Writable } from 'node:stream';
import type { Access } from '../protocol/access.ts';
import { ARCHIVE_TYPE } from '../protocol/files.ts';
import { HttpTransport, type Peer } from './http.ts';
import { IDLE_MS, SeatFileCalls, type ReplaceOptions, type WriteCondition } from './seat-file-calls.ts';

export type { ReplaceOptions, WriteCondition };

/** One seat and the way into it. */
export interface SeatTarget {
  readonly access: Access;
  readonly workshopId: string;
  readonly seat: number;
}

/** The largest file that {@link SeatFiles.read} takes into memory, in bytes; {@link SeatFiles.readTo} has no bound. */
export const MAX_READ_BYTES = 256 * 1024 * 1024;

const PEER: Peer = { name: 'The seat', advice: 'Check that its workshop runs; the workshop list shows it.' };
/** Unpacking goes on for a while when all has been sent. */
const ARCHIVE_IDLE_MS = 300_000;

/** The way into a seat over HTTP. @throws InvalidInputError where the access's endpoint or certificate is none, or they do not fit */
export function seatTransport({ endpoint, token, certificate }: Access): HttpTransport {
  return new HttpTransport({ url: endpoint, token, ...(certificate !== undefined && { certificate }) }, PEER);
}

/** Adds streams of any size to the calls. */
export class SeatFiles extends SeatFileCalls<Uint8Array | Readable> {
  readonly #http: HttpTransport;

  constructor({ access, workshopId, seat }: SeatTarget) {
    const http = seatTransport(access);
    super(http, workshopId, seat);
    this.#http = http;
  }

  /** @throws TooLargeError over {@link MAX_READ_BYTES} */
  read(path: string, signal?: AbortSignal): Promise<{ bytes: Uint8Array; etag: string }> {
    return this.readUpTo(MAX_READ_BYTES, path, signal);
  }

  /** Streams a file of any size out of the seat, and ends `target`. */
  async readTo(path: string, target: Writable, signal?: AbortSignal): Promise<{ etag: string }> {
    const headers = await this.#http.pipe(this.reading(path, signal), target);
    return { etag: headers.etag ?? '' };
  }

  /** Writes a whole file, all or nothing; folders above it are made. */
  override write(
    path: string,
    bytes: Uint8Array,
    condition: WriteCondition = {},
    signal?: AbortSignal,
  ): Promise<{ etag: string }> {
    return super.write(path, bytes, condition, signal);
  }

  /** Streams a file of any size into the seat, all or nothing. */
  writeFrom(
    path: string,
    source: Readable,
    condition: WriteCondition = {},
    signal?: AbortSignal,
  ): Promise<{ etag: string }> {
    return super.write(path, source, condition, signal);
  }

  /**
   * Streams all that is in a folder, or one file, as a tar.gz file out of the seat, and ends `target`. Links that lead out
   * of the folder are left out.
   */
  async archiveTo(path: string, target: Writable, signal?: AbortSignal): Promise<void> {
    await this.#http.pipe({ method: 'GET', path: this.archive(path), signal, idleMs: IDLE_MS }, target);
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
      path: this.archive(path) + overwrite,
      headers: { 'content-type': ARCHIVE_TYPE },
      body: source,
      signal,
      idleMs: ARCHIVE_IDLE_MS,
    });
  }
}
