/**
 * What the HTTP servers of the agent and the control plane have in common: zod schemas at the edge, one JSON form of
 * errors, one log line a request without secrets, bounds on everything a client can send.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaCompiler,
} from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ZodMiniType } from 'zod/mini';
import { infoFromError, invalidInput, InvalidInputError, NotFoundError, type ErrorBody } from '../protocol/errors.ts';
import { answerBrokenRequest, asCarapaceError, refuseTyped, refuseWithoutHost } from './http-errors.ts';
import { pathOf } from './log.ts';
import { forRequest, requestIdOf } from './request-id.ts';

/** The largest body of a request, in bytes, where a route does not say otherwise. */
export const BODY_LIMIT = 1_048_576;

/** A Fastify instance whose routes take zod schemas (those of `zod/mini` too) for params, querystring, body, response. */
export type HttpService = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>;

export interface HttpServiceOptions {
  readonly log: FastifyBaseLogger;
  /** Certificate and key in PEM; without them the service speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** How long a whole request may take to arrive, in milliseconds; 0 for no limit. Default one minute. */
  readonly requestTimeoutMs?: number;
  /** How long a connection may take to say what it wants, its TLS handshake and a request's headers each, in milliseconds. Default 20 s. */
  readonly headersTimeoutMs?: number;
  /** How often it is looked whether requests take too long, in milliseconds. Default 5 s. */
  readonly checkEveryMs?: number;
  /** How long nothing may move on a connection whose request is not answered whole, in milliseconds. Default 15 minutes. */
  readonly silenceMs?: number;
  /** How long a client may go on with the body of a request that has its answer, in milliseconds. Default one minute. */
  readonly restMs?: number;
  /** Replaces the target of a request before it is routed; the routes find the first one in `request.originalUrl`. */
  readonly rewriteUrl?: (target: string) => string;
}

const REQUEST_TIMEOUT_MS = 60_000;
/** From the connection, or the first byte of a further request, to the end of a request's headers. */
const HEADERS_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 65_000;
const MAX_HEADER_BYTES = 16_384;
/** How often it is looked for connections that are over one of these limits. */
const CHECK_EVERY_MS = 5_000;
/** On a connection that waits for an answer, or for its client to take one: longer than any silence of ours. */
const SILENCE_MS = 900_000;
/** How long a client may go on sending the body of a request that has its answer. */
const REST_MS = 60_000;

function createNodeServer(
  options: HttpServiceOptions,
  handler: (i: IncomingMessage, o: ServerResponse) => void,
): Server {
  const bounds = {
    requestTimeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    headersTimeout: options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: options.checkEveryMs ?? CHECK_EVERY_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    requireHostHeader: false,
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    if (!refuseWithoutHost(request, response)) handler(request, response);
  };
  const server = options.tls
    ? createTlsServer({ ...bounds, ...options.tls, handshakeTimeout: bounds.headersTimeout }, listener)
    : createServer(bounds, listener);
  server.setTimeout(options.silenceMs ?? SILENCE_MS);
  refuseTyped(server);
  return server;
}

/** Connections whose TLS handshake is not over are none of the HTTP server yet, which would wait for them when it closes. */
function endHandshakes(service: HttpService): void {
  const open = new Map<string, Socket>();
  const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  service.server.on('connection', (socket: Socket) => {
    const name = nameOf(socket);
    open.set(name, socket);
    socket.once('close', () => {
      if (open.get(name) === socket) open.delete(name);
    });
  });
  service.server.on('secureConnection', (socket: Socket) => open.delete(nameOf(socket)));
  service.addHook('preClose', (done) => {
    for (const socket of open.values()) socket.destroy();
    done();
  });
}

/** Fastify passes an error that is one already as it is to the error handler. */
const validatorCompiler: FastifySchemaCompiler<ZodMiniType> = ({ schema }) => {
  return (input) => {
    const result = schema.safeParse(input);
    return result.success ? { value: result.data } : { error: invalidInput(result.error.issues) };
  };
};

/** Sends any error in our form; what is not ours is logged and told as INTERNAL. */
function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const ours = asCarapaceError(error);
  if (ours === undefined) request.log.error({ err: error }, 'request failed');
  else if (ours.status >= 500) request.log.warn({ code: ours.code, err: ours }, 'request refused');
  const retryAfter = ours?.details?.['retry_after_seconds'];
  if (typeof retryAfter === 'number') void reply.header('retry-after', String(Math.ceil(retryAfter)));
  if (ours?.code === 'UNAUTHORIZED') void reply.header('www-authenticate', 'Bearer');
  if (ours?.code === 'TOO_LARGE') {
    // A client that still sends would see a reset in place of this answer: take the rest, within the request's time.
    void reply.removeHeader('connection');
    request.raw.resume();
  }
  const body: ErrorBody = { error: infoFromError(error instanceof Error && ours ? ours : error, request.id) };
  // Serialised here: a route's own response schema for this status may be another.
  void reply
    .code(ours?.status ?? 500)
    .type('application/json; charset=utf-8')
    .serializer((value: unknown) => JSON.stringify(value))
    .send(body);
}

function logRequest(request: FastifyRequest, reply: FastifyReply): void {
  const { method } = request;
  const path = pathOf(request.originalUrl);
  const milliseconds = Math.round(reply.elapsedTime * 10) / 10;
  request.log.info({ method, path, status: reply.statusCode, milliseconds }, 'request');
}

/** A request that has its answer, such as one that was refused, does not keep its connection by a body that never ends. */
function limitRest({ raw }: FastifyRequest, reply: FastifyReply, restMs: number): void {
  reply.raw.once('finish', () => {
    if (raw.complete) return;
    const timer = setTimeout(() => {
      if (!raw.complete) raw.destroy();
    }, restMs);
    timer.unref();
  });
}

/** JSON only; an empty body is no body, so that a call without one may still name its type. */
function takeJsonOnly(service: HttpService): void {
  const parse = service.getDefaultJsonParser('error', 'error');
  service.removeAllContentTypeParsers();
  service.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text === '') done(null, undefined);
    else {
      void parse(request, text as string, (error, value) => {
        done(error ? new InvalidInputError('The request is not valid: its body is not JSON.') : null, value);
      });
    }
  });
}

/**
 * Makes the service: routes with zod schemas, errors as `{"error":{code,message,details?,request_id}}`, bodies of at
 * most {@link BODY_LIMIT}, an `x-request-id` on every answer and in every log line. It logs method, path without query,
 * status and time of each request; a route with `logLevel: 'warn'` is not logged. `close()` ends open connections.
 */
export function createHttpService(options: HttpServiceOptions): HttpService {
  const service: HttpService = fastify<Server>({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: ({ headers }) => requestIdOf(headers),
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    return503OnClosing: false,
    rewriteUrl: ({ url = '/' }) => options.rewriteUrl?.(url) ?? url,
    serverFactory: (handler) => createNodeServer(options, handler),
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (_error, request, reply) => {
      sendError(new InvalidInputError('The address of the request is not valid.'), request, reply);
    },
  });
  service.setValidatorCompiler(validatorCompiler);
  service.setSerializerCompiler(serializerCompiler);
  service.setErrorHandler(sendError);
  service.setNotFoundHandler((request) => {
    throw new NotFoundError(`There is no ${request.method} ${pathOf(request.originalUrl)} here.`);
  });
  service.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    limitRest(request, reply, options.restMs ?? REST_MS);
    done();
  });
  // Not earlier: reading a body leaves the context that a hook before it began.
  service.addHook('preValidation', (request, _reply, done) => forRequest(request.id, done));
  service.addHook('onResponse', (request, reply, done) => {
    logRequest(request, reply);
    done();
  });
  if (options.tls !== undefined) endHandshakes(service);
  takeJsonOnly(service);
  return service;
}
