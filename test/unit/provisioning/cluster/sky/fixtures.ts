/** Stand-ins for SkyPilot: its command as a shell script, and its API server in this process. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A home folder with a `bin` on the PATH of `environment`. */
export interface Home {
  readonly folder: string;
  readonly environment: Record<string, string>;
  /** Writes an executable shell script into `bin` and answers its path. */
  command(name: string, script: string): string;
  /** Lines that scripts wrote by `echo … >> "$HOME/said"`. */
  said(): string[];
  dispose(): void;
}

export function makeHome(): Home {
  const folder = mkdtempSync(join(tmpdir(), 'carapace-sky-'));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  return {
    folder,
    environment: { HOME: folder, PATH: `${bin}:/usr/bin:/bin`, USER: 'teacher' },
    command: (name, script) => {
      const path = join(bin, name);
      writeFileSync(path, `#!/bin/sh\n${script}\n`);
      chmodSync(path, 0o755);
      return path;
    },
    said: () => {
      try {
        return readFileSync(join(folder, 'said'), 'utf8').trim().split('\n');
      } catch {
        return [];
      }
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A `case` of a stand-in `sky`: prints a text and ends with an exit code. Arguments are a pattern of sh. */
export function answers(pattern: string, stdout: string, exitCode = 0, stderr = ''): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  return `case "$*" in ${pattern}) printf %s ${quoted(stdout)}; printf %s ${quoted(stderr)} >&2; exit ${exitCode};; esac`;
}

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

type Answer = (received: Received, response: ServerResponse) => void | Promise<void>;

/** An API server whose answers a test sets by method and path, such as `POST /status`. Health is answered unless set. */
export class StandInServer {
  readonly received: Received[] = [];
  readonly #answers = new Map<string, Answer>();
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  on(what: string, answer: Answer): void {
    this.#answers.set(what, answer);
  }

  /** Lets a POST be a request that ends as `/api/get` tells. */
  onRequest(path: string, id: string, ended: { status?: number; body: unknown; printed?: string }): void {
    this.on(`POST ${path}`, (_, response) => json(response, 200, null, id));
    this.on(`GET /api/get?request_id=${id}`, (_, response) => json(response, ended.status ?? 200, ended.body));
    this.on(`GET /api/stream?request_id=${id}&format=console&follow=true`, (_, response) => {
      response.end(ended.printed ?? '');
    });
  }

  /** Listens on the port of the first time. */
  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Breaks all connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const piece of request.setEncoding('utf8')) text += String(piece);
    const { method = '', url: path = '', headers } = request;
    const received = { method, path, headers, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
    this.received.push(received);
    const answer = this.#answers.get(`${method} ${path}`) ?? this.#answers.get(`${method} ${path.split('?')[0] ?? ''}`);
    if (answer !== undefined) await answer(received, response);
    else if (path === '/api/health') json(response, 200, { status: 'healthy', api_version: '62', version: '0.14.1' });
    else json(response, 404, { detail: 'Not Found' });
  }
}

/** Sends JSON, with a request's id where it is one. */
export function json(response: ServerResponse, status: number, body: unknown, requestId?: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(requestId !== undefined && { 'x-skypilot-request-id': requestId }),
  });
  response.end(JSON.stringify(body));
}

/** The body of `/api/get` for a request that succeeded. */
export function succeeded(id: string, name: string, value: unknown): unknown {
  return { request_id: id, name, status: 'SUCCEEDED', return_value: JSON.stringify(value), error: 'null' };
}

/** The body of `/api/get` for a request that failed; it comes with HTTP status 500. */
export function failed(id: string, name: string, error: { type: string; message: string }): unknown {
  const detail = { request_id: id, name, status: 'FAILED', return_value: 'null', error: JSON.stringify(error) };
  return { detail };
}

/** Waits until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(5);
}

export const UNHURRIED = AbortSignal.timeout(3_600_000);
