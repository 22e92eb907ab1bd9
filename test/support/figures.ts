/** Figures out of many measurements. */

/** The value under which a fraction of them is; NaN of none. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

/** Such as `p50 12 ms, p99 30 ms, longest 31 ms`, of milliseconds. */
export function timesText(milliseconds: readonly number[]): string {
  const text = (value: number): string => `${value >= 10 ? value.toFixed(0) : value.toPrecision(2)} ms`;
  const [half, most] = [quantile(milliseconds, 0.5), quantile(milliseconds, 0.99)];
  return `p50 ${text(half)}, p99 ${text(most)}, longest ${text(Math.max(...milliseconds))}`;
}

/** Microseconds the same way. */
export function microsecondsText(microseconds: readonly number[]): string {
  return timesText(microseconds.map((value) => value / 1000));
}
