/** What the agent on a worker takes and answers. */
import * as z from 'zod/mini';
import { idSchema, seatNumberSchema, timeSchema } from './names.ts';
import { runtimeSchema } from './workshop.ts';

/** The port of an agent on a worker of its own. */
export const AGENT_PORT = 9090;

/** `capacity` counts seats, those that exist included. */
export const agentHealthSchema = z.object({
  status: z.enum(['healthy', 'starting', 'unhealthy']),
  worker_id: z.string(),
  version: z.string(),
  runtime: runtimeSchema,
  accelerated: z.boolean(),
  vm_count: z.number(),
  capacity: z.number(),
  uptime_seconds: z.number(),
});
export type AgentHealth = z.infer<typeof agentHealthSchema>;

export const agentInfoSchema = z.object({
  worker_id: z.string(),
  version: z.string(),
  runtime: runtimeSchema,
  accelerated: z.boolean(),
  versions: z.record(z.string(), z.string()),
  images: z.array(z.string()),
  bridge: z.nullable(z.string()),
  limits: z.record(z.string(), z.number()),
  /** Why no seat can be made, while that is so. */
  problem: z.optional(z.nullable(z.string())),
});
export type AgentInfo = z.infer<typeof agentInfoSchema>;

export const createVmSchema = z.strictObject({
  workshop_id: idSchema,
  seat_id: seatNumberSchema,
  vcpus: z.optional(z.int().check(z.minimum(1), z.maximum(32))),
  memory_mb: z.optional(z.int().check(z.minimum(64), z.maximum(262_144))),
  disk_mb: z.optional(z.int().check(z.minimum(64), z.maximum(1_048_576))),
});
export type CreateVm = z.infer<typeof createVmSchema>;

export const vmStatusSchema = z.enum(['booting', 'ready', 'unhealthy', 'resetting']);
export type VmStatus = z.infer<typeof vmStatusSchema>;

/** `ip` is null for seats without a network of their own; `connections` counts open terminals. */
export const vmSchema = z.object({
  workshop_id: idSchema,
  seat_id: z.number(),
  ip: z.nullable(z.string()),
  status: vmStatusSchema,
  started_in_ms: z.number(),
  from_snapshot: z.boolean(),
  created_at: timeSchema,
  connections: z.number(),
});
export type Vm = z.infer<typeof vmSchema>;

export const vmsAnswerSchema = z.object({ vms: z.array(vmSchema) });

/**
 * What `POST /vms/:workshop/:seat/reset` may say: with `generation` learners' tokens of an earlier one open the seat no
 * more, so that it can be given to somebody else. The agent remembers that as long as the seat exists, and never goes back.
 */
export const resetVmSchema = z.strictObject({ generation: z.optional(z.int().check(z.minimum(0))) });
export type ResetVm = z.infer<typeof resetVmSchema>;

/** `keep=files` on `DELETE /vms/:workshop/:seat`: end the seat, keep its files for a later `POST /vms`. */
export const deleteVmQuerySchema = z.strictObject({ keep: z.optional(z.literal('files')) });

/** Headers that the agent adds for the seat; it removes whatever a client sent under these names. */
export const TRUSTED_HEADERS = { name: 'x-carapace-name', role: 'x-carapace-role' } as const;

/** What an agent writes beside its state once it listens, mode 0600, so that a new control plane finds it again. */
export const agentFileSchema = z.object({ url: z.url(), pid: z.int(), start_time: z.string(), version: z.string() });
export type AgentFile = z.infer<typeof agentFileSchema>;
