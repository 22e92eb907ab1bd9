/**
 * Passes what goes to a seat on to its agent, byte for byte: requests are streamed, terminals spliced. The agent checks
 * the token, and takes from a request whatever is not for the seat.
 */
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { rawErrorAnswer } from '../../lib/http-errors.ts';
import type { HttpService } from '../../lib/http-service.ts';
import { REQUEST_ID_HEADER, requestIdOf } from '../../lib/request-id.ts';
import { splice } from '../../lib/splice.ts';
import { CarapaceError, NotFoundError } from '../../protocol/errors.ts';
import { namesSite, wrongHost } from './host-check.ts';
import { RELAY_PREFIX, relayTarget, unreachable, type Relay, type RelayTarget } from './relay-target.ts';

/** Where requests to seats are routed to; the agent reads the target as it was sent. */
export const RELAY_ROUTE = '/proxy';

const OTHER_BODY_MS = 60_000;
/** From the connection to the first byte of a terminal's answer. */
const HANDSHAKE_MS = 15_000;
/** How long a refused client may keep its connection. */
const CLOSE_MS = 2_000;
/** Idle time after which the kernel asks whether the client is still there. */
const KEEP_ALIVE_MS = 30_000;

/** Of one connection only (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What the head of an upgrade says anew, or not at all. */
const FRAMING = new Set(['content-length', 'host', 'expect', REQUEST_ID_HEADER]);

/** `rewriteUrl` of the service: every request to a seat goes to one route. */
export function rewriteToRelay(target: string): string {
  return target.startsWith(RELAY_PREFIX) ? RELAY_ROUTE : target;
}

/** The body of every other request comes within a minute, although an upload to a seat may take longer. */
export function limitOtherBodies(service: HttpService): void {
  service.addHook('onRequest', (request, _reply, done) => {
    const { raw, url } = request;
    if (url !== RELAY_ROUTE && !raw.complete) {
      const timer = setTimeout(() => {
        if (!raw.complete) raw.destroy();
      }, OTHER_BODY_MS);
      raw.once('close', () => clearTimeout(timer));
    }
    done();
  });
}

/** @param publicUrl what the server is called: upgrades pass no hook that checks it */
export function addRelay(service: HttpService, relay: Relay, publicUrl: () => string, log: FastifyBaseLogger): void {
  void service.register((proxy: HttpService, _options, done) => {
    proxy.removeAllContentTypeParsers();
    proxy.addContentTypeParser('*', (_request, _body, ready) => ready(null));
    proxy.all(RELAY_ROUTE, { bodyLimit: Number.MAX_SAFE_INTEGER }, (request, reply) =>
      relayRequest(relay, request, reply),
    );
    done();
  });
  const upgrades = new UpgradeRelay(relay, publicUrl, log);
  service.server.on('upgrade', upgrades.handle);
  service.addHook('preClose', (done) => {
    upgrades.close();
    done();
  });
}

async function relayRequest(relay: Relay, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { raw } = request;
  const target = await relayTarget(relay, request.originalUrl, raw);
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  // It may have gone while its token was checked.
  if (reply.raw.destroyed) gone.abort();
  const answer = await ask(target, request, gone.signal);
  // From here on an error can only be told by cutting the answer off.
  reply.hijack();
  try {
    reply.raw.writeHead(answer.statusCode ?? 502, passedHeaders(answer.rawHeaders));
    await pipeline(answer, reply.raw);
  } catch (error) {
    request.log.debug({ err: error }, 'a relayed answer was cut off');
    answer.destroy();
    reply.raw.destroy();
  }
  return reply;
}

/** Sends the request to the agent, and waits for the head of its answer. */
function ask(target: RelayTarget, request: FastifyRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const { raw, originalUrl, id } = request;
  const { method = 'GET' } = raw;
  const body = bodyOf(raw);
  const headers = { ...passedHeaders(raw.rawHeaders), host: 'agent', [REQUEST_ID_HEADER]: id };
  delete headers['expect'];
  // One of a known length says it by content-length.
  if (body !== null && raw.headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ ...target, method, path: originalUrl, headers, agent: false, signal });
    outgoing.once('response', resolve);
    outgoing.on('error', (error) => reject(unreachable(error)));
    if (body === null) outgoing.end();
    else pipeline(body, outgoing).catch(() => undefined);
  });
}

/**
 * The body of a request, or null where it has none. Behind a stream of its own: an agent that answers before it has read
 * everything ends that one, and not the client's connection, which is read to its end for the answer to be read.
 */
function bodyOf(raw: IncomingMessage): Readable | null {
  const { headers } = raw;
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return null;
  const body = new PassThrough();
  raw.on('error', (error) => body.destroy(error));
  body.on('error', () => raw.resume());
  body.on('close', () => raw.resume());
  return raw.pipe(body);
}

/** `IncomingMessage.rawHeaders` without those of one connection only. */
function passedHeaders(rawHeaders: readonly string[]): OutgoingHttpHeaders {
  const headers = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    headers.set(name, [...(headers.get(name) ?? []), rawHeaders[index + 1] ?? '']);
  }
  const named = (headers.get('connection') ?? []).flatMap((value) => value.split(','));
  for (const name of [...HOP_BY_HOP, ...named]) headers.delete(name.trim().toLowerCase());
  return Object.fromEntries([...headers].map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
}

/** The open terminals that pass through this server. */
class UpgradeRelay {
  readonly #relay: Relay;
  readonly #publicUrl: () => string;
  readonly #log: FastifyBaseLogger;
  readonly #clients = new Set<Socket>();

  constructor(relay: Relay, publicUrl: () => string, log: FastifyBaseLogger) {
    this.#relay = relay;
    this.#publicUrl = publicUrl;
    this.#log = log;
  }

  /** Takes over the socket of a request to be upgraded; for the `upgrade` event of `http.Server`. */
  readonly handle = (request: IncomingMessage, client: Socket, head: Buffer): void => {
    this.#clients.add(client);
    client.once('close', () => this.#clients.delete(client));
    // Without a listener a reset connection would end the process.
    client.on('error', () => undefined);
    client.setTimeout(0).setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    void this.#open(request, client, head);
  };

  /** Ends every connection; the shells live on in their seats. */
  close(): void {
    for (const client of this.#clients) client.destroy();
  }

  async #open(request: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    const id = requestIdOf(request.headers);
    try {
      const { url = '' } = request;
      if (!namesSite(request.headers.host, this.#publicUrl())) throw wrongHost(this.#publicUrl());
      if (request.method !== 'GET' || !url.startsWith(RELAY_PREFIX)) {
        throw new NotFoundError('There is no WebSocket at this address.');
      }
      const agent = await openAgent(await relayTarget(this.#relay, url, request), client);
      agent.write(upgradeHead(request, id), 'latin1');
      if (head.length > 0) agent.write(head);
      this.#log.info({ request_id: id }, 'terminal relayed');
      await splice(client, agent);
    } catch (error) {
      const code = error instanceof CarapaceError ? error.code : undefined;
      this.#log.info({ request_id: id, code }, 'terminal refused');
      refuse(client, error, id);
    }
  }
}

/**
 * The request anew, as an upgrade and nothing else: with the headers that frame a body gone, the agent takes what follows
 * for the terminal's bytes, and no further request passes by this connection.
 */
function upgradeHead({ url = '', rawHeaders, headers }: IncomingMessage, id: string): string {
  const passed = passedHeaders(rawHeaders);
  const others = Object.entries(passed).filter(([name]) => !FRAMING.has(name));
  const lines = others.flatMap(([name, value]) => [value ?? []].flat().map((one) => `${name}: ${one}`));
  return [
    `GET ${url} HTTP/1.1`,
    'host: agent',
    'connection: Upgrade',
    `upgrade: ${headers.upgrade ?? 'websocket'}`,
    `${REQUEST_ID_HEADER}: ${id}`,
    ...lines,
    '',
    '',
  ].join('\r\n');
}

/** Connects to the agent, for as long as the client is there. @throws UnavailableError */
function openAgent(target: RelayTarget, client: Socket): Promise<Socket> {
  // Gone while its token was checked: nothing would ever end the terminal.
  if (client.destroyed) return Promise.reject(unreachable());
  const agent = connect({ host: target.hostname, port: target.port, allowHalfOpen: true, noDelay: true });
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void => {
      agent.destroy();
      reject(unreachable(error));
    };
    const gone = (): void => fail();
    agent.setTimeout(HANDSHAKE_MS, gone);
    agent.on('error', fail);
    client.once('close', gone);
    agent.once('connect', () => {
      client.off('close', gone);
      agent.setTimeout(0);
      resolve(agent);
    });
  });
}

/** Answers with an HTTP status in place of the upgrade, and closes. */
function refuse(socket: Socket, error: unknown, requestId: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.setTimeout(CLOSE_MS, () => socket.destroy());
  socket.end(rawErrorAnswer(error, requestId), () => socket.destroySoon());
}
