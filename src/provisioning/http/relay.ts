/**
 * Passes what goes to a seat on to its agent, byte for byte: requests are streamed, terminals spliced. The agent checks
 * the token, and takes from a request whatever is not for the seat.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { bearerToken } from '../../lib/bearer.ts';
import type { HttpService } from '../../lib/http-service.ts';
import { requestIdOf } from '../../lib/request-id.ts';
import { splice } from '../../lib/splice.ts';
import { refuse, refuseBrowser } from '../../lib/upgrade-refusal.ts';
import { CarapaceError, NotFoundError } from '../../protocol/errors.ts';
import { headersForAgent, headersForClient, upgradeHead } from './relay-headers.ts';
import { RELAY_PREFIX, relayTarget, tokensOf, unreachable, type Relay, type RelayTarget } from './relay-target.ts';
import type { SiteGuard } from './site-guard.ts';

/** Where requests to seats are routed to; the agent reads the target as it was sent. */
export const RELAY_ROUTE = '/proxy';

const OTHER_BODY_MS = 60_000;
/** From the connection to the first byte of a terminal's answer. */
const HANDSHAKE_MS = 15_000;
/** Idle time after which the kernel asks whether the client is still there. */
const KEEP_ALIVE_MS = 30_000;

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

/** @param guard of all requests: upgrades pass no hook that asks it */
export function addRelay(service: HttpService, relay: Relay, guard: SiteGuard, log: FastifyBaseLogger): void {
  void service.register((proxy: HttpService, _options, done) => {
    proxy.removeAllContentTypeParsers();
    proxy.addContentTypeParser('*', (_request, _body, ready) => ready(null));
    proxy.all(RELAY_ROUTE, { bodyLimit: Number.MAX_SAFE_INTEGER }, (request, reply) =>
      relayRequest(relay, request, reply),
    );
    done();
  });
  const upgrades = new UpgradeRelay(relay, guard, log);
  service.server.on('upgrade', upgrades.handle);
  service.addHook('preClose', (done) => {
    upgrades.close();
    done();
  });
}

async function relayRequest(relay: Relay, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { raw } = request;
  const token = bearerToken(raw.headers.authorization);
  const target = await relayTarget(relay, request.originalUrl, token, request.ip);
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  // It may have gone while its token was checked.
  if (reply.raw.destroyed) gone.abort();
  const answer = await ask(target, request, gone.signal);
  // From here on an error can only be told by cutting the answer off.
  reply.hijack();
  try {
    reply.raw.writeHead(answer.statusCode ?? 502, headersForClient(answer.headers));
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
  const headers = headersForAgent(raw, id);
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

/** The open terminals that pass through this server. */
class UpgradeRelay {
  readonly #relay: Relay;
  readonly #guard: SiteGuard;
  readonly #log: FastifyBaseLogger;
  readonly #clients = new Set<Socket>();

  constructor(relay: Relay, guard: SiteGuard, log: FastifyBaseLogger) {
    this.#relay = relay;
    this.#guard = guard;
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
    // By HTTP in any case: it is not for pages of others to open a WebSocket here.
    const foreign = this.#guard(request);
    if (foreign !== undefined) {
      this.#log.info({ request_id: id, code: foreign.code }, 'terminal refused');
      refuse(client, foreign, id);
      return;
    }
    const { bearer, offered } = tokensOf(request);
    try {
      const { url = '' } = request;
      if (request.method !== 'GET' || !url.startsWith(RELAY_PREFIX)) {
        throw new NotFoundError('There is no WebSocket at this address.');
      }
      const target = await relayTarget(this.#relay, url, bearer ?? offered, client.remoteAddress ?? '');
      const agent = await openAgent(target, client);
      agent.write(upgradeHead(request, id), 'latin1');
      if (head.length > 0) agent.write(head);
      this.#log.info({ request_id: id }, 'terminal relayed');
      await splice(client, agent);
    } catch (error) {
      const code = error instanceof CarapaceError ? error.code : undefined;
      this.#log.info({ request_id: id, code }, 'terminal refused');
      if (bearer === undefined && offered !== undefined) refuseBrowser(request, client, head, error, id);
      else refuse(client, error, id);
    }
  }
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
