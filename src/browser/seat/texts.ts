/** What the seat's page says of the seat. Pure. */
import { formatLeft, formatMoment } from '../../client/format.ts';
import type { LearnerStatus } from '../../client/learner/learner-status.ts';
import type { TerminalState } from '../../client/terminal/reconnect-state.ts';
import type { LearnerView } from '../../protocol/access.ts';
import type { SeatStatus, WorkshopStatus } from '../../protocol/workshop.ts';
import { locale, t } from '../language.ts';

/** `ends 17:00, 42 min left`; of a workshop that does not run, how it is instead. */
export function timeText({ workshop }: Pick<LearnerView, 'workshop'>, now: number): string {
  if (workshop.status !== 'running') return workshopText(workshop.status);
  const end = Date.parse(workshop.expires_at);
  return t('ends {0}, {1}', formatMoment(end, now, locale()), formatLeft(end - now, t));
}

function workshopText(status: Exclude<WorkshopStatus, 'running'>): string {
  switch (status) {
    case 'created':
      return t('not started yet');
    case 'provisioning':
      return t('starting…');
    case 'stopping':
      return t('stopping…');
    case 'stopped':
      return t('stopped; your files are kept');
    case 'deleting':
      return t('being deleted');
    case 'error':
      return t('in trouble; your teacher sees why');
  }
}

/** `connected`, or what is amiss. A server that is out of reach comes first: nothing else is certain then. */
export function connectionText(status: LearnerStatus['kind'], terminal: TerminalState | undefined): string {
  if (status === 'stale' || terminal === 'reconnecting') return t('reconnecting…');
  if (terminal === 'connected') return t('connected');
  return terminal === 'closed' ? t('no shell') : t('connecting…');
}

/** Whether a terminal can be opened in the seat now. */
export function isOpenable(status: SeatStatus): boolean {
  return status === 'ready' || status === 'unhealthy';
}

/** How a shell ended, after `The shell has ended`. */
export function exitText({ code, signal }: { readonly code: number; readonly signal: string | null }): string {
  if (signal !== null) return t('The shell was ended by {0}.', signal);
  return t('The shell has ended with exit code {0}.', code);
}
