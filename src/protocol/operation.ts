/** Long work as the control plane tells it: an operation that can be watched, waited for and cancelled. */
import * as z from 'zod/mini';
import { errorInfoSchema } from './errors.ts';
import { idSchema, timeSchema } from './names.ts';
import { workshopSchema } from './workshop.ts';

export const OPERATION_KINDS = [
  'workshop.create',
  'workshop.start',
  'workshop.stop',
  'workshop.extend',
  'workshop.delete',
  'workshop.repair',
  'seat.reset',
  'cluster.launch',
  'cluster.start',
  'cluster.stop',
  'cluster.destroy',
  'cluster.sync',
] as const;
export const operationKindSchema = z.enum(OPERATION_KINDS);
export type OperationKind = z.infer<typeof operationKindSchema>;

export const operationStatusSchema = z.enum(['running', 'succeeded', 'failed', 'cancelled']);
export type OperationStatus = z.infer<typeof operationStatusSchema>;

/**
 * `subject` names what is worked on (see {@link workshopSubject}); `title` is a line for a person; after `deadline` a
 * running operation fails by itself.
 */
export const operationSchema = z.object({
  id: idSchema,
  kind: operationKindSchema,
  subject: z.string(),
  title: z.string(),
  status: operationStatusSchema,
  started_at: timeSchema,
  ended_at: z.nullable(timeSchema),
  deadline: timeSchema,
  error: z.nullable(errorInfoSchema),
});
export type Operation = z.infer<typeof operationSchema>;

export const operationAnswerSchema = z.object({ operation: operationSchema });
export const operationsAnswerSchema = z.object({ operations: z.array(operationSchema) });

/** What `POST /api/workshops` answers; no operation where `start` was false. */
export const createdWorkshopSchema = z.object({ workshop: workshopSchema, operation: z.nullable(operationSchema) });
export type CreatedWorkshop = z.infer<typeof createdWorkshopSchema>;

export function workshopSubject(workshopId: string): string {
  return `workshop/${workshopId}`;
}

export function seatSubject(workshopId: string, seat: number): string {
  return `workshop/${workshopId}/seat/${seat}`;
}

export function operationSubject(operationId: string): string {
  return `operation/${operationId}`;
}
