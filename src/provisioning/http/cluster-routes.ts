/** The calls of the cluster. */
import * as z from 'zod';
import type { HttpService } from '../../lib/http-service.ts';
import {
  activityRequestSchema,
  autostopRequestSchema,
  clusterAnswerSchema,
  clusterCheckSchema,
  endClusterSchema,
  inspectVaultsSchema,
  launchClusterSchema,
  launchPlanSchema,
  offersAnswerSchema,
  syncClusterSchema,
  vaultReportsAnswerSchema,
} from '../../protocol/cluster.ts';
import { operationAnswerSchema } from '../../protocol/operation.ts';
import type { ControlPlane } from '../control-plane.ts';

const checkQuerySchema = z.strictObject({ sky_path: launchClusterSchema.shape.sky_path });
/** Calls that take nothing say so; those that take choices may be sent without any. */
const nothingSchema = z.optional(z.nullable(z.strictObject({})));
const orNothing = <T extends z.core.$ZodType>(schema: T): z.ZodOptional<z.ZodNullable<T>> => z.nullish(schema);

const clusterAnswer = { 200: clusterAnswerSchema };
const operationAnswer = { 202: operationAnswerSchema };

/** What tells of the cluster, and what changes it at once. */
export function addClusterRoutes(service: HttpService, { cluster }: ControlPlane): void {
  service.get('/api/cluster', { schema: { response: clusterAnswer } }, () => ({ cluster: cluster.get() }));

  const check = { schema: { querystring: checkQuerySchema, response: { 200: clusterCheckSchema } } };
  service.get('/api/cluster/check', check, ({ query }) => cluster.check(query.sky_path));

  const offers = { schema: { body: launchClusterSchema, response: { 200: offersAnswerSchema } } };
  service.post('/api/cluster/offers', offers, async ({ body }) => ({ offers: await cluster.offers(body) }));

  const plan = { schema: { body: launchClusterSchema, response: { 200: launchPlanSchema } } };
  service.post('/api/cluster/plan', plan, ({ body }) => cluster.plan(body));

  const autostop = { schema: { body: autostopRequestSchema, response: clusterAnswer } };
  service.post('/api/cluster/autostop', autostop, async ({ body }) => ({
    cluster: await cluster.setAutostop(body.minutes),
  }));

  const activity = { schema: { body: activityRequestSchema, response: clusterAnswer } };
  service.post('/api/cluster/activity', activity, () => ({ cluster: cluster.tellActivity() }));

  const vaults = { schema: { body: orNothing(inspectVaultsSchema), response: { 200: vaultReportsAnswerSchema } } };
  service.post('/api/cluster/vaults', vaults, async ({ body }) => ({
    vaults: await cluster.inspectVaults(body?.vaults),
  }));

  const ssh = { schema: { body: nothingSchema, response: clusterAnswer } };
  service.post('/api/cluster/ssh', ssh, async () => ({ cluster: await cluster.prepareSsh() }));
}

/** Calls that begin long work. */
export function addClusterWorkRoutes(service: HttpService, { cluster }: ControlPlane): void {
  const launch = { schema: { body: orNothing(launchClusterSchema), response: operationAnswer } };
  service.post('/api/cluster/launch', launch, async ({ body }, reply) => {
    const operation = await cluster.launch(body ?? {});
    void reply.code(202);
    return { operation };
  });

  service.post(
    '/api/cluster/start',
    { schema: { body: nothingSchema, response: operationAnswer } },
    (_request, reply) => {
      void reply.code(202);
      return { operation: cluster.start() };
    },
  );

  const end = { schema: { body: orNothing(endClusterSchema), response: operationAnswer } };
  service.post('/api/cluster/stop', end, async ({ body }, reply) => {
    const operation = await cluster.stop(body ?? {});
    void reply.code(202);
    return { operation };
  });
  service.post('/api/cluster/destroy', end, async ({ body }, reply) => {
    const operation = await cluster.destroy(body ?? {});
    void reply.code(202);
    return { operation };
  });

  const sync = { schema: { body: orNothing(syncClusterSchema), response: operationAnswer } };
  service.post('/api/cluster/sync', sync, async ({ body }, reply) => {
    const operation = await cluster.sync(body ?? {});
    void reply.code(202);
    return { operation };
  });
}
