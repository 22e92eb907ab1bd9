/** The seat's terminals on their own port: `/health`, `/sessions` and the WebSocket `/terminal`. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import { rawErrorAnswer } from '../../lib/http-errors.ts';
import { requestIdOf } from '../../lib/request-id.ts';
import { TRUSTED_HEADERS } from '../../protocol/agent.ts';
import { InvalidInputError, NoCapacityError, NotFoundError, parseInput } from '../../protocol/errors.ts';
import {
  CLOSE_CODE,
  TERMINAL,
  TERMINAL_SUBPROTOCOL,
  terminalQuerySchema,
  type TerminalQuery,
} from '../../protocol/terminal.ts';
import { allowMethods, answerHealth, type HealthSource } from '../health.ts';
import { sendJson, serve } from '../http/exchange.ts';
import { boundedServer } from '../http/listen.ts';
import { Connection } from './connection.ts';
import { shortId, type Sessions } from './sessions.ts';

/** How often a connection has to show that its other side is there, where nothing else is said. */
const ALIVE_CHECK_MS = 25_000;
/** RFC 6455, 7.4.1, and its registry: the server is going away; try again later. */
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;
const MAX_NAME_LENGTH = 64;
const NOTHING_ELSE = 'There are only /health, /sessions and /terminal here.';

export interface TerminalServer {
  readonly server: Server;
  /** Says goodbye to all clients, so that they come back later. */
  dismiss(): void;
  /** Ends what is still connected, for clients that do not answer the goodbye. */
  drop(): void;
}

export function createTerminalServer(
  sessions: Sessions,
  health: HealthSource,
  log: Logger,
  aliveCheckMs = ALIVE_CHECK_MS,
): TerminalServer {
  const connections = new Set<{ readonly socket: WebSocket; readonly connection: Connection }>();
  const bounds = { noServer: true, clientTracking: false, perMessageDeflate: false } as const;
  // Only our subprotocol is ever selected: an offered token must not be echoed.
  const v1 = new WebSocketServer({
    ...bounds,
    maxPayload: TERMINAL.frameBytes,
    handleProtocols: () => TERMINAL_SUBPROTOCOL,
  });
  // A plain client knows nothing of our frames: what it pastes may come in one.
  const plain = new WebSocketServer({ ...bounds, maxPayload: TERMINAL.inputBytes, handleProtocols: () => false });
  for (const sockets of [v1, plain]) sockets.on('wsClientError', refuseHandshake);

  const server = boundedServer((request, response) => {
    void serve(
      request,
      response,
      (exchange) => {
        if (exchange.path === '/health') answerHealth(exchange, health);
        else if (exchange.path === '/sessions') {
          allowMethods(exchange, ['GET', 'HEAD']);
          sendJson(exchange, 200, sessions.list());
        } else throw new NotFoundError(NOTHING_ELSE);
        return Promise.resolve();
      },
      log,
    );
  });

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined);
    const query = queryOf(request, socket);
    if (query === undefined) return;
    const speaksV1 = offeredProtocols(request).includes(TERMINAL_SUBPROTOCOL);
    (speaksV1 ? v1 : plain).handleUpgrade(request, socket, head, (webSocket) => {
      const connection = connect(webSocket, request, query, speaksV1);
      if (connection === undefined) return;
      const entry = { socket: webSocket, connection };
      connections.add(entry);
      webSocket.once('close', () => connections.delete(entry));
    });
  });

  function connect(
    socket: WebSocket,
    request: IncomingMessage,
    query: TerminalQuery,
    speaksV1: boolean,
  ): Connection | undefined {
    const session = findSession(socket, query);
    if (session === undefined) return undefined;
    const writer = query.mode !== 'view';
    const { cols, rows } = session.size;
    if (writer) session.resize(query.cols ?? cols, query.rows ?? rows);
    const offset = query.offset ?? 0;
    const redraw = query.redraw === '1';
    const name = nameOf(request);
    log.info({ request_id: requestIdOf(request.headers), session: shortId(session), writer }, 'terminal opened');
    return new Connection(socket, session, { id: query.client, name, writer, v1: speaksV1, redraw, offset });
  }

  function findSession(socket: WebSocket, query: TerminalQuery): ReturnType<Sessions['find']> {
    socket.on('error', () => undefined);
    try {
      const session = sessions.find(query);
      if (session === undefined) socket.close(CLOSE_CODE.notFound, 'There is no such terminal.');
      return session;
    } catch (error) {
      if (!(error instanceof NoCapacityError)) log.error({ err: error }, 'no terminal could be made');
      socket.close(TRY_AGAIN_LATER, error instanceof NoCapacityError ? error.message : 'No terminal could be made.');
      return undefined;
    }
  }

  const aliveCheck = setInterval(() => {
    for (const { connection } of connections) connection.checkAlive();
  }, aliveCheckMs);
  server.once('close', () => {
    clearInterval(aliveCheck);
  });

  return {
    server,
    dismiss: () => {
      for (const { socket } of connections) socket.close(GOING_AWAY, 'The seat is stopping.');
    },
    drop: () => {
      for (const { socket } of connections) socket.terminate();
    },
  };
}

/** In place of the answer of `ws`, which is a page for people. */
function refuseHandshake(_error: Error, socket: Duplex, request: IncomingMessage): void {
  const refusal = new InvalidInputError('The request is no valid WebSocket handshake.');
  socket.end(rawErrorAnswer(refusal, requestIdOf(request.headers)), () => socket.destroy());
}

/** The query of `/terminal`; undefined where the request was refused with an HTTP status. */
function queryOf(request: IncomingMessage, socket: Duplex): TerminalQuery | undefined {
  try {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    if (path !== '/terminal') throw new NotFoundError(NOTHING_ELSE);
    return parseInput(terminalQuerySchema, Object.fromEntries(new URLSearchParams(query)));
  } catch (error) {
    socket.end(rawErrorAnswer(error, requestIdOf(request.headers)), () => socket.destroy());
    return undefined;
  }
}

function offeredProtocols(request: IncomingMessage): string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
}

/** The name that the agent vouches for; percent-encoded, since a header carries no Unicode. */
function nameOf(request: IncomingMessage): string | undefined {
  const header = request.headers[TRUSTED_HEADERS.name];
  if (typeof header !== 'string' || header === '') return undefined;
  try {
    return decodeURIComponent(header).slice(0, MAX_NAME_LENGTH);
  } catch {
    return header.slice(0, MAX_NAME_LENGTH);
  }
}
