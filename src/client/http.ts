/** The one HTTP transport of all clients: deadlines, bounds, pinned certificates and typed errors over `node:http(s)`. */
import { randomUUID } from 'node:crypto';
import * as http from 'node:http';
import * as https from 'node:https';
import { Readable, type Writable } from 'node:stream';
import type * as z from 'zod/mini';
import { isAlive } from '../lib/process-identity.ts';
import { REQUEST_ID_HEADER, currentRequestId } from '../lib/request-id.ts';
import { CarapaceError, InvalidInputError, errorFromAnswer } from '../protocol/errors.ts';
import { authorization, pinnedTls, type Connection, type PinnedTls } from './connection.ts';
import type { Transport, TransportRequest } from './transport.ts';
import { LocalStreamError, isNetworkError, join, readBounded } from './http-body.ts';
import { parseJson } from './parse-json.ts';
import { certificateProblem, REASON, UnreachableError, type CertificateProblem } from './unreachable.ts';

/** What the other side is called in a message, and what a person does when it cannot be reached. */
export interface Peer {
  readonly name: string;
  readonly advice: string;
}

export type HttpRequest = TransportRequest<Uint8Array | Readable>;

/** The largest JSON answer that is read, in bytes. */
export const MAX_JSON_BYTES = 32 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const DEFAULT_DEADLINE_MS = 15_000;
const MAX_IDLE_SOCKETS = 4;

/** One server as seen by a client. Idle connections hold no process alive. */
export class HttpTransport implements Transport<Uint8Array | Readable> {
  readonly #connection: Connection;
  readonly #peer: Peer;
  readonly #base: URL;
  readonly #tls: PinnedTls | undefined;
  readonly #agent: http.Agent;

  /** @throws InvalidInputError where the connection's URL or certificate is none, or a certificate goes with plain HTTP */
  constructor(connection: Connection, peer: Peer) {
    this.#connection = connection;
    this.#peer = peer;
    this.#base = parseBase(connection.url);
    this.#tls = pinnedTls(connection.url, connection.certificate);
    const options = { keepAlive: true, maxFreeSockets: MAX_IDLE_SOCKETS };
    const secure = this.#base.protocol === 'https:';
    this.#agent = secure ? new https.Agent({ ...options, ...this.#tls }) : new http.Agent(options);
  }

  /** Sends a request and parses its JSON answer. @throws the typed error of a refusal, UnavailableError */
  async json<T extends z.ZodMiniType>(schema: T, request: HttpRequest): Promise<z.output<T>> {
    return this.#within(request, async (named, signal) => {
      const response = await this.#answer(named, signal);
      const text = (await readBounded(response, MAX_JSON_BYTES)).toString('utf8');
      const result = schema.safeParse(parseJson(text));
      if (result.success) return result.data;
      throw this.#notOurs();
    });
  }

  /** Sends a request whose answer has no body that matters. */
  async send(request: HttpRequest): Promise<http.IncomingHttpHeaders> {
    return this.#within(request, async (named, signal) => {
      const response = await this.#answer(named, signal);
      await readBounded(response, MAX_ERROR_BYTES);
      return response.headers;
    });
  }

  /** Sends a request and hands over its successful answer; the caller reads or destroys it. */
  async open(request: HttpRequest): Promise<http.IncomingMessage> {
    return this.#within(request, (named, signal) => this.#answer(named, signal));
  }

  /** Sends a request and reads the bytes of its answer. @throws TooLargeError over `limit` bytes */
  async bytes(request: HttpRequest, limit: number): Promise<{ bytes: Buffer; headers: http.IncomingHttpHeaders }> {
    return this.#within(request, async (named, signal) => {
      const response = await this.#answer(named, signal);
      return { bytes: await readBounded(response, limit), headers: response.headers };
    });
  }

  /** Sends a request and streams the bytes of its answer into `target`, whose own errors are thrown as they are. */
  async pipe(request: HttpRequest, target: Writable): Promise<http.IncomingHttpHeaders> {
    return this.#within(request, async (named, signal) => {
      const response = await this.#answer(named, signal);
      await join(response, target, target);
      return response.headers;
    });
  }

  /** Runs `work` under the request's deadline and id, and turns what went wrong into a typed error with that id. */
  async #within<T>(request: HttpRequest, work: (named: HttpRequest, signal: AbortSignal) => Promise<T>): Promise<T> {
    const id = currentRequestId() ?? randomUUID();
    try {
      return await this.#inTime({ ...request, headers: { [REQUEST_ID_HEADER]: id, ...request.headers } }, work);
    } catch (error) {
      if (error instanceof CarapaceError) error.requestId ??= id;
      throw error;
    }
  }

  async #inTime<T>(request: HttpRequest, work: (request: HttpRequest, signal: AbortSignal) => Promise<T>): Promise<T> {
    request.signal?.throwIfAborted();
    const deadlineMs = request.deadlineMs ?? DEFAULT_DEADLINE_MS;
    const deadline = new AbortController();
    const timer = request.idleMs === undefined ? setTimeout(() => deadline.abort(), deadlineMs) : undefined;
    const signals = request.signal === undefined ? [deadline.signal] : [deadline.signal, request.signal];
    try {
      return await work(request, AbortSignal.any(signals));
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof LocalStreamError) throw error.cause;
      if (deadline.signal.aborted) {
        throw this.#unreachable(`did not answer within ${deadlineMs / 1000} s`, REASON.late, error);
      }
      if (isNetworkError(error)) throw this.#failed(describe(error), error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #answer(request: HttpRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    const response = await this.#exchange(request, signal);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    const isOurs = status >= 400 && !isPage(response);
    const text = isOurs ? (await readBounded(response, MAX_ERROR_BYTES)).toString('utf8') : '';
    // What has not gone out yet is not wanted any more.
    if (request.body instanceof Readable) request.body.destroy();
    if (isOurs) throw errorFromAnswer(status, parseJson(text));
    response.destroy();
    throw this.#notOurs();
  }

  /** One exchange. A request that changes nothing reuses connections, and is sent again where a kept one was stale. */
  async #exchange(request: HttpRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    const repeatable = request.method === 'GET' || request.method === 'HEAD';
    const first = this.#begin(request, signal, repeatable);
    try {
      return await responseOf(first, request);
    } catch (error) {
      if (!repeatable || !first.reusedSocket || signal.aborted) throw error;
      return responseOf(this.#begin(request, signal, false), request);
    }
  }

  #begin(request: HttpRequest, signal: AbortSignal, reuse: boolean): http.ClientRequest {
    const { process, token } = this.#connection;
    if (process !== undefined && !isAlive(process)) throw this.#unreachable('has ended', REASON.ended);
    const secure = this.#base.protocol === 'https:';
    const options: https.RequestOptions = {
      protocol: this.#base.protocol,
      hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port,
      method: request.method,
      path: this.#base.pathname.replace(/\/+$/, '') + request.path,
      headers: { ...headersOf(request), ...authorization(token) },
      agent: reuse ? this.#agent : false,
      signal,
      ...this.#tls,
    };
    const outgoing = (secure ? https : http).request(options);
    const { idleMs } = request;
    if (idleMs !== undefined) outgoing.setTimeout(idleMs, () => outgoing.destroy(new StalledError(idleMs)));
    return outgoing;
  }

  #failed(reason: string, cause: unknown): UnreachableError {
    const problem = certificateProblem(reason);
    if (problem === undefined) return this.#unreachable(`cannot be reached (${reason})`, reason, cause);
    const unknown = this.#tls === undefined ? 'that nobody known here vouches for' : 'that is not the pinned one';
    const told = problem === 'unknown' ? unknown : CERTIFICATE_TEXT[problem];
    const message = `${this.#peer.name} at ${this.#connection.url} shows a certificate ${told}, so nothing was sent to it (${reason}).`;
    return new UnreachableError(message, reason, { cause });
  }

  #unreachable(what: string, reason: string, cause?: unknown): UnreachableError {
    const message = `${this.#peer.name} at ${this.#connection.url} ${what}. ${this.#peer.advice}`;
    return new UnreachableError(message, reason, { cause });
  }

  #notOurs(): UnreachableError {
    return new UnreachableError(
      `${this.#peer.name} at ${this.#connection.url} answered in a form that is not known here. ` +
        'Check the address, and that both sides have the same version of Carapace.',
      REASON.foreign,
    );
  }
}

/** What is said of a certificate that is refused. */
const CERTIFICATE_TEXT: Record<Exclude<CertificateProblem, 'unknown'>, string> = {
  expired: 'that has expired',
  early: 'that is not valid yet by the clock of this machine',
  name: 'that is made out to another name',
};

/** Nothing moved on a connection for too long. */
class StalledError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(idleMs: number) {
    super(`nothing was transferred for ${idleMs / 1000} s`);
  }
}

function parseBase(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base?.protocol === 'http:' || base?.protocol === 'https:') return base;
  throw new InvalidInputError(`"${url}" is not the address of a server: it starts with http:// or https://.`);
}

function headersOf(request: HttpRequest): Record<string, string | number> {
  const headers: Record<string, string | number> = { accept: 'application/json', ...request.headers };
  if (request.json !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(JSON.stringify(request.json));
  } else if (request.body instanceof Uint8Array) {
    headers['content-length'] = request.body.byteLength;
  } else if (request.body === undefined && request.method !== 'GET' && request.method !== 'HEAD') {
    headers['content-length'] = 0;
  }
  return headers;
}

/** Sends the body and waits for the answer's head. An answer that comes before the body has gone out counts. */
async function responseOf(outgoing: http.ClientRequest, request: HttpRequest): Promise<http.IncomingMessage> {
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
  });
  const { body } = request;
  if (body === undefined || body instanceof Uint8Array) {
    outgoing.end(request.json === undefined ? body : JSON.stringify(request.json));
    return answered;
  }
  const sent = join(body, outgoing, body).then(() => answered);
  return Promise.race([answered.catch(() => sent), sent]);
}

/** A page is for people: it is some other server's, or of one that stands before ours. */
function isPage({ headers }: http.IncomingMessage): boolean {
  return /^text\/html\b/i.test(headers['content-type'] ?? '');
}

function describe(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}
