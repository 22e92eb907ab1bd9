/** Sends fuzzed requests: over `node:http`, and as bytes over sockets of their own. */
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect, type NetConnectOpts } from 'node:net';
import type { Answer, Judge } from './judge.ts';
import type { FuzzedRequest } from './requests.ts';

/** Where a service listens. */
export type Place = { readonly port: number } | { readonly socketPath: string };

/** More of an answer is not looked at, in bytes. */
const MAX_BODY = 512 * 1024;
const DEADLINE_MS = 20_000;
/** A raw connection that says nothing more has answered. */
const RAW_QUIET_MS = 5_000;

function headerOf(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** Some answers never end: of a stream only the head is judged. */
async function bodyOf(response: IncomingMessage, type: string): Promise<Buffer> {
  if (type.startsWith('text/event-stream')) {
    response.destroy();
    return Buffer.alloc(0);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_BODY) break;
  }
  return Buffer.concat(chunks);
}

/** A client of one service, with a bounded number of connections. */
export class FuzzClient {
  readonly #agent: Agent;
  readonly #place: Place;

  constructor(place: Place, connections: number) {
    this.#place = place;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  async send({ method, target, headers, body }: FuzzedRequest): Promise<Answer> {
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const outgoing = request({
      ...this.#place,
      host: '127.0.0.1',
      agent: this.#agent,
      method,
      path: target,
      headers: { ...headers, ...length },
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    // An answer may come before the body has gone out.
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    outgoing.end(body);
    const [response] = await answered;
    outgoing.on('error', () => undefined);
    const type = headerOf(response, 'content-type') ?? '';
    const requestId = headerOf(response, 'x-request-id');
    return { method, status: response.statusCode ?? 0, type, requestId, body: await bodyOf(response, type) };
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Sends bytes, says that nothing more comes, and returns what is said until the connection ends. */
export async function sendBytes(place: Place, bytes: Buffer): Promise<Buffer> {
  const where: NetConnectOpts = 'port' in place ? { port: place.port, host: '127.0.0.1' } : { path: place.socketPath };
  const socket = connect({ ...where, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  // A service that waits for more than comes ends the connection by its own time limit, which is longer than this.
  socket.setTimeout(RAW_QUIET_MS, () => socket.destroy());
  socket.once('end', () => socket.destroySoon());
  socket.end(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

/** Judges the first answer among the bytes; the others are of the same making. */
export function judgeBytes(judge: Judge, bytes: Buffer, what: string): void {
  const end = bytes.indexOf('\r\n\r\n');
  const status = /^HTTP\/1\.1 (\d{3})/.exec(bytes.toString('latin1', 0, 20))?.[1];
  if (status === undefined || end === -1) {
    judge.unanswered += 1;
    return;
  }
  if (status === '101' || status === '100') return;
  const head = bytes.toString('latin1', 0, end);
  const field = (name: string): string | undefined => new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1];
  const length = Number(field('content-length') ?? 0);
  const body = bytes.subarray(end + 4, end + 4 + length);
  const type = field('content-type') ?? '';
  judge.judge({ method: 'GET', status: Number(status), type, requestId: field('x-request-id'), body }, what);
}
