/** Events of the control plane: each change of a resource, each line of an operation's progress. */
import * as z from 'zod/mini';
import { clusterSchema } from './cluster.ts';
import { errorInfoSchema } from './errors.ts';
import { timeSchema } from './names.ts';
import { operationSchema } from './operation.ts';
import { seatSchema, workshopSchema } from './workshop.ts';

/**
 * `state`: a resource as it is now, whole. `progress`: a line of an operation. `error`, `complete`: its end.
 * `reset`: events were missed for good; whole resources follow as `state`.
 */
export const EVENT_TYPES = ['state', 'progress', 'error', 'complete', 'reset'] as const;

/** The whole resource after the change, under its kind; `deleted` where it is gone. */
export const resourceSchema = z.union([
  z.object({ workshop: workshopSchema }),
  z.object({ seat: seatSchema }),
  z.object({ operation: operationSchema }),
  z.object({ cluster: clusterSchema }),
  z.object({ deleted: z.literal(true) }),
]);
export type Resource = z.infer<typeof resourceSchema>;

/** `phase` names the part of an operation that the line belongs to; the same phase may have several lines. */
export const eventSchema = z.object({
  timestamp: timeSchema,
  type: z.enum(EVENT_TYPES),
  message: z.string(),
  subject: z.string(),
  operation_id: z.optional(z.string()),
  phase: z.optional(z.string()),
  resource: z.optional(resourceSchema),
  error: z.optional(errorInfoSchema),
});
export type CarapaceEvent = z.infer<typeof eventSchema>;

/** The phase of the line by which a control plane that was started again says that it goes on with an operation. */
export const RESUME_PHASE = 'resume';

/** An event with its place in the stream: ids grow, and `Last-Event-ID` names the last one that was seen. */
export interface NumberedEvent {
  readonly id: number;
  readonly event: CarapaceEvent;
}
