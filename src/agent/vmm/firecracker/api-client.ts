/** Speaks with one Firecracker process over its socket: one request after the other, each with a deadline. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { TimedOutError, UnavailableError } from '../../../protocol/errors.ts';
import { faultSchema, instanceInfoSchema, type ApiRequest, type InstanceInfo } from './bodies.ts';
import { refusal } from './faults.ts';

/** How often a fresh process is asked whether it listens. */
const POLL_MS = 10;

/** How long a fresh process may take until it listens. */
export const LISTEN_MS = 3_000;

/** For requests that only set something. */
const ANSWER_MS = 5_000;

/** Starting reads kernel and initramfs; snapshots read or write the memory. */
const LONG_ANSWER_MS: Readonly<Record<string, number>> = {
  '/actions': 15_000,
  '/snapshot/create': 120_000,
  '/snapshot/load': 30_000,
};

interface Answer {
  readonly status: number;
  readonly text: string;
}

function faultOf({ status, text }: Answer): string {
  try {
    return faultSchema.parse(JSON.parse(text)).fault_message;
  } catch {
    return text.trim() === '' ? `HTTP status ${status}` : text.slice(0, 500);
  }
}

/** Nobody listens, or the connection broke. */
export class UnreachableError extends UnavailableError {}

export class ApiClient {
  readonly #client: Client;

  constructor(socketPath: string) {
    this.#client = new Client('http://firecracker', { socketPath });
  }

  /** @throws the typed error for what was refused, {@link TimedOutError}, {@link UnreachableError} */
  async send(request: ApiRequest, signal: AbortSignal): Promise<void> {
    const limitMs = LONG_ANSWER_MS[request.path] ?? ANSWER_MS;
    const answer = await this.#ask(request.method, request.path, JSON.stringify(request.body), limitMs, signal);
    if (answer.status !== 204) throw refusal(`${request.method} ${request.path}`, answer.status, faultOf(answer));
  }

  /** Sends one after the other; the first that is refused ends it. */
  async sendAll(requests: readonly ApiRequest[], signal: AbortSignal): Promise<void> {
    for (const request of requests) await this.send(request, signal);
  }

  async info(signal: AbortSignal): Promise<InstanceInfo> {
    const answer = await this.#ask('GET', '/', null, ANSWER_MS, signal);
    if (answer.status !== 200) throw refusal('GET /', answer.status, faultOf(answer));
    return instanceInfoSchema.parse(JSON.parse(answer.text));
  }

  /** Waits until a process that was just started answers. @throws TimedOutError, or the signal's reason */
  async waitUntilListening(limitMs: number, signal: AbortSignal): Promise<InstanceInfo> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      try {
        return await this.info(signal);
      } catch (cause) {
        signal.throwIfAborted();
        if (performance.now() > deadline) {
          const message = `Firecracker did not answer on its socket within ${limitMs / 1000} s of its start.`;
          throw new TimedOutError(message, undefined, { cause });
        }
      }
      await sleep(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /** Ends the connection, and whatever is still asked over it. */
  close(): void {
    this.#client.destroy().catch(() => undefined);
  }

  async #ask(
    method: 'GET' | 'PUT' | 'PATCH',
    path: string,
    body: string | null,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const deadline = AbortSignal.timeout(limitMs);
    try {
      const response = await this.#client.request({
        method,
        path,
        body,
        headers: body === null ? {} : { 'content-type': 'application/json' },
        signal: AbortSignal.any([signal, deadline]),
        headersTimeout: limitMs,
        bodyTimeout: limitMs,
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (cause) {
      signal.throwIfAborted();
      const what = `${method} ${path}`;
      if (deadline.aborted) {
        throw new TimedOutError(`Firecracker did not answer ${what} within ${limitMs / 1000} s.`, undefined, { cause });
      }
      throw new UnreachableError(`Firecracker cannot be reached for ${what}. Has its process ended?`, undefined, {
        cause,
      });
    }
  }
}

/** Lends a connection for as long as `work` takes. */
export async function withApi<T>(socketPath: string, work: (api: ApiClient) => Promise<T>): Promise<T> {
  const api = new ApiClient(socketPath);
  try {
    return await work(api);
  } finally {
    api.close();
  }
}
