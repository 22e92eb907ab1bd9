/** How a control plane on this machine is found, and when it may end or make way for a newer one. */
import * as z from 'zod/mini';
import type { Cluster } from './cluster.ts';
import type { Operation } from './operation.ts';
import type { Workshop } from './workshop.ts';

/**
 * `daemon.json` in the state folder, mode 0600. `start_time` tells the process from a later one with the same id.
 * `background` says whether a client started it, and not a person; a control plane that does not tell was.
 */
export const daemonFileSchema = z.object({
  url: z.url(),
  token: z.string(),
  pid: z.int(),
  start_time: z.string(),
  version: z.string(),
  background: z.optional(z.boolean()),
});
export type DaemonFile = z.infer<typeof daemonFileSchema>;

export const healthSchema = z.object({ status: z.literal('ok'), version: z.string() });
export type Health = z.infer<typeof healthSchema>;

/** What decides whether a control plane is needed: its lists, whole. No cluster where it knows nothing of servers. */
export interface Duties {
  readonly workshops: readonly Pick<Workshop, 'status' | 'workers'>[];
  readonly cluster: Pick<Cluster, 'status'> | undefined;
  readonly operations: readonly Pick<Operation, 'status'>[];
}

/** Whether nothing runs that a control plane has to look after: no live workshop, no server, no operation. */
export function isAtRest({ workshops, cluster, operations }: Duties): boolean {
  const isLive = ({ status, workers }: Duties['workshops'][number]): boolean =>
    !['created', 'stopped', 'error'].includes(status) || workers.length > 0;
  return (
    !workshops.some(isLive) &&
    (cluster === undefined || cluster.status === 'no_server') &&
    !operations.some(({ status }) => status === 'running')
  );
}
