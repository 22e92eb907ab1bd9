/** Durations, times and prices as a person reads them. */
import type { Translate } from './translate.ts';

const SECOND_MS = 1_000;
const MINUTE_S = 60;
const HOUR_S = 3_600;
/** Up to so many hours are told as hours. */
const HOURS_SHOWN = 48;
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

/** Below this many dollars an hour, cents alone would say too little. */
const SMALL_PRICE = 0.1;
/** Hours that clouds reckon a month with. */
const MONTH_H = 730;

/** A price in dollars per hour, such as `$0.18/h` or `$0.011/h`. */
export function formatPrice(perHour: number, t: Translate): string {
  const digits = perHour > 0 && perHour < SMALL_PRICE ? 3 : 2;
  return t('${0}/h', perHour.toFixed(digits));
}

/** What a price in dollars per hour comes to in a month, such as `$8.03 a month`. */
export function formatMonthly(perHour: number, t: Translate): string {
  return t('${0} a month', (perHour * MONTH_H).toFixed(2));
}

/** An amount in dollars, such as `$1.20`. */
export function formatMoney(dollars: number, t: Translate): string {
  return t('${0}', dollars.toFixed(2));
}

/** How long ago something was, such as `2 min ago`. */
export function formatAgo(milliseconds: number, t: Translate): string {
  const minutes = Math.floor(milliseconds / SECOND_MS / MINUTE_S);
  if (minutes < 1) return t('just now');
  if (minutes < MINUTE_S) return t('{0} min ago', minutes);
  const hours = Math.floor(minutes / MINUTE_S);
  if (hours < HOURS_SHOWN) return t('{0} h ago', hours);
  return t('{0} days ago', Math.floor(hours / 24));
}

/** The time until something ends, such as `1 h 12 min left`. */
export function formatLeft(milliseconds: number, t: Translate): string {
  if (milliseconds <= 0) return t('time is up');
  const minutes = Math.floor(milliseconds / SECOND_MS / MINUTE_S);
  if (minutes < 1) return t('less than a minute left');
  if (minutes < MINUTE_S) return t('{0} min left', minutes);
  const hours = Math.floor(minutes / MINUTE_S);
  if (hours < HOURS_SHOWN) return t('{0} h {1} min left', hours, minutes % MINUTE_S);
  return t('{0} days left', Math.floor(hours / 24));
}

/** Minutes as a setting has them, such as `30 min` or `2 h`. */
export function formatMinutes(minutes: number, t: Translate): string {
  return minutes >= MINUTE_S && minutes % MINUTE_S === 0 ? t('{0} h', minutes / MINUTE_S) : t('{0} min', minutes);
}

/** A count of bytes, such as `12 KB`. @param locale how its digits are written; as in English unless told */
export function formatBytes(bytes: number, t: Translate, locale = 'en'): string {
  const KB = 1_024;
  if (bytes < KB) return t('{0} bytes', bytes);
  if (bytes < KB * KB) return t('{0} KB', Math.round(bytes / KB));
  const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1, useGrouping: false };
  return t('{0} MB', new Intl.NumberFormat(locale, digits).format(bytes / KB / KB));
}
