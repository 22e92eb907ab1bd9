/** How a control plane on this machine is found. */
import * as z from 'zod/mini';

/** `daemon.json` in the state folder, mode 0600. `start_time` tells the process from a later one with the same id. */
export const daemonFileSchema = z.object({
  url: z.url(),
  token: z.string(),
  pid: z.int(),
  start_time: z.string(),
  version: z.string(),
});
export type DaemonFile = z.infer<typeof daemonFileSchema>;

export const healthSchema = z.object({ status: z.literal('ok'), version: z.string() });
export type Health = z.infer<typeof healthSchema>;
