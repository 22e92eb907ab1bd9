/** What every service measures of itself, for Prometheus: requests, and its process. Labels have few values, none a person's. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import type { HttpService } from './http-service.ts';

/** In seconds: from an answer out of memory to a machine that boots. */
const DURATION_BUCKETS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/** Requests to what is no route: their addresses are whatever somebody sends. */
const NO_ROUTE = 'none';

/** The route's template, never the address itself. */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? NO_ROUTE;
}

function isStream(reply: FastifyReply): boolean {
  return String(reply.raw.getHeader('content-type') ?? '').startsWith('text/event-stream');
}

/**
 * Counts the service's requests from now on.
 * @returns where further measurements belong
 */
export function measureRequests(service: HttpService): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Counter({
    name: 'carapace_http_requests_total',
    help: 'Requests by route and status',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'carapace_http_request_seconds',
    help: 'From a request to the end of its answer, without streams of events',
    labelNames: ['method', 'route'],
    buckets: DURATION_BUCKETS,
    registers,
  });
  service.addHook('onResponse', (request, reply, done) => {
    const route = routeOf(request);
    // Of what is no route not even the method is one of a few.
    const method = route === NO_ROUTE ? NO_ROUTE : request.method;
    requests.inc({ method, route, status: reply.statusCode });
    if (!isStream(reply)) durations.observe({ method, route }, reply.elapsedTime / 1000);
    done();
  });
  return registry;
}

/** Adds `GET /metrics` to a service, behind whatever guards it there. */
export function addMetricsRoute(service: HttpService, registry: Registry): void {
  service.get('/metrics', { logLevel: 'warn' }, async (_request, reply) =>
    reply
      .type(registry.contentType)
      .serializer(String)
      .send(await registry.metrics()),
  );
}
