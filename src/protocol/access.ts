/** How somebody gets into a seat: joining, access and the tokens that the agent checks. */
import * as z from 'zod/mini';
import { idSchema, nameSchema, timeSchema } from './names.ts';
import { seatSchema, workshopSchema } from './workshop.ts';

export const roleSchema = z.enum(['learner', 'instructor']);
export type Role = z.infer<typeof roleSchema>;

export const accessRequestSchema = z.strictObject({ role: roleSchema });
export type AccessRequest = z.infer<typeof accessRequestSchema>;

/** `endpoint` is the agent's URL; `certificate` the PEM that a client pins when the agent speaks TLS. */
export const accessSchema = z.object({
  endpoint: z.url(),
  certificate: z.optional(z.string()),
  token: z.string(),
  expires_at: timeSchema,
});
export type Access = z.infer<typeof accessSchema>;

export const joinRequestSchema = z.strictObject({
  code: z.string().check(z.minLength(1), z.maxLength(64)),
  name: z.optional(nameSchema),
  rejoin_code: z.optional(z.string().check(z.minLength(1), z.maxLength(128))),
});
export type JoinRequest = z.infer<typeof joinRequestSchema>;

export const joinedSchema = z.object({
  token: z.string(),
  learner_token: z.string(),
  endpoint: z.url(),
  certificate: z.optional(z.string()),
  workshop_id: idSchema,
  seat: z.number(),
  rejoin_code: z.string(),
  expires_at: timeSchema,
});
export type Joined = z.infer<typeof joinedSchema>;

/**
 * What `GET /api/learner` tells the holder of a learner token: their seat and its workshop, without its workers and its
 * price. `POST /api/learner/access` answers an {@link Access} with a new seat token, and `GET /api/events` tells the same
 * two resources.
 */
export const learnerViewSchema = z.object({ name: z.string(), workshop: workshopSchema, seat: seatSchema });
export type LearnerView = z.infer<typeof learnerViewSchema>;

/** The claims of a seat token: a JWT (RFC 7519), HS256, signed by the workshop's key. */
export const seatClaimsSchema = z.object({
  workshop_id: idSchema,
  seat: z.int(),
  role: roleSchema,
  name: z.optional(z.string()),
  exp: z.int(),
  iat: z.optional(z.int()),
  /** How often the seat was taken from a learner before this one, 0 where absent: no clock says who has it now. */
  generation: z.optional(z.int()),
});
export type SeatClaims = z.infer<typeof seatClaimsSchema>;

/**
 * The key that signs the seat tokens of one workshop: HMAC-SHA256 of the workshop's id under the worker's
 * `workspace-token-secret`. Control plane and agent both derive it, so no key has to be delivered per workshop.
 */
export async function workshopKey(workspaceTokenSecret: string, workshopId: string): Promise<Uint8Array> {
  const encoder = new TextEncoder();
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const secret = encoder.encode(workspaceTokenSecret);
  const key = await crypto.subtle.importKey('raw', secret, algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(workshopId)));
}
