/** The HTTP server of the control plane: who may call what, over the routes. */
import type { FastifyBaseLogger } from 'fastify';
import { createHttpService, type HttpService } from '../../lib/http-service.ts';
import { addMetricsRoute } from '../../lib/http-metrics.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { PublicSite } from '../exposure.ts';
import { TokenLimiter } from '../failure-limiter.ts';
import { addClusterRoutes, addClusterWorkRoutes } from './cluster-routes.ts';
import { requireTeacher, type Authority } from './callers.ts';
import { addEventStream, addOperationStream } from './event-routes.ts';
import { refuseForeignHosts, refuseOtherSites } from './host-check.ts';
import { addJoinPage } from './join-page.ts';
import { measureControlPlane } from './metrics.ts';
import { addOpenapi } from './openapi.ts';
import { addLearnerRoutes } from './learner-routes.ts';
import { addRelay, limitOtherBodies, rewriteToRelay } from './relay.ts';
import { addOpenRoutes, addOperationRoutes, addWorkRoutes, addWorkshopRoutes } from './routes.ts';

/** A whole upload to a seat may take its time over a thin line. */
const RELAYED_REQUEST_MS = 3_600_000;

/** What others reach. */
export interface PublicServer {
  readonly tls: { readonly cert: string; readonly key: string };
  readonly site: PublicSite;
}

/**
 * @param token opens everything
 * @param publicly for a server for others, which relays to the seats; absent on a loopback address
 */
export function createControlPlaneServer(
  controlPlane: ControlPlane,
  token: string,
  log: FastifyBaseLogger,
  publicly?: PublicServer,
): HttpService {
  const service = createHttpService({
    log,
    ...(publicly && { tls: publicly.tls, requestTimeoutMs: RELAYED_REQUEST_MS, rewriteUrl: rewriteToRelay }),
  });
  const metrics = measureControlPlane(service, controlPlane);
  addOpenapi(service);
  const limiter = publicly && new TokenLimiter();
  const authority: Authority = {
    token,
    learnerOf: (given) => controlPlane.joining.learnerOf(given),
    ...(limiter && { limiter }),
  };
  service.addHook('onRequest', publicly ? refuseOtherSites(publicly.site.url) : refuseForeignHosts);
  if (publicly && limiter) {
    limitOtherBodies(service);
    addRelay(service, { controlPlane, limiter }, publicly.site.url, log);
  }
  addOpenRoutes(service, controlPlane);
  addJoinPage(service);
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
