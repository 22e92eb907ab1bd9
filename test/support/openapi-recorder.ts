/** Calls a service by its OpenAPI document and holds each answer against it. */
import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { OpenapiDocument, OpenapiOperation } from '../../src/lib/openapi/finish.ts';

export interface Call {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly bytes?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Null for none. */
  readonly token?: string | null;
  /** Of a stream: how many frames are read before it is left. */
  readonly frames?: number;
}

export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body, where it is JSON. */
  readonly json: unknown;
  /** The parsed data of a stream's frames. */
  readonly frames: readonly unknown[];
}

interface Place {
  readonly method: string;
  readonly path: string;
  readonly operation: OpenapiOperation;
}

function pointer(...parts: string[]): string {
  return parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export class OpenapiRecorder {
  readonly document: OpenapiDocument;
  readonly #url: string;
  readonly #token: string;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #places = new Map<string, Place>();
  readonly #seen = new Map<string, Set<number>>();
  constructor(document: OpenapiDocument, url: string, token: string) {
    this.document = document;
    this.#url = url;
    this.#token = token;
    formats.default(this.#ajv);
    this.#ajv.addFormat('binary', true);
    this.#ajv.addSchema({ ...document, $id: 'document' });
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        this.#places.set(operation.operationId, { method, path, operation });
      }
    }
  }

  get operations(): ReadonlyMap<string, Place> {
    return this.#places;
  }

  /** Statuses below 400 that are documented and were not seen, as `operation status`. */
  unseen(): string[] {
    return [...this.#places.values()].flatMap(({ operation: { operationId, responses } }) =>
      Object.keys(responses)
        .filter((status) => Number(status) < 400 && this.#seen.get(operationId)?.has(Number(status)) !== true)
        .map((status) => `${operationId} ${status}`),
    );
  }

  /** Whether the document takes this as the call's JSON. */
  takes(operationId: string, json: unknown): boolean {
    const { method, path } = this.#place(operationId);
    const check = this.#check('paths', path, method, 'requestBody', 'content', 'application/json', 'schema');
    return check(json);
  }

  /** Sends a call; the answer has to be one that is documented. */
  async call(operationId: string, call: Call = {}): Promise<Told> {
    const place = this.#place(operationId);
    const told = await this.#send(place, call);
    this.#hold(place, told);
    return told;
  }

  #place(operationId: string): Place {
    const place = this.#places.get(operationId);
    assert.ok(place, `the document has no ${operationId}`);
    return place;
  }

  #check(...parts: string[]): ValidateFunction {
    const $ref = `document#${encodeURI(pointer(...parts))}`;
    return this.#ajv.getSchema($ref) ?? this.#ajv.compile({ $ref });
  }

  async #send({ method, path, operation }: Place, call: Call): Promise<Told> {
    const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
      String(call.params?.[name]).split('/').map(encodeURIComponent).join('/'),
    );
    const query = call.query === undefined ? '' : `?${new URLSearchParams(call.query).toString()}`;
    const token = call.token === undefined ? this.#token : call.token;
    const body = call.json === undefined ? call.bytes : JSON.stringify(call.json);
    const left = new AbortController();
    const response = await fetch(this.#url + filled + query, {
      method: method.toUpperCase(),
      headers: {
        ...(token !== null && operation.security?.length !== 0 && { authorization: `Bearer ${token}` }),
        ...(call.json !== undefined && { 'content-type': 'application/json' }),
        ...call.headers,
      },
      ...(body !== undefined && { body }),
      signal: AbortSignal.any([left.signal, AbortSignal.timeout(60_000)]),
    });
    const { status, headers } = response;
    if (headers.get('content-type')?.startsWith('text/event-stream') === true) {
      const frames = await framesOf(response, call.frames ?? 1);
      left.abort();
      return { status, headers, text: '', json: undefined, frames };
    }
    const text = await response.text();
    const isJson = /^application\/(?:[\w.-]+\+)?json\b/.test(headers.get('content-type') ?? '');
    return { status, headers, text, json: isJson && text !== '' ? JSON.parse(text) : undefined, frames: [] };
  }

  #hold({ method, path, operation }: Place, { status, headers, json, text, frames }: Told): void {
    const { operationId, responses } = operation;
    const what = `${operationId} answered ${status} ${text.slice(0, 500)}`;
    assert.match(headers.get('x-request-id') ?? '', /^[A-Za-z0-9._-]{8,64}$/, `${what}: it has a request id`);
    const key = String(status) in responses ? String(status) : `${String(status).charAt(0)}XX`;
    const response = responses[key];
    assert.ok(response, `${what}, which is not documented`);
    const type = headers.get('content-type')?.split(';', 1)[0]?.trim();
    if (response.content === undefined) assert.equal(text, '', `${what} with a body`);
    // Nothing is sent of a file in the answer to HEAD.
    else if (method !== 'head') {
      assert.ok(type !== undefined && type in response.content, `${what} as ${type}, which is not documented`);
      if (json !== undefined) {
        this.#valid(this.#check('paths', path, method, 'responses', key, 'content', type, 'schema'), json, what);
      }
    }
    if (type === 'text/event-stream') {
      const check = this.#check('paths', path, method, 'responses', key, 'content', type, 'schema', 'contentSchema');
      assert.ok(frames.length > 0, `${what} with no frame`);
      for (const data of frames) this.#valid(check, data, what);
    }
    if (status >= 400 && method !== 'head')
      assert.equal((json as { error: { request_id: string } }).error.request_id, headers.get('x-request-id'));
    const seen = this.#seen.get(operationId) ?? new Set();
    this.#seen.set(operationId, seen.add(status));
  }

  #valid(check: ValidateFunction, value: unknown, what: string): void {
    assert.ok(check(value), `${what}: ${this.#ajv.errorsText(check.errors)}`);
  }
}

/** The data of the first frames of a stream. */
async function framesOf(response: Response, count: number): Promise<unknown[]> {
  const decoder = new TextDecoder();
  let text = '';
  const whole = (): string[] => text.split('\n\n').slice(0, -1);
  const dataOf = (): string[] => whole().flatMap((frame) => /^data: ?(.*)$/m.exec(frame)?.[1] ?? []);
  assert.ok(response.body);
  for await (const chunk of response.body as AsyncIterable<Uint8Array<ArrayBuffer>>) {
    text += decoder.decode(chunk, { stream: true });
    if (dataOf().length >= count) break;
  }
  return dataOf()
    .slice(0, count)
    .map((data) => JSON.parse(data) as unknown);
}
