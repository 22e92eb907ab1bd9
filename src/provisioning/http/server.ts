/** The HTTP server of the control plane: who may call what, over the routes. */
import type { FastifyBaseLogger } from 'fastify';
import { createHttpService, type HttpService } from '../../lib/http-service.ts';
import type { ControlPlane } from '../control-plane.ts';
import { addClusterRoutes, addClusterWorkRoutes } from './cluster-routes.ts';
import { requireTeacher, type Authority } from './callers.ts';
import { addEventStream, addOperationStream } from './event-routes.ts';
import { refuseForeignHosts } from './host-check.ts';
import { addJoinPage } from './join-page.ts';
import { addOpenRoutes, addOperationRoutes, addWorkRoutes, addWorkshopRoutes } from './routes.ts';

/** @param token opens everything */
export function createControlPlaneServer(
  controlPlane: ControlPlane,
  token: string,
  log: FastifyBaseLogger,
): HttpService {
  const service = createHttpService({ log });
  const authority: Authority = { token, learnerOf: (given) => controlPlane.joining.learnerOf(given) };
  service.addHook('onRequest', refuseForeignHosts);
  addOpenRoutes(service, controlPlane);
  addJoinPage(service);
  addEventStream(service, controlPlane, authority);
  void service.register((teaching: HttpService, _options, done) => {
    teaching.addHook('onRequest', (request) => requireTeacher(request, authority));
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
