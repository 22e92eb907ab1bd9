/** Writes down the routes of a service as they are added, so that the document shows what is really checked. */
import type { HttpService } from '../http-service.ts';
import type { RecordedRoute } from './notes.ts';

const recorded = new WeakMap<HttpService, readonly RecordedRoute[]>();

/** What {@link recordRoutes} has written down of a service so far. */
export function recordedRoutes(service: HttpService): readonly RecordedRoute[] {
  return recorded.get(service) ?? [];
}

/** To be called before the first route is added. Fastify's own HEAD for each GET is left out. */
export function recordRoutes(service: HttpService): readonly RecordedRoute[] {
  const routes: RecordedRoute[] = [];
  recorded.set(service, routes);
  service.addHook('onRoute', ({ method, url, schema }) => {
    for (const each of [method].flat()) {
      if (each !== 'HEAD') routes.push({ method: each, url, schema: { ...schema } });
    }
  });
  return routes;
}
