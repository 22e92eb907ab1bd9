/** The HTTP server of the control plane: who may call what, over the routes. */
import type { FastifyBaseLogger, onRequestHookHandler } from 'fastify';
import { createHttpService, type HttpService } from '../../lib/http-service.ts';
import { addMetricsRoute } from '../../lib/http-metrics.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { PublicSite } from '../exposure.ts';
import { TokenLimiter } from '../failure-limiter.ts';
import { addClusterRoutes, addClusterWorkRoutes } from './cluster-routes.ts';
import { requireTeacher, type Authority } from './callers.ts';
import { addEventStream, addOperationStream } from './event-routes.ts';
import type { BrowserFiles } from './browser-files.ts';
import { addBrowserPages } from './browser-page.ts';
import { measureControlPlane } from './metrics.ts';
import { addOpenapi } from './openapi.ts';
import { addLearnerRoutes } from './learner-routes.ts';
import { addRelay, limitOtherBodies, rewriteToRelay } from './relay.ts';
import { addOpenRoutes, addOperationRoutes, addWorkRoutes, addWorkshopRoutes } from './routes.ts';
import { guardSite, siteGuard } from './site-guard.ts';

/** A whole upload to a seat may take its time over a thin line. */
const RELAYED_REQUEST_MS = 3_600_000;

/** What others reach. */
export interface PublicServer {
  readonly tls: { readonly cert: string; readonly key: string };
  readonly site: PublicSite;
}

export interface ControlPlaneServerOptions {
  /** Opens everything. */
  readonly token: string;
  readonly log: FastifyBaseLogger;
  /** What it serves to browsers. */
  readonly pages: BrowserFiles;
  /** For a server for others; absent on a loopback address. */
  readonly publicly?: PublicServer;
}

/** Makes the server; it listens by its own `listen`. */
export function createControlPlaneServer(controlPlane: ControlPlane, options: ControlPlaneServerOptions): HttpService {
  const { token, log, pages, publicly } = options;
  const service = createHttpService({
    log,
    requestTimeoutMs: RELAYED_REQUEST_MS,
    rewriteUrl: rewriteToRelay,
    ...(publicly && { tls: publicly.tls }),
  });
  const metrics = measureControlPlane(service, controlPlane);
  addOpenapi(service);
  const limiter = publicly && new TokenLimiter();
  const authority: Authority = {
    token,
    learnerOf: (given) => controlPlane.joining.learnerOf(given),
    ...(limiter && { limiter }),
  };
  const guard = siteGuard(publicly?.site.url);
  service.addHook('onRequest', guardSite(guard));
  service.addHook('onRequest', keepNothing);
  limitOtherBodies(service);
  addRelay(service, { controlPlane, ...(limiter && { limiter }) }, guard, log);
  addOpenRoutes(service, controlPlane);
  addBrowserPages(service, pages);
  addEventStream(service, controlPlane, authority);
  addLearnerRoutes(service, controlPlane, authority);
  void service.register((teaching: HttpService, _options, done) => {
    teaching.addHook('onRequest', (request) => requireTeacher(request, authority));
    addMetricsRoute(teaching, metrics);
    addWorkshopRoutes(teaching, controlPlane);
    addWorkRoutes(teaching, controlPlane);
    addClusterRoutes(teaching, controlPlane);
    addClusterWorkRoutes(teaching, controlPlane);
    addOperationRoutes(teaching, controlPlane);
    addOperationStream(teaching, controlPlane);
    done();
  });
  return service;
}

/** What a token opened is not left in a browser for whoever sits down there next; pages say otherwise for themselves. */
const keepNothing: onRequestHookHandler = (_request, reply, done) => {
  void reply.header('cache-control', 'no-store');
  done();
};
