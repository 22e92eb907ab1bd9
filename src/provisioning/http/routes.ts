/** The calls of the control plane. */
import * as z from 'zod';
import type { HttpService } from '../../lib/http-service.ts';
import { VERSION } from '../../lib/version.ts';
import { accessRequestSchema, accessSchema, joinedSchema, joinRequestSchema } from '../../protocol/access.ts';
import { healthSchema } from '../../protocol/daemon.ts';
import { InvalidInputError } from '../../protocol/errors.ts';
import { idSchema, seatNumberSchema } from '../../protocol/names.ts';
import { operationAnswerSchema, operationsAnswerSchema } from '../../protocol/operation.ts';
import { runtimesAnswerSchema } from '../../protocol/runtimes.ts';
import {
  createWorkshopSchema,
  extendWorkshopSchema,
  learnersAnswerSchema,
  seatsAnswerSchema,
  workshopAnswerSchema,
  workshopsAnswerSchema,
} from '../../protocol/workshop.ts';
import { toOperation } from '../operations/journal.ts';
import type { ControlPlane } from '../control-plane.ts';
import { reportLocalRuntimes } from '../workers/local/local-runtimes.ts';

const paramsSchema = z.object({ id: idSchema });
/** A seat's number in a path, in the one way to write it. */
const seatParamsSchema = z.object({
  id: idSchema,
  seat: z
    .string()
    .regex(/^[1-9]\d{0,5}$/, 'not a seat')
    .transform(Number)
    .pipe(seatNumberSchema),
});
/** Calls that take nothing say so. */
const nothingSchema = z.optional(z.nullable(z.strictObject({})));

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,128}$/;

/** What anybody may call. */
export function addOpenRoutes(service: HttpService, controlPlane: ControlPlane): void {
  const health = { logLevel: 'warn', schema: { response: { 200: healthSchema } } } as const;
  service.get('/api/health', health, () => ({ status: 'ok' as const, version: VERSION }));

  const join = { schema: { body: joinRequestSchema, response: { 200: joinedSchema } } };
  service.post('/api/join', join, (request) => controlPlane.joining.join(request.body, request.ip));
}

export function addWorkshopRoutes(service: HttpService, { lifecycle, records, joining }: ControlPlane): void {
  const runtimes = { schema: { response: { 200: runtimesAnswerSchema } } };
  service.get('/api/runtimes', runtimes, () => reportLocalRuntimes());

  service.post('/api/workshops', { schema: { body: createWorkshopSchema } }, async (request, reply) => {
    const answer = await lifecycle.create(request.body, idempotencyKey(request.headers['idempotency-key']));
    return reply.code(201).type('application/json; charset=utf-8').serializer(String).send(answer);
  });

  const list = { schema: { response: { 200: workshopsAnswerSchema } } };
  service.get('/api/workshops', list, () => ({ workshops: records.workshops() }));

  const one = { schema: { params: paramsSchema, response: { 200: workshopAnswerSchema } } };
  service.get('/api/workshops/:id', one, ({ params }) => ({ workshop: records.workshop(params.id) }));

  const seats = { schema: { params: paramsSchema, response: { 200: seatsAnswerSchema } } };
  service.get('/api/workshops/:id/seats', seats, ({ params }) => ({ seats: records.seats(params.id) }));

  const learners = { schema: { params: paramsSchema, response: { 200: learnersAnswerSchema } } };
  service.get('/api/workshops/:id/learners', learners, ({ params }) => ({ learners: records.learners(params.id) }));

  const access = { schema: { params: seatParamsSchema, body: accessRequestSchema, response: { 200: accessSchema } } };
  service.post('/api/workshops/:id/seats/:seat/access', access, ({ params, body }) =>
    joining.access(params.id, params.seat, body.role),
  );
}

/** Calls that begin long work. */
export function addWorkRoutes(service: HttpService, { lifecycle }: ControlPlane): void {
  const response = { 202: operationAnswerSchema };
  const verb = { schema: { params: paramsSchema, body: nothingSchema, response } };
  const seatVerb = { schema: { params: seatParamsSchema, body: nothingSchema, response } };

  service.post('/api/workshops/:id/start', verb, async ({ params }, reply) => {
    const operation = await lifecycle.start(params.id);
    void reply.code(202);
    return { operation };
  });
  service.post('/api/workshops/:id/stop', verb, ({ params }, reply) => {
    void reply.code(202);
    return { operation: lifecycle.stop(params.id) };
  });
  service.delete('/api/workshops/:id', verb, ({ params }, reply) => {
    void reply.code(202);
    return { operation: lifecycle.delete(params.id) };
  });

  const extend = { schema: { params: paramsSchema, body: extendWorkshopSchema, response } };
  service.post('/api/workshops/:id/extend', extend, ({ params, body }, reply) => {
    void reply.code(202);
    return { operation: lifecycle.extend(params.id, body.expires_in_minutes) };
  });

  service.delete('/api/workshops/:id/learners/:seat', seatVerb, ({ params }, reply) => {
    void reply.code(202);
    return { operation: lifecycle.free(params.id, params.seat) };
  });

  service.post('/api/workshops/:id/seats/:seat/reset', seatVerb, ({ params }, reply) => {
    void reply.code(202);
    return { operation: lifecycle.reset(params.id, params.seat) };
  });
}

export function addOperationRoutes(service: HttpService, { store, journal, engine }: ControlPlane): void {
  const list = { schema: { response: { 200: operationsAnswerSchema } } };
  service.get('/api/operations', list, () => ({ operations: store.operations.all().map(toOperation) }));

  const one = { schema: { params: paramsSchema, response: { 200: operationAnswerSchema } } };
  service.get('/api/operations/:id', one, ({ params }) => ({ operation: toOperation(journal.find(params.id)) }));

  const cancel = { schema: { params: paramsSchema, body: nothingSchema, response: { 202: operationAnswerSchema } } };
  service.post('/api/operations/:id/cancel', cancel, ({ params }, reply) => {
    void reply.code(202);
    return { operation: toOperation(engine.cancel(params.id)) };
  });
}

/** @throws InvalidInputError where the header is malformed */
function idempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && IDEMPOTENCY_KEY.test(header)) return header;
  throw new InvalidInputError('The header Idempotency-Key takes 1 to 128 printable characters without spaces.', {
    path: 'idempotency-key',
  });
}
