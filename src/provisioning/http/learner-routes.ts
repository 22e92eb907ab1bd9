/** What a learner's token opens, beside their events. */
import * as z from 'zod';
import type { HttpService } from '../../lib/http-service.ts';
import { accessSchema, learnerViewSchema } from '../../protocol/access.ts';
import type { ControlPlane } from '../control-plane.ts';
import { requireLearner, type Authority } from './callers.ts';

const nothingSchema = z.optional(z.nullable(z.strictObject({})));

export function addLearnerRoutes(service: HttpService, { joining }: ControlPlane, authority: Authority): void {
  const view = { schema: { response: { 200: learnerViewSchema } } };
  service.get('/api/learner', view, async (request) => joining.view(await requireLearner(request, authority)));

  const access = { schema: { body: nothingSchema, response: { 200: accessSchema } } };
  service.post('/api/learner/access', access, async (request) =>
    joining.learnerAccess(await requireLearner(request, authority)),
  );
}
