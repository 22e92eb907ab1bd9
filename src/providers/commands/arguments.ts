/** What commands accept from tree rows and from other programs. */
import * as z from 'zod/mini';
import { launchClusterSchema, serverChangesSchema, vaultNameSchema } from '../../protocol/cluster.ts';
import { parseInput } from '../../protocol/errors.ts';
import { idSchema, nameSchema, seatNumberSchema } from '../../protocol/names.ts';
import { createWorkshopSchema, type CreateWorkshop } from '../../protocol/workshop.ts';

/** Names what a command works on. `confirmed` leaves out the question; `path` is relative to the seat's folder. */
const targetSchema = z.object({
  workshop: z.optional(idSchema),
  seat: z.optional(seatNumberSchema),
  operation: z.optional(idSchema),
  path: z.optional(z.string()),
  /** Of two links, the one that opens an editor. */
  editor: z.optional(z.boolean()),
  confirmed: z.optional(z.boolean()),
});
export type Target = z.infer<typeof targetSchema>;

/**
 * What the commands on the server accept besides. `launch` is what other programs launch instead of what the settings
 * say; `server_changes`, `deletions` and `minutes` answer questions that would be asked; `folder` is on the server.
 */
const serverTargetSchema = z.object({
  vault: z.optional(vaultNameSchema),
  path: z.optional(z.string()),
  confirmed: z.optional(z.boolean()),
  launch: z.optional(launchClusterSchema),
  server_changes: z.optional(serverChangesSchema),
  deletions: z.optional(z.enum(['keep', 'remove'])),
  minutes: z.optional(z.number()),
  folder: z.optional(z.string()),
});
export type ServerTarget = z.infer<typeof serverTargetSchema>;

/** What joining accepts: a link, or a workshop to join once more. `confirmed` leaves out the question about the server, `ask` has it asked also where that is known. */
const joinArgumentSchema = z.object({
  link: z.optional(z.string()),
  workshop: z.optional(idSchema),
  name: z.optional(nameSchema),
  confirmed: z.optional(z.boolean()),
  ask: z.optional(z.boolean()),
});
export type JoinArgument = z.infer<typeof joinArgumentSchema>;

/** @throws InvalidInputError */
export function parseJoinArgument(argument: unknown): JoinArgument {
  return parseInput(joinArgumentSchema, argument ?? {});
}

/** @throws InvalidInputError */
export function parseServerTarget(argument: unknown): ServerTarget {
  return parseInput(serverTargetSchema, argument ?? {});
}

/** @throws InvalidInputError */
export function parseTarget(argument: unknown): Target {
  return parseInput(targetSchema, argument ?? {});
}

/**
 * The workshop that another program wants; undefined where a person is to be asked.
 * @throws InvalidInputError
 */
export function parseCreateArgument(argument: unknown): CreateWorkshop | undefined {
  if (typeof argument !== 'object' || argument === null || !('seats' in argument)) return undefined;
  const { confirmed, ...request }: Record<string, unknown> = { ...argument };
  parseInput(z.optional(z.boolean()), confirmed);
  return parseInput(createWorkshopSchema, request);
}
