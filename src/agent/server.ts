/** The agent's HTTP server: its API, and the proxy to the seats. */
import type { Logger } from 'pino';
import { createHttpService, type HttpService } from '../lib/http-service.ts';
import type { Agent } from './agent.ts';
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
  const { agent, log } = options;
  const gate: Gate = {
    seats: agent.seats,
    verify: createTokenVerifier(options.agentToken, options.workspaceTokenSecret),
    allowedOrigins: new Set(options.allowedOrigins),
    isOpen: () => agent.isOpen,
  };
  const service = createHttpService({
    log,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    rewriteUrl: (target) => (target.startsWith(PROXY_PREFIX) ? PROXY_ROUTE : target),
  });
  addRoutes(service, agent, options.agentToken);
  addProxy(service, gate);
  const terminals = new TerminalProxy(gate, log);
  service.server.on('upgrade', terminals.handle);
  service.addHook('preClose', (done) => {
    terminals.close();
    done();
  });
  return service;
}
