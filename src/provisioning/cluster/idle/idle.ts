/**
 * When nobody works with the server any more. Typing, saving and running jobs count; open windows and SSH sessions do not,
 * although SkyPilot counts them. Times are idle times, in milliseconds: what o'clock it is decides nothing.
 */

const MS_PER_MINUTE = 60_000;

/** How long before the stop it is announced, in minutes, where nothing else is said. */
export const DEFAULT_WARN_MINUTES = 5;
/** Nobody is stopped sooner than this after the announcement, however late it came: ms. */
export const GRACE_MS = 2 * MS_PER_MINUTE;

/** What is known. */
export interface IdleFacts {
  /** For how long nobody is known to have worked with it, nor it to have come up. */
  readonly idleMs: number;
  /** Idle minutes after which it is stopped; 0 for never. */
  readonly limitMinutes: number;
  /** {@link DEFAULT_WARN_MINUTES} where absent; never more than half of the limit. */
  readonly warnMinutes?: number | undefined;
  /** The idle time that was announced for the stop; null where none is. */
  readonly announcedMs: number | null;
  /** Whether a job runs on the server at this moment; null where that is not known. */
  readonly busy: boolean | null;
}

/**
 * `never`: it is not to be stopped. `active`: nothing is to be announced, and an announcement is void. `warn`: the stop is
 * announced for the idle time `atMs`. `stop`: stop it now.
 */
export type IdleDecision =
  | { readonly kind: 'never' }
  | { readonly kind: 'active' }
  | { readonly kind: 'warn'; readonly atMs: number }
  | { readonly kind: 'stop' };

/**
 * What is to happen now; to be asked every minute or so. A job that runs is work: whoever asks counts anew from there.
 * A stop is always announced first, at least {@link GRACE_MS} before (or half of the limit, where that is less), and
 * only follows where it is known that no job runs: where nobody can look, SkyPilot's own autostop remains.
 */
export function decideIdle(facts: IdleFacts): IdleDecision {
  const { idleMs, limitMinutes, announcedMs, busy } = facts;
  if (limitMinutes <= 0) return { kind: 'never' };
  const dueMs = limitMinutes * MS_PER_MINUTE;
  if (busy === true || idleMs < dueMs - warnMs(facts)) return { kind: 'active' };
  // What was announced has not come, and nobody knows whether it will.
  if (busy === null && idleMs >= (announcedMs ?? dueMs)) return { kind: 'active' };
  const atMs = Math.max(dueMs, announcedMs ?? idleMs + Math.min(GRACE_MS, warnMs(facts)));
  return announcedMs !== null && idleMs >= atMs ? { kind: 'stop' } : { kind: 'warn', atMs };
}

function warnMs({ limitMinutes, warnMinutes }: IdleFacts): number {
  return Math.min(warnMinutes ?? DEFAULT_WARN_MINUTES, limitMinutes / 2) * MS_PER_MINUTE;
}
