/** The agent's own API (contract.md, "Agent"). */
import * as z from 'zod/mini';
import { requireBearer } from '../lib/bearer.ts';
import type { HttpService } from '../lib/http-service.ts';
import {
  agentHealthSchema,
  agentInfoSchema,
  createVmSchema,
  deleteVmQuerySchema,
  resetVmSchema,
  vmSchema,
  vmsAnswerSchema,
  type CreateVm,
} from '../protocol/agent.ts';
import { idSchema, seatNumberSchema } from '../protocol/names.ts';
import type { Agent } from './agent.ts';
import { requireOpen } from './proxy/gate.ts';
import type { SeatKey, SeatLimits } from './vmm/driver.ts';

/** A seat's number in a path, in the one way to write it. */
const seatInPathSchema = z.pipe(
  z.string().check(z.regex(/^[1-9][0-9]{0,2}$/, 'not a seat')),
  z.pipe(
    z.transform((text: string) => Number(text)),
    seatNumberSchema,
  ),
);

const seatParamsSchema = z.object({ workshop: idSchema, seat: seatInPathSchema });
const listQuerySchema = z.strictObject({ workshop_id: z.optional(idSchema) });

function keyOf(params: z.output<typeof seatParamsSchema>): SeatKey {
  return { workshopId: params.workshop, seatId: params.seat };
}

function limitsOf(request: CreateVm): SeatLimits {
  return {
    ...(request.vcpus !== undefined && { vcpus: request.vcpus }),
    ...(request.memory_mb !== undefined && { memoryMb: request.memory_mb }),
    ...(request.disk_mb !== undefined && { diskMb: request.disk_mb }),
  };
}

/** What anybody may ask, and what is asked too often to be worth a log line. */
function addHealth(service: HttpService, agent: Agent): void {
  const options = { logLevel: 'warn', schema: { response: { 200: agentHealthSchema } } } as const;
  service.get('/health', options, () => agent.health());
}

function addSeats(service: HttpService, agent: Agent): void {
  service.addHook('preHandler', (_request, _reply, done) => {
    requireOpen(agent.isOpen);
    done();
  });

  const create = { schema: { body: createVmSchema, response: { 201: vmSchema } } };
  service.post('/vms', create, async (request, reply) => {
    const { workshop_id, seat_id } = request.body;
    agent.requireHealthy();
    const vm = await agent.seats.create({ workshopId: workshop_id, seatId: seat_id }, limitsOf(request.body));
    void reply.code(201);
    return vm;
  });

  // The control plane asks every few seconds: no log line each.
  const list = {
    logLevel: 'warn',
    schema: { querystring: listQuerySchema, response: { 200: vmsAnswerSchema } },
  } as const;
  service.get('/vms', list, (request) => ({ vms: agent.seats.list(request.query.workshop_id) }));

  const one = { schema: { params: seatParamsSchema, response: { 200: vmSchema } } };
  service.get('/vms/:workshop/:seat', one, (request) => agent.seats.get(keyOf(request.params)));

  const reset = {
    schema: { params: seatParamsSchema, body: z.optional(z.nullable(resetVmSchema)), response: { 200: vmSchema } },
  };
  service.post('/vms/:workshop/:seat/reset', reset, ({ params, body }) =>
    agent.seats.reset(keyOf(params), { generation: body?.generation }),
  );

  const remove = { schema: { params: seatParamsSchema, querystring: deleteVmQuerySchema } };
  service.delete('/vms/:workshop/:seat', remove, async (request, reply) => {
    await agent.seats.remove(keyOf(request.params), { keepFiles: request.query.keep === 'files' });
    return reply.code(204).send();
  });
}

/** Adds the whole API; everything but `/health` needs the agent token. */
export function addRoutes(service: HttpService, agent: Agent, agentToken: string): void {
  addHealth(service, agent);
  void service.register((guarded: HttpService, _options, done) => {
    guarded.addHook('onRequest', requireBearer(agentToken));
    guarded.get('/info', { schema: { response: { 200: agentInfoSchema } } }, () => agent.info());
    void guarded.register((seats: HttpService, _seatsOptions, seatsDone) => {
      addSeats(seats, agent);
      seatsDone();
    });
    done();
  });
}
