/** The short summaries: the status bar's text and the badge of the view. Pure. */
import { isStale, type ConnectionStatus } from './connection-status.ts';
import { operationsOf, workshopsOf, type ModelState } from './state.ts';
import type { Translate } from './translate.ts';

/** Seats that run, over all workshops. */
export function runningSeats(state: ModelState): number {
  return [...state.seats.values()].filter((seat) => seat.status === 'ready').length;
}

/** The status bar's text; undefined where there is nothing to say. */
export function statusBarText(state: ModelState, status: ConnectionStatus, t: Translate): string | undefined {
  const count = workshopsOf(state).length;
  const busy = operationsOf(state).some((operation) => operation.status === 'running');
  if (count === 0 && !busy) return undefined;
  const workshops = count === 1 ? t('1 workshop') : t('{0} workshops', count);
  return `${icon(isStale(status), busy)} ${t('Carapace: {0}', workshops)}`;
}

function icon(stale: boolean, busy: boolean): string {
  if (stale) return '$(warning)';
  return busy ? '$(loading~spin)' : '$(mortar-board)';
}
