/** What is kept of a workshop that somebody has joined: enough to come back to the same seat. */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { idSchema } from '../../protocol/names.ts';

/**
 * `server` is null for the control plane of this machine, whose address changes with each start. `certificate` is the PEM
 * that was agreed to. `seat` is absent until joining has succeeded: the rejoin code is kept before it is used.
 */
export const joinedSeatSchema = z.object({
  server: z.nullable(z.string()),
  certificate: z.optional(z.string()),
  code: z.string(),
  rejoin_code: z.string(),
  name: z.string(),
  seat: z.optional(
    z.object({ workshop: idSchema, workshop_name: z.string(), number: z.number(), learner_token: z.string() }),
  ),
});
export type JoinedSeat = z.infer<typeof joinedSeatSchema>;

/** One that has been joined. */
export type Joined = JoinedSeat & { readonly seat: NonNullable<JoinedSeat['seat']> };

export function isJoined(record: JoinedSeat): record is Joined {
  return record.seat !== undefined;
}

/** Names a workshop before it is known: by its server and code. It tells neither. */
export function joinedId({ server, code }: Pick<JoinedSeat, 'server' | 'code'>): string {
  return createHash('sha256')
    .update(`${server ?? 'this machine'}\n${code}`)
    .digest('hex')
    .slice(0, 32);
}
