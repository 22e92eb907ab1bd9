/** The agent's HTTP server: its API, and the proxy to the seats. */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { requireBearer } from '../lib/bearer.ts';
import { addMetricsRoute } from '../lib/http-metrics.ts';
import { createHttpService, type HttpService } from '../lib/http-service.ts';
import type { Agent } from './agent.ts';
import { measureAgent } from './metrics.ts';
import { prepareOpenapi } from './openapi.ts';
import type { Gate } from './proxy/gate.ts';
import { proxyRequest } from './proxy/http.ts';
import { PROXY_PREFIX } from './proxy/target.ts';
import { TerminalProxy } from './proxy/terminal.ts';
import { addRoutes } from './routes.ts';
import { createTokenVerifier } from './token.ts';

export interface ServerOptions {
  readonly agent: Agent;
  readonly agentToken: string;
  readonly workspaceTokenSecret: string;
  readonly allowedOrigins: readonly string[];
  readonly log: Logger;
}

/** Where the requests to the proxy are routed to; what they ask for is read from the target as it was sent. */
const PROXY_ROUTE = '/proxy';

/** A large file may take its time over a thin line. */
const REQUEST_TIMEOUT_MS = 3_600_000;

/** Every request to the proxy goes to one handler, with its body unread. */
function addProxy(service: HttpService, gate: Gate): void {
  void service.register((proxy: HttpService, _options, done) => {
    proxy.removeAllContentTypeParsers();
    proxy.addContentTypeParser('*', (_request, _body, ready) => ready(null));
    proxy.all(PROXY_ROUTE, { bodyLimit: Number.MAX_SAFE_INTEGER }, (request, reply) =>
      proxyRequest(gate, request, reply),
    );
    done();
  });
}

/** Makes the server, not listening yet. Closing it ends every connection, terminals too. */
export function createServer(options: ServerOptions): HttpService {
  const { agent, agentToken, log } = options;
  const service = createHttpService({
    log,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    rewriteUrl: (target) => (target.startsWith(PROXY_PREFIX) ? PROXY_ROUTE : target),
  });
  const metrics = measureAgent(service, agent, PROXY_ROUTE);
  const addOpenapi = prepareOpenapi(service);
  const gate: Gate = {
    seats: agent.seats,
    verify: metrics.counting(
      createTokenVerifier(agentToken, options.workspaceTokenSecret, (seat, generation) =>
        agent.seats.isRevoked(seat, generation),
      ),
    ),
    allowedOrigins: new Set(options.allowedOrigins),
    isOpen: () => agent.isOpen,
  };
  addRoutes(service, agent, agentToken);
  void service.register((telling: HttpService, _options, done) => {
    telling.addHook('onRequest', requireBearer(agentToken));
    addMetricsRoute(telling, metrics.registry);
    addOpenapi(telling);
    done();
  });
  addProxy(service, gate);
  const terminals = new TerminalProxy(gate, log);
  service.server.on('upgrade', (request, socket: Socket, head) => {
    metrics.follow(socket);
    terminals.handle(request, socket, head);
  });
  service.addHook('preClose', (done) => {
    terminals.close();
    done();
  });
  return service;
}
