/** How an operation and its phases look in the Activity view. Pure. */
import type { Operation, OperationStatus } from '../../protocol/operation.ts';
import { formatDuration, formatMoment } from '../../client/format.ts';
import { ICON, type Fact, type Row, type RowIcon } from './nodes.ts';
import type { ProgressLine } from './state.ts';
import type { Translate } from '../../client/translate.ts';

/** A part of an operation; times are milliseconds since 1970. `message` is its latest line. */
export interface Phase {
  readonly name: string;
  readonly message: string;
  readonly status: OperationStatus;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
}

/**
 * The phases of an operation, in the order in which they began. A phase ends where the next one begins, the last one
 * with the operation and in the same way. A line without a phase belongs to the one before it.
 */
export function phasesOf(operation: Operation, lines: readonly ProgressLine[]): Phase[] {
  const begun = new Map<string, { message: string; startedAt: number }>();
  let current: string | undefined;
  for (const line of lines) {
    current = line.phase ?? current ?? line.message;
    const startedAt = begun.get(current)?.startedAt ?? line.at;
    begun.set(current, { message: line.message, startedAt });
  }
  const parts = [...begun];
  return parts.map(([name, { message, startedAt }], index) => {
    const next = parts[index + 1]?.[1];
    if (next !== undefined) return { name, message, startedAt, status: 'succeeded', endedAt: next.startedAt };
    const endedAt = operation.ended_at === null ? undefined : Date.parse(operation.ended_at);
    return { name, message, startedAt, status: operation.status, endedAt };
  });
}

const STATUS_ICON: Record<OperationStatus, RowIcon> = {
  running: ICON.onTheWay,
  succeeded: ICON.done,
  failed: ICON.error,
  cancelled: ICON.cancelled,
};

function statusText(status: OperationStatus, t: Translate): string {
  const texts: Record<OperationStatus, string> = {
    running: t('running'),
    succeeded: t('done'),
    failed: t('failed'),
    cancelled: t('cancelled'),
  };
  return texts[status];
}

interface RowContext {
  readonly stale: boolean;
  readonly now: number;
  readonly t: Translate;
}

export function operationRow(operation: Operation, { stale, now, t }: RowContext): Row {
  const unsure = stale && operation.status === 'running';
  const duration = formatDuration(spanOf(operation, now), t);
  const parts = operation.status === 'succeeded' ? [duration] : [statusText(operation.status, t), duration];
  if (operation.error !== null && operation.status === 'failed') parts.push(operation.error.message);
  return {
    label: operation.title,
    description: parts.join(' · '),
    icon: unsure ? ICON.warning : STATUS_ICON[operation.status],
    flags: operation.status === 'running' ? ['operation', 'cancellable'] : ['operation'],
    spoken: t('{0}, {1}, {2}', operation.title, statusText(operation.status, t), duration),
  };
}

function spanOf(operation: Operation, now: number): number {
  return (operation.ended_at === null ? now : Date.parse(operation.ended_at)) - Date.parse(operation.started_at);
}

export function phaseRow(phase: Phase, { stale, now, t }: RowContext): Row {
  const unsure = stale && phase.status === 'running';
  const duration = formatDuration((phase.endedAt ?? now) - phase.startedAt, t);
  return {
    label: phase.message,
    description: duration,
    icon: unsure ? ICON.warning : STATUS_ICON[phase.status],
    flags: ['phase'],
    spoken: t('{0}, {1}, {2}', phase.message, statusText(phase.status, t), duration),
  };
}

export function operationFacts(operation: Operation, now: number, t: Translate): Fact[] {
  const facts: Fact[] = [
    [t('Status'), statusText(operation.status, t)],
    [t('Began'), formatMoment(Date.parse(operation.started_at), now)],
    [t('Took'), formatDuration(spanOf(operation, now), t)],
    [t('Operation'), operation.id],
  ];
  if (operation.status === 'running') {
    facts.push([t('Gives up'), formatMoment(Date.parse(operation.deadline), now)]);
  }
  if (operation.error !== null) facts.push([t('Error'), operation.error.message]);
  return facts;
}
