/** The messages of QEMU's monitor (QMP) that are used here. What is not named is let through and dropped. */
import * as z from 'zod/mini';

export const greetingSchema = z.object({
  QMP: z.object({ version: z.object({ qemu: z.object({ major: z.int(), minor: z.int(), micro: z.int() }) }) }),
});

const answerSchema = z.object({ id: z.optional(z.int()), return: z.unknown() });
const refusalSchema = z.object({ id: z.optional(z.int()), error: z.object({ class: z.string(), desc: z.string() }) });
const eventSchema = z.object({ event: z.string(), data: z.optional(z.record(z.string(), z.unknown())) });

export type QmpEvent = z.infer<typeof eventSchema>;

/** One line of the monitor, after its greeting. */
export type QmpMessage =
  | { readonly kind: 'answer'; readonly id: number | undefined; readonly value: unknown }
  | { readonly kind: 'refusal'; readonly id: number | undefined; readonly reason: string }
  | { readonly kind: 'event'; readonly event: QmpEvent };

/** Undefined for what is no message of a monitor. */
export function readMessage(message: unknown): QmpMessage | undefined {
  const event = eventSchema.safeParse(message);
  if (event.success) return { kind: 'event', event: event.data };
  const refusal = refusalSchema.safeParse(message);
  if (refusal.success) return { kind: 'refusal', id: refusal.data.id, reason: refusal.data.error.desc };
  const answer = answerSchema.safeParse(message);
  // A missing field would pass as an unknown one.
  if (!answer.success || answer.data.return === undefined) return undefined;
  return { kind: 'answer', id: answer.data.id, value: answer.data.return };
}

/** Of commands that only do something. */
export const nothingSchema = z.object({});

export const statusSchema = z.object({ status: z.string(), running: z.boolean() });

export const consoleSchema = z.string();

/** `status` is absent before there was any migration. */
export const migrationSchema = z.object({ status: z.optional(z.string()), 'error-desc': z.optional(z.string()) });
