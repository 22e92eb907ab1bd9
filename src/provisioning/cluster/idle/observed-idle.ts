/**
 * For how long nobody has worked with the server, as far as it was looked at. What happened while nobody looked is not
 * known: a laptop slept, a control plane was not there, or somebody set the clock. A job may have run all that time.
 */

/** How many pauses in a row make an absence: what was announced before it is announced again. */
const AWAY_PAUSES = 2;

/** One moment by two clocks, both in milliseconds. */
export interface Moment {
  /** Of a clock that nobody sets, such as `performance.now()`. */
  readonly steady: number;
  /** Since 1970, as people are told. */
  readonly date: number;
}

/** The moment that it is. */
export function readMoment(): Moment {
  return { steady: performance.now(), date: Date.now() };
}

/** The latest signs of work that are known. */
export interface Activity {
  /** ISO 8601. */
  readonly activity_at: string | null;
  /** In seconds since 1970. */
  readonly launched_at: number | null;
}

/** Adds up the time between looks; after a restart it begins anew. */
export class ObservedIdle {
  readonly #intervalMs: number;
  #idleMs = 0;
  #lookedAt: number | undefined;
  #seen: string | undefined;
  #restsSince: Moment | undefined;
  /** The idle time at which the server is to stop, as it was announced, in milliseconds; null where nothing is. */
  announcedMs: number | null = null;

  /** @param intervalMs from one look to the next; a gap counts as no more than this */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** A look begins: an announcement that nobody may have seen is void. */
  begin(now: Moment): void {
    const since = this.#restsSince;
    if (since === undefined) return;
    const away = Math.max(now.date - since.date, now.steady - since.steady);
    if (away > AWAY_PAUSES * this.#intervalMs) this.announcedMs = null;
  }

  /** A look has ended; nobody looks until the next one. */
  end(now: Moment): void {
    this.#restsSince = now;
  }

  /**
   * Counts the time since the last look, and takes notice of work since then: that there was some is told by what changed,
   * for the time of day it is told with may be of another clock. @returns the idle time, in milliseconds
   */
  count(activity: Activity, now: Moment): number {
    const gap = clamp(now.steady - (this.#lookedAt ?? -Infinity), this.#intervalMs);
    this.#lookedAt = now.steady;
    const seen = `${activity.activity_at} ${activity.launched_at}`;
    if (seen === this.#seen) this.#idleMs += gap;
    else {
      this.#seen = seen;
      this.#idleMs = clamp(now.date - dateOf(activity), gap);
      this.announcedMs = null;
    }
    return this.#idleMs;
  }
}

function clamp(ms: number, most: number): number {
  return Math.min(Math.max(ms, 0), most);
}

function dateOf({ activity_at, launched_at }: Activity): number {
  return Math.max(activity_at === null ? 0 : Date.parse(activity_at), (launched_at ?? 0) * 1000);
}
