/** HTTP by `fetch`: deadlines, bounds and typed errors, to the server that the page came from. */
import type * as z from 'zod/mini';
import { parseJson } from '../client/parse-json.ts';
import type { AnswerHeaders, ByteSource, Transport, TransportRequest } from '../client/transport.ts';
import { CarapaceError, UnavailableError, errorFromAnswer } from '../protocol/errors.ts';
import { FetchBody, readUpTo } from './fetch-body.ts';
import { t } from './language.ts';

/** What a page can send: a `Blob` is read from the disk as it goes out. */
export type FetchRequestBody = Uint8Array<ArrayBuffer> | Blob;
export type FetchRequest = TransportRequest<FetchRequestBody>;

/** The token that requests are sent with. */
export interface TokenSource {
  current(signal: AbortSignal | undefined): Promise<string>;
  /** That one was refused: {@link current} then answers another, or the same where there is none. */
  refused(token: string): void;
}

const MAX_JSON_BYTES = 8 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const DEFAULT_DEADLINE_MS = 15_000;
/** A page cannot see how far an upload is: it counts as stalled once a line of this speed had sent it all, in bytes per ms. */
const SLOWEST_UPLOAD = 8;
/** The longest time that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class FetchTransport implements Transport<FetchRequestBody> {
  readonly #base: string;
  readonly #tokens: TokenSource | undefined;

  /** @param base the server's address, without a slash at its end */
  constructor(base: string, tokens?: TokenSource) {
    this.#base = base;
    this.#tokens = tokens;
  }

  json<T extends z.ZodMiniType>(schema: T, request: FetchRequest): Promise<z.output<T>> {
    return this.#within(request, async (signal) => {
      const response = await this.#answer(request, signal);
      const bytes = await readUpTo(response, MAX_JSON_BYTES, undefined);
      const result = schema.safeParse(parseJson(new TextDecoder().decode(bytes)));
      if (result.success) return result.data;
      throw notOurs();
    });
  }

  send(request: FetchRequest): Promise<AnswerHeaders> {
    return this.#within(request, async (signal, begun) => {
      const response = await this.#answer(request, signal);
      begun();
      await readUpTo(response, MAX_ERROR_BYTES, request.idleMs);
      return headersOf(response);
    });
  }

  bytes(
    request: FetchRequest,
    limit: number,
  ): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly headers: AnswerHeaders }> {
    return this.#within(request, async (signal, begun) => {
      const response = await this.#answer(request, signal);
      begun();
      return { bytes: await readUpTo(response, limit, request.idleMs), headers: headersOf(response) };
    });
  }

  open(request: FetchRequest): Promise<ByteSource> {
    return this.#within(request, async (signal) => new FetchBody(await this.#answer(request, signal)));
  }

  /** Under the request's deadline. @param work calls `begun` when an answer has come whose body may take its time */
  async #within<T>(request: FetchRequest, work: (signal: AbortSignal, begun: () => void) => Promise<T>): Promise<T> {
    request.signal?.throwIfAborted();
    const deadlineMs = deadlineOf(request);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), deadlineMs);
    const begun = () => {
      if (request.idleMs !== undefined) clearTimeout(timer);
    };
    const signals = request.signal === undefined ? [deadline.signal] : [deadline.signal, request.signal];
    try {
      return await work(AbortSignal.any(signals), begun);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof CarapaceError) throw error;
      const sentence = deadline.signal.aborted
        ? t('The server did not answer within {0} s. Check the network and try again.', Math.ceil(deadlineMs / 1000))
        : t('The server cannot be reached. Check the network and try again.');
      throw new UnavailableError(sentence, undefined, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** A token that is refused is renewed, once. */
  async #answer(request: FetchRequest, signal: AbortSignal): Promise<Response> {
    const token = await this.#tokens?.current(signal);
    const response = await this.#exchange(request, token, signal);
    if (response.status !== 401 || token === undefined) return accepted(response);
    this.#tokens?.refused(token);
    const other = await this.#tokens?.current(signal);
    if (other === token) return accepted(response);
    await response.body?.cancel();
    return accepted(await this.#exchange(request, other, signal));
  }

  #exchange(request: FetchRequest, token: string | undefined, signal: AbortSignal): Promise<Response> {
    const headers = new Headers({ accept: 'application/json', ...request.headers });
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    if (request.json !== undefined) headers.set('content-type', 'application/json');
    return fetch(this.#base + request.path, {
      method: request.method,
      headers,
      body: request.json === undefined ? (request.body ?? null) : JSON.stringify(request.json),
      signal,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
    });
  }
}

/** Until the head of the answer, in milliseconds; without `idleMs`, until its end. */
function deadlineOf({ deadlineMs, idleMs, body }: FetchRequest): number {
  if (idleMs === undefined) return deadlineMs ?? DEFAULT_DEADLINE_MS;
  const size = body instanceof Blob ? body.size : (body?.length ?? 0);
  return Math.min(idleMs + size / SLOWEST_UPLOAD, MAX_TIMER_MS);
}

async function accepted(response: Response): Promise<Response> {
  if (response.ok) return response;
  const text = new TextDecoder().decode(await readUpTo(response, MAX_ERROR_BYTES, undefined));
  throw errorFromAnswer(response.status, withRetryAfter(parseJson(text), response.headers.get('retry-after')));
}

/** Puts the header's wait among the details, where the answer does not tell it itself. */
function withRetryAfter(body: unknown, header: string | null): unknown {
  const seconds = Number(header ?? Number.NaN);
  if (!Number.isFinite(seconds) || typeof body !== 'object' || body === null || !('error' in body)) return body;
  const { error } = body;
  if (typeof error !== 'object' || error === null) return body;
  const details = 'details' in error && typeof error.details === 'object' ? error.details : {};
  return { error: { ...error, details: { retry_after_seconds: seconds, ...details } } };
}

function headersOf(response: Response): AnswerHeaders {
  return Object.fromEntries(response.headers);
}

function notOurs(): CarapaceError {
  return new UnavailableError(t('The server answered in a form that is not known here. Reload the page.'));
}
