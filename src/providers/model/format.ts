/** Durations, times and prices as a person reads them. */
import type { Translate } from './translate.ts';

const SECOND_MS = 1_000;
const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_MS = 24 * HOUR_S * SECOND_MS;

/** A span of time in its two largest units, such as `48 s` or `2 min 5 s`. */
export function formatDuration(milliseconds: number, t: Translate): string {
  const seconds = Math.max(0, Math.round(milliseconds / SECOND_MS));
  if (seconds < MINUTE_S) return t('{0} s', seconds);
  if (seconds < HOUR_S) return t('{0} min {1} s', Math.floor(seconds / MINUTE_S), seconds % MINUTE_S);
  return t('{0} h {1} min', Math.floor(seconds / HOUR_S), Math.floor((seconds % HOUR_S) / MINUTE_S));
}

/** A moment in local time: `17:00` where it is within a day of `now`, else with its date. */
export function formatMoment(moment: number, now: number, locale?: string): string {
  const time: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  const date: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short' };
  const near = Math.abs(moment - now) < DAY_MS;
  return new Intl.DateTimeFormat(locale, near ? time : { ...date, ...time }).format(moment);
}

/** A price in dollars per hour, such as `$0.18/h`. */
export function formatPrice(perHour: number, t: Translate): string {
  return t('${0}/h', perHour.toFixed(2));
}

/** A count of bytes, such as `12 KB`. */
export function formatBytes(bytes: number, t: Translate): string {
  const KB = 1_024;
  if (bytes < KB) return t('{0} bytes', bytes);
  if (bytes < KB * KB) return t('{0} KB', Math.round(bytes / KB));
  return t('{0} MB', (bytes / KB / KB).toFixed(1));
}
