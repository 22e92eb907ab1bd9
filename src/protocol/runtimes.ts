/** What seats of the control plane's own machine can be, and what is missing for the rest. */
import * as z from 'zod/mini';
import { runtimeSchema } from './workshop.ts';

/** One thing that is missing, and the command that gets it, where there is one. */
export const missingSchema = z.object({ what: z.string(), command: z.nullable(z.string()) });
export type Missing = z.infer<typeof missingSchema>;

/** A runtime can be used where nothing is missing for it. */
export const runtimeReportSchema = z.object({ runtime: runtimeSchema, missing: z.array(missingSchema) });
export type RuntimeReport = z.infer<typeof runtimeReportSchema>;

/** `auto` is what it stands for now; `runtimes` are in the order of preference. */
export const runtimesAnswerSchema = z.object({ auto: runtimeSchema, runtimes: z.array(runtimeReportSchema) });
export type RuntimesAnswer = z.infer<typeof runtimesAnswerSchema>;
