/** The seat's files as a page uses them. */
import { SeatFileCalls } from '../../client/seat-file-calls.ts';
import type { FetchRequestBody, FetchTransport } from '../fetch-transport.ts';

/** The largest file or folder that is downloaded, in bytes: a page holds it whole before it is saved. */
export const MAX_DOWNLOAD_BYTES = 256 * 1024 * 1024;
/** A folder is packed while it is sent. */
const ARCHIVE_IDLE_MS = 60_000;

export class PageFiles extends SeatFileCalls<FetchRequestBody> {
  readonly #http: FetchTransport;

  constructor(http: FetchTransport, workshopId: string, seat: number) {
    super(http, workshopId, seat);
    this.#http = http;
  }

  /** A folder as a tar.gz file. @throws TooLargeError over {@link MAX_DOWNLOAD_BYTES} */
  async packed(path: string): Promise<Uint8Array> {
    const request = { method: 'GET', path: this.archive(path), idleMs: ARCHIVE_IDLE_MS } as const;
    return (await this.#http.bytes(request, MAX_DOWNLOAD_BYTES)).bytes;
  }
}
