/**
 * When nobody works with the server any more. Typing, saving and running jobs count; open windows and SSH sessions do not,
 * although SkyPilot counts them. Times are ms since 1970.
 */

const MS_PER_MINUTE = 60_000;

/** How long before the stop it is announced, in minutes, where nothing else is said. */
export const DEFAULT_WARN_MINUTES = 5;
/** Nobody is stopped sooner than this after the announcement, however late it came (a laptop that slept): ms. */
export const GRACE_MS = 2 * MS_PER_MINUTE;

/** What is known. */
export interface IdleFacts {
  readonly now: number;
  /** Idle minutes after which it is stopped; 0 for never. */
  readonly limitMinutes: number;
  /** {@link DEFAULT_WARN_MINUTES} where absent; never more than half of the limit. */
  readonly warnMinutes?: number | undefined;
  /** The latest of: somebody typed or saved, a job was seen, the server came up. */
  readonly activityAt: number;
  /** The time that was announced for the stop; null where none is. */
  readonly announcedAt: number | null;
  /** Whether a job runs on the server at this moment; null where that is not known. */
  readonly busy: boolean | null;
}

/**
 * `never`: it is not to be stopped. `active`: nothing is to be announced, and an announcement is void. `warn`: the stop is
 * announced for `stopsAt`. `stop`: stop it now.
 */
export type IdleDecision =
  | { readonly kind: 'never' }
  | { readonly kind: 'active' }
  | { readonly kind: 'warn'; readonly stopsAt: number }
  | { readonly kind: 'stop' };

/**
 * What is to happen now; to be asked every minute or so. A job that runs is work: whoever asks notes `now` as the last
 * activity. A stop is always announced first, at least {@link GRACE_MS} before (or half of the limit, where that is less), and
 * only follows where it is known that no job runs: where nobody can look, SkyPilot's own autostop remains.
 */
export function decideIdle(facts: IdleFacts): IdleDecision {
  const { now, limitMinutes, activityAt, announcedAt, busy } = facts;
  if (limitMinutes <= 0) return { kind: 'never' };
  const dueAt = activityAt + limitMinutes * MS_PER_MINUTE;
  if (busy === true || now < dueAt - warnMs(facts)) return { kind: 'active' };
  const stopsAt = Math.max(dueAt, announcedAt ?? now + Math.min(GRACE_MS, warnMs(facts)));
  const over = announcedAt !== null && now >= stopsAt;
  return over && busy === false ? { kind: 'stop' } : { kind: 'warn', stopsAt };
}

function warnMs({ limitMinutes, warnMinutes }: IdleFacts): number {
  return Math.min(warnMinutes ?? DEFAULT_WARN_MINUTES, limitMinutes / 2) * MS_PER_MINUTE;
}
