/** What a run of the QA playbook has found, as data, Markdown and lines. Pure. */
import type { QaCheck } from '../../lib/playbook.ts';
import { localTime } from '../render.ts';

export type QaOutcome = 'passed' | 'failed' | 'skipped';

/** One thing that was done or verified. `check` is null where it is the step itself; `seen` is a sentence. */
export interface QaResult {
  readonly scenario: string;
  readonly step: string;
  readonly check: QaCheck | null;
  readonly title: string;
  readonly outcome: QaOutcome;
  readonly seconds: number;
  readonly seen: string;
}

/** Times are ISO 8601 UTC; the price is in dollars per hour, null where none was known or nothing was launched. */
export interface QaReport {
  readonly version: string;
  readonly control_plane: string;
  readonly started_at: string;
  readonly ended_at: string;
  readonly interrupted: boolean;
  readonly price_per_hour: number | null;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly scenarios: readonly { readonly id: string; readonly title: string }[];
  readonly results: readonly QaResult[];
}

/** The scenario under which is told that what was launched was destroyed again. */
export const CLEAN_UP = { id: 'clean-up', title: 'Leave nothing behind' } as const;

export function countOutcomes(results: readonly QaResult[]): Record<QaOutcome, number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { outcome } of results) counts[outcome] += 1;
  return counts;
}

const SIGNS: Readonly<Record<QaOutcome, string>> = { passed: '✔', failed: '✖', skipped: '○' };

/** One line for somebody who watches. */
export function resultLine({ check, title, outcome, seconds, seen }: QaResult): string {
  const indent = check === null ? '  ' : '    ';
  const told = seen === '' ? '' : `: ${seen}`;
  return `${indent}${SIGNS[outcome]} ${title}${told} (${seconds.toFixed(1)} s)`;
}

export function totals({ passed, failed, skipped }: Record<QaOutcome, number>): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** The whole report as Markdown, a table for each scenario. */
export function markdown(report: QaReport): string {
  const head = [
    '# QA playbook of the cloud server',
    '',
    `Carapace ${report.version} at ${report.control_plane}, ${localTime(report.started_at)} to ${localTime(report.ended_at)}.`,
    `**${totals(report)}**${report.interrupted ? ', interrupted' : ''}.`,
  ];
  const sections = report.scenarios.flatMap(({ id, title }) => {
    const rows = report.results.filter(({ scenario }) => scenario === id);
    return rows.length === 0 ? [] : ['', `## ${title}`, '', HEAD, RULE, ...rows.map(row)];
  });
  return [...head, ...sections].join('\n');
}

const HEAD = '| | step or check | seconds | seen |';
const RULE = '| --- | --- | ---: | --- |';

function row({ check, title, outcome, seconds, seen }: QaResult): string {
  const name = check === null ? `**${cell(title)}**` : cell(title);
  return `| ${SIGNS[outcome]} ${outcome} | ${name} | ${seconds.toFixed(1)} | ${cell(seen)} |`;
}

/** Text that does not end its cell. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').trim().replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
