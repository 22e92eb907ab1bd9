/** A workshop, its seats, its workers and its learners, as the control plane tells them. */
import * as z from 'zod/mini';
import { errorInfoSchema } from './errors.ts';
import { idSchema, nameSchema, seatCountSchema, timeSchema } from './names.ts';

/** What a seat runs on. `auto` is the best that the worker has. */
export const RUNTIMES = ['auto', 'firecracker', 'qemu', 'process'] as const;
export const runtimeSchema = z.enum(RUNTIMES);
export type Runtime = z.infer<typeof runtimeSchema>;
/** What a seat can really be. */
export type SeatRuntime = Exclude<Runtime, 'auto'>;

/** Where workers come from: this machine, or Compute Engine. */
export const PROVIDERS = ['local', 'gcp'] as const;
export const providerSchema = z.enum(PROVIDERS);
export type Provider = z.infer<typeof providerSchema>;

export const WORKSHOP_STATUSES = [
  'created',
  'provisioning',
  'running',
  'stopping',
  'stopped',
  'deleting',
  'error',
] as const;
export const workshopStatusSchema = z.enum(WORKSHOP_STATUSES);
export type WorkshopStatus = z.infer<typeof workshopStatusSchema>;

export const SEAT_STATUSES = ['pending', 'booting', 'ready', 'unhealthy', 'resetting', 'stopped', 'lost'] as const;
export const seatStatusSchema = z.enum(SEAT_STATUSES);
export type SeatStatus = z.infer<typeof seatStatusSchema>;

export const WORKER_STATUSES = [
  'requested',
  'booting',
  'healthy',
  'draining',
  'deleted',
  'unhealthy',
  'preempted',
] as const;
export const workerStatusSchema = z.enum(WORKER_STATUSES);

/**
 * A machine that runs an agent. `deadline` is when the cloud itself ends it; a local worker has none. `accelerated` says
 * whether its machines run on the processor itself; it is null until its agent has told.
 */
export const workerSchema = z.object({
  name: z.string(),
  zone: z.nullable(z.string()),
  ip: z.nullable(z.string()),
  status: workerStatusSchema,
  deadline: z.nullable(timeSchema),
  price_per_hour: z.nullable(z.number()),
  accelerated: z.optional(z.nullable(z.boolean())),
});
export type Worker = z.infer<typeof workerSchema>;

/** `runtime` is `auto` only where that was asked for and the workshop was not started yet; `endpoint` is where its seats are reached while they are: the agent's URL, or
 * that of a server for others, which then tells the `join_link` to hand out, too. */
export const workshopSchema = z.object({
  id: idSchema,
  name: z.string(),
  code: z.string(),
  seats: z.number(),
  status: workshopStatusSchema,
  runtime: runtimeSchema,
  provider: providerSchema,
  created_at: timeSchema,
  expires_at: timeSchema,
  endpoint: z.nullable(z.string()),
  join_link: z.optional(z.url()),
  workers: z.array(workerSchema),
  price_per_hour: z.nullable(z.number()),
  error: z.nullable(errorInfoSchema),
});
export type Workshop = z.infer<typeof workshopSchema>;

/** `learner` is the name of the person who joined, null while the seat is free. */
export const seatSchema = z.object({
  workshop_id: idSchema,
  seat: z.number(),
  status: seatStatusSchema,
  learner: z.nullable(z.string()),
  joined_at: z.nullable(timeSchema),
  connected: z.boolean(),
  worker: z.nullable(z.string()),
  ip: z.nullable(z.string()),
  updated_at: timeSchema,
  error: z.nullable(errorInfoSchema),
});
export type Seat = z.infer<typeof seatSchema>;

export const learnerSchema = z.object({
  seat: z.number(),
  name: z.string(),
  joined_at: timeSchema,
  connected: z.boolean(),
});
export type Learner = z.infer<typeof learnerSchema>;

/** Minutes until a workshop stops by itself. */
export const EXPIRES_IN_MINUTES = { default: 240, min: 5, max: 7 * 24 * 60 } as const;

const expiresInMinutesSchema = z
  .int({ error: `a whole number of minutes from ${EXPIRES_IN_MINUTES.min} to ${EXPIRES_IN_MINUTES.max}` })
  .check(z.minimum(EXPIRES_IN_MINUTES.min), z.maximum(EXPIRES_IN_MINUTES.max));

/** What `POST /api/workshops` takes. Without a name the workshop is called by its code. */
export const createWorkshopSchema = z.strictObject({
  name: z.optional(nameSchema),
  seats: seatCountSchema,
  runtime: z.optional(runtimeSchema),
  provider: z.optional(providerSchema),
  region: z.optional(z.string().check(z.regex(/^[a-z0-9-]{1,40}$/, 'not a region'))),
  zone: z.optional(z.string().check(z.regex(/^[a-z0-9-]{1,40}$/, 'not a zone'))),
  expires_in_minutes: z.optional(expiresInMinutesSchema),
  start: z.optional(z.boolean()),
});
export type CreateWorkshop = z.infer<typeof createWorkshopSchema>;

/** What `POST /api/workshops/:id/extend` takes: the new time left, counted from now. */
export const extendWorkshopSchema = z.strictObject({ expires_in_minutes: expiresInMinutesSchema });

export const workshopAnswerSchema = z.object({ workshop: workshopSchema });
export const workshopsAnswerSchema = z.object({ workshops: z.array(workshopSchema) });
export const seatsAnswerSchema = z.object({ seats: z.array(seatSchema) });
export const learnersAnswerSchema = z.object({ learners: z.array(learnerSchema) });
