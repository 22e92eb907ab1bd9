/** Output for people: aligned tables and YAML. */
import { stringify } from 'yaml';
import { runtimeText } from '../lib/runtime-text.ts';
import type { Workshop } from '../protocol/workshop.ts';

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [heads, ...rows].map(line).join('\n');
}

export function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 120 }).trimEnd();
}

/** A time as it is told to somebody here and now: `2026-03-04 17:00`, in the local time zone. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** As {@link localTime}, to the millisecond: `2026-03-04 17:00:05.789`. */
export function localInstant(iso: string): string {
  const time = new Date(iso);
  const seconds = String(time.getSeconds()).padStart(2, '0');
  return `${localTime(iso)}:${seconds}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

/** What the seats of a workshop are, such as `MicroVMs (QEMU, KVM)`. */
export function seatsAre({ runtime, workers }: Workshop): string {
  return runtimeText(runtime, workers[0]?.accelerated);
}
