/** When the cluster is looked at next, and how. Pure. */
import type { ClusterStatus } from '../../protocol/cluster.ts';
import type { ClusterKind } from '../operations/handler.ts';
import type { Timing } from '../settings.ts';

/**
 * `refresh` has the cloud asked, `cache` reads SkyPilot's own record, `find` looks there for a server that somebody else
 * launched. `afterMs` is Infinity where there is nothing to look at.
 */
export interface Look {
  readonly kind: 'refresh' | 'cache' | 'find';
  readonly afterMs: number;
}

/** Times are milliseconds of one steady clock; -Infinity for never. */
export interface LookFacts {
  readonly now: number;
  readonly status: ClusterStatus;
  readonly operation: ClusterKind | undefined;
  /** Somebody looks at the cluster. */
  readonly watched: boolean;
  /** A look is wanted at once. */
  readonly wanted: boolean;
  readonly lookedAt: number;
  readonly refreshedAt: number;
}

type LookTiming = Pick<Timing, 'observeMs' | 'observeBusyMs' | 'observeQuietMs'>;

export function planLook(facts: LookFacts, timing: LookTiming): Look {
  const { now, status, operation, watched, wanted, lookedAt, refreshedAt } = facts;
  const after = (since: number, intervalMs: number): number => Math.max(0, since + intervalMs - now);
  // What the operation itself waits for decides; asking the cloud meanwhile would wait for SkyPilot's lock on the cluster.
  if (operation !== undefined) return { kind: 'cache', afterMs: after(lookedAt, timing.observeBusyMs) };
  const kind = status === 'no_server' ? 'find' : 'refresh';
  if (wanted) return { kind, afterMs: 0 };
  if (watched) return { kind, afterMs: after(refreshedAt, timing.observeMs) };
  return { kind, afterMs: status === 'no_server' ? Infinity : after(refreshedAt, timing.observeQuietMs) };
}
