/**
 * SkyPilot's API server over HTTP. It is not documented; everything here was read in `sky/server/server.py` and
 * `sky/server/requests/payloads.py` (0.12.0 and 0.14.1) and recorded from the real one.
 */
import * as z from 'zod';
import { TimedOutError, UnavailableError, type CarapaceError } from '../../../protocol/errors.ts';
import { errorFromSky } from './errors.ts';
import { plainText } from './text.ts';

/** How to reach an API server. */
export interface Endpoint {
  readonly url: string;
  /** Value of the Authorization header. */
  readonly authorization: string | undefined;
  /** Whether it runs on this machine, where `sky api start` starts it. */
  readonly isLocal: boolean;
}

/** Nothing answers at the endpoint; nothing was asked of SkyPilot, or the answer is not known. */
export class ServerAwayError extends UnavailableError {}

/** The server answers, but not to this kind of request: its version, a sign-in, an endpoint that it has not. */
export class RestRefusedError extends UnavailableError {}

const healthSchema = z.object({
  status: z.string().optional(),
  version: z.string().optional(),
  api_version: z.union([z.string(), z.number()]).optional(),
});

/** A request as `/api/get` and `/api/status` tell it; `return_value` and `error` are JSON as text. */
const requestSchema = z.object({
  request_id: z.string(),
  name: z.string(),
  status: z.string(),
  return_value: z.string().nullish(),
  error: z.string().nullish(),
  cluster_name: z.string().nullish(),
  created_at: z.number().nullish(),
});
export type RestRequest = z.infer<typeof requestSchema>;

const failureSchema = z.object({ type: z.string().catch('Error'), message: z.string().catch('') });

/** How long a request that only asks may take. */
const ASK_DEADLINE_MS = 15_000;
const HEALTH_DEADLINE_MS = 3_000;
const ABANDON_DEADLINE_MS = 2_000;

export class SkyRest {
  readonly #endpoint: Endpoint;
  readonly #body: Readonly<Record<string, unknown>>;
  #versionHeaders: Readonly<Record<string, string>> | undefined;

  /** @param body what every POST carries besides its own fields, see `requestBody` */
  constructor(endpoint: Endpoint, body: Readonly<Record<string, unknown>>) {
    this.#endpoint = endpoint;
    this.#body = body;
  }

  /** Whether the API server answers now. */
  async isServing(signal: AbortSignal): Promise<boolean> {
    try {
      const response = await this.#fetch('GET', '/api/health', { signal, deadlineMs: HEALTH_DEADLINE_MS });
      const body = healthSchema.safeParse(await bodyOf(response, signal));
      if (!body.success || !response.ok) return response.status === 401 || response.status === 403;
      this.#versionHeaders = versionHeaders(body.data);
      return true;
    } catch (error) {
      if (error instanceof ServerAwayError || error instanceof TimedOutError) return false;
      throw error;
    }
  }

  /** Asks for work and answers the id of the request. @throws RestRefusedError, ServerAwayError, InvalidInputError */
  async post(path: string, fields: Fields, signal: AbortSignal): Promise<string> {
    const headers = await this.#versions(signal);
    const response = await this.#fetch('POST', path, {
      signal,
      deadlineMs: ASK_DEADLINE_MS,
      headers,
      body: { ...this.#body, ...fields },
    });
    const body = await bodyOf(response, signal);
    if (!response.ok) throw refusal(path, response.status, body);
    const id = response.headers.get('x-skypilot-request-id');
    if (id === null) throw new RestRefusedError(`SkyPilot's API server answered ${path} without a request id.`);
    return id;
  }

  /**
   * Waits for a request's end. `undefined`: the server knows it no more.
   * @throws RestRefusedError, ServerAwayError
   */
  async wait(id: string, deadlineMs: number, signal: AbortSignal): Promise<RestRequest | undefined> {
    const path = `/api/get?request_id=${encodeURIComponent(id)}`;
    const response = await this.#fetch('GET', path, { signal, deadlineMs, headers: await this.#versions(signal) });
    const body = await bodyOf(response, signal);
    if (isUnknownRequest(response.status, body)) return undefined;
    // A failed request comes with HTTP status 500 and itself as the detail.
    const request = requestSchema.safeParse(response.ok ? body : detailOf(body));
    if (!request.success) throw refusal('/api/get', response.status, body);
    return request.data;
  }

  /** Asks, waits and answers what came of it. @throws the typed error of its failure */
  async ask(path: string, fields: Fields, deadlineMs: number, signal: AbortSignal): Promise<unknown> {
    const id = await this.post(path, fields, signal);
    return this.#result(id, deadlineMs, signal);
  }

  /** {@link ask}, and what SkyPilot printed meanwhile. */
  async askTelling(path: string, fields: Fields, deadlineMs: number, signal: AbortSignal): Promise<Told> {
    const id = await this.post(path, fields, signal);
    const value = await this.#result(id, deadlineMs, signal);
    let printed = '';
    for await (const piece of (await this.stream(id, signal)) ?? []) printed += piece;
    return { value, printed };
  }

  async #result(id: string, deadlineMs: number, signal: AbortSignal): Promise<unknown> {
    const request = await this.wait(id, deadlineMs, signal).catch(async (error: unknown) => {
      if (signal.aborted || error instanceof TimedOutError) await this.#abandon(id);
      throw error;
    });
    if (request === undefined) throw new ServerAwayError("SkyPilot's API server was restarted while it was asked.");
    const failure = failureOf(request);
    if (failure !== undefined) throw errorFromSky(failure.type, failure.message);
    return parsed(request.return_value);
  }

  /** Questions that nobody waits for any more would fill the server's queue. */
  async #abandon(id: string): Promise<void> {
    const signal = AbortSignal.timeout(ABANDON_DEADLINE_MS);
    await this.post('/api/cancel', { request_ids: [id] }, signal).catch(() => undefined);
  }

  /** Requests on a cluster, or one request; without `all` those that have not ended. */
  async requests(
    query: { readonly cluster?: string; readonly id?: string; readonly all?: boolean },
    signal: AbortSignal,
  ): Promise<readonly RestRequest[]> {
    const search = new URLSearchParams();
    if (query.cluster !== undefined) search.set('cluster_name', query.cluster);
    if (query.id !== undefined) search.set('request_ids', query.id);
    if (query.all === true) search.set('all_status', 'true');
    const path = `/api/status?${search.toString()}`;
    const headers = await this.#versions(signal);
    const response = await this.#fetch('GET', path, { signal, deadlineMs: ASK_DEADLINE_MS, headers });
    const body = await bodyOf(response, signal);
    if (isUnknownRequest(response.status, body)) return [];
    const rows = z.array(requestSchema).safeParse(body);
    if (!response.ok || !rows.success) throw refusal('/api/status', response.status, body);
    return rows.data;
  }

  /**
   * A request's output from its beginning, in pieces, until it has ended. `undefined`: the server knows it no more.
   * Iterating throws ServerAwayError when the server goes away.
   */
  async stream(id: string, signal: AbortSignal): Promise<AsyncIterable<string> | undefined> {
    const path = `/api/stream?request_id=${encodeURIComponent(id)}&format=console&follow=true`;
    const response = await this.#fetch('GET', path, { signal, headers: await this.#versions(signal) });
    if (response.ok && response.body !== null) return pieces(response.body, signal);
    const body = await bodyOf(response, signal);
    if (isUnknownRequest(response.status, body)) return undefined;
    throw refusal('/api/stream', response.status, body);
  }

  /** The server's own versions: it refuses clients that are too old, and talks to each as that one understands. */
  async #versions(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    if (this.#versionHeaders === undefined && !(await this.isServing(signal))) {
      throw new ServerAwayError(`SkyPilot's API server does not answer at ${this.#endpoint.url}.`);
    }
    return this.#versionHeaders ?? {};
  }

  async #fetch(method: string, path: string, ask: Ask): Promise<Response> {
    const { signal, deadlineMs, headers, body } = ask;
    const { url, authorization } = this.#endpoint;
    signal.throwIfAborted();
    const late = deadlineMs === undefined ? [] : [AbortSignal.timeout(deadlineMs)];
    try {
      return await fetch(`${url}${path}`, {
        method,
        redirect: 'manual',
        headers: {
          ...headers,
          ...(authorization !== undefined && { authorization }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, ...late]),
      });
    } catch (error) {
      signal.throwIfAborted();
      if (late[0]?.aborted === true) {
        throw new TimedOutError(`SkyPilot's API server did not answer within ${(deadlineMs ?? 0) / 1000} s.`);
      }
      this.#versionHeaders = undefined;
      throw new ServerAwayError(`SkyPilot's API server does not answer at ${url}.`, undefined, { cause: error });
    }
  }
}

/** Fields of a POST. */
type Fields = Readonly<Record<string, unknown>>;

/** The result of a request, and the console stream of its output. */
export interface Told {
  readonly value: unknown;
  readonly printed: string;
}

interface Ask {
  readonly signal: AbortSignal;
  /** For the whole answer; streams have none. */
  readonly deadlineMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Why a request failed; undefined where it did not. */
export function failureOf(request: RestRequest): { readonly type: string; readonly message: string } | undefined {
  if (request.status !== 'FAILED') return undefined;
  const error = failureSchema.safeParse(parsed(request.error));
  return error.success
    ? { type: error.data.type, message: plainText(error.data.message) }
    : { type: 'Error', message: 'it did not say why' };
}

function versionHeaders(health: z.infer<typeof healthSchema>): Record<string, string> {
  const { version, api_version: apiVersion } = health;
  if (version === undefined || apiVersion === undefined) return {};
  return { 'X-SkyPilot-API-Version': String(apiVersion), 'X-SkyPilot-Version': version };
}

async function bodyOf(response: Response, signal: AbortSignal): Promise<unknown> {
  try {
    const text = await response.text();
    return parsed(text) ?? text;
  } catch (error) {
    signal.throwIfAborted();
    throw new ServerAwayError("SkyPilot's API server broke off its answer.", undefined, { cause: error });
  }
}

async function* pieces(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncIterable<string> {
  const decoder = new TextDecoder();
  try {
    for await (const piece of body) yield decoder.decode(piece, { stream: true });
  } catch (error) {
    signal.throwIfAborted();
    throw new ServerAwayError("SkyPilot's API server broke off its answer.", undefined, { cause: error });
  }
}

/** JSON that was sent as text; undefined where it is none. */
function parsed(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null') as unknown;
  } catch {
    return undefined;
  }
}

function detailOf(body: unknown): unknown {
  return z.object({ detail: z.unknown() }).safeParse(body).data?.detail;
}

/** A 404 for the request, unlike one for an endpoint that this version has not (`Not Found`). */
function isUnknownRequest(status: number, body: unknown): boolean {
  const detail = detailOf(body);
  return status === 404 && typeof detail === 'string' && /^(Request|No task)/.test(detail);
}

function refusal(path: string, status: number, body: unknown): CarapaceError {
  const detail = detailOf(body);
  const failure = z.object({ type: z.string(), message: z.string() }).safeParse(detail);
  if (failure.success) return errorFromSky(failure.data.type, failure.data.message);
  const mismatch = z.object({ error: z.string(), message: z.string().catch('') }).safeParse(body);
  const why = mismatch.success
    ? `${mismatch.data.error}: ${plainText(mismatch.data.message).split('\n')[0] ?? ''}`
    : '';
  return new RestRefusedError(
    `SkyPilot's API server answered ${path} with HTTP status ${status}${why && ` (${why})`}.`,
    { status },
  );
}
