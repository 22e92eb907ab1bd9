/** Prints figures as rows of a table. */
import { quantile } from '../support/figures.ts';

export function row(name: string, ...columns: (string | number)[]): void {
  const cells = columns.map((column) => (typeof column === 'number' ? shown(column) : column));
  console.log(name.padEnd(40) + cells.map((cell) => cell.padStart(16)).join(''));
}

export function heading(name: string, ...columns: string[]): void {
  console.log('');
  row(name, ...columns);
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** One way to do something, and what was measured of it: for `rate` more is better, for `time` less. */
export interface Measured {
  readonly name: string;
  readonly values: readonly number[];
}

/**
 * Median and the worst hundredth of each way, and how the others compare with the first. Of a handful of values the
 * worst hundredth is the worst one.
 */
export function compare(name: string, kind: 'rate' | 'time', ways: readonly Measured[]): void {
  const worst = kind === 'rate' ? 0.01 : 0.99;
  const [base, ...others] = ways;
  if (base === undefined) return;
  for (const [label, fraction] of [
    ['median', 0.5],
    ['99 %', worst],
  ] as const) {
    const own = quantile(base.values, fraction);
    const cells = others.map(({ values }) => {
      const value = quantile(values, fraction);
      return `${shown(value)} (× ${(value / own).toFixed(2)})`;
    });
    row(`${name}, ${label}`, own, ...cells);
  }
}
