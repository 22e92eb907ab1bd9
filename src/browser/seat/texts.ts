/** What the seat's page says of the seat. Pure. */
import { formatLeft, formatMoment } from '../../client/format.ts';
import type { LearnerStatus } from '../../client/learner/learner-status.ts';
import type { TerminalState } from '../../client/terminal/reconnect-state.ts';
import type { LearnerView } from '../../protocol/access.ts';
import type { SeatStatus, WorkshopStatus } from '../../protocol/workshop.ts';
import { english } from '../english.ts';

/** `ends 17:00, 42 min left`; of a workshop that does not run, how it is instead. */
export function timeText({ workshop }: Pick<LearnerView, 'workshop'>, now: number): string {
  if (workshop.status !== 'running') return WORKSHOP_TEXTS[workshop.status];
  const end = Date.parse(workshop.expires_at);
  return `ends ${formatMoment(end, now)}, ${formatLeft(end - now, english)}`;
}

const WORKSHOP_TEXTS: Record<Exclude<WorkshopStatus, 'running'>, string> = {
  created: 'not started yet',
  provisioning: 'starting…',
  stopping: 'stopping…',
  stopped: 'stopped; your files are kept',
  deleting: 'being deleted',
  error: 'in trouble; your teacher sees why',
};

/** `connected`, or what is amiss. A server that is out of reach comes first: nothing else is certain then. */
export function connectionText(status: LearnerStatus['kind'], terminal: TerminalState | undefined): string {
  if (status === 'stale' || terminal === 'reconnecting') return 'reconnecting…';
  if (terminal === 'connected') return 'connected';
  return terminal === 'closed' ? 'no shell' : 'connecting…';
}

/** Whether a terminal can be opened in the seat now. */
export function isOpenable(status: SeatStatus): boolean {
  return status === 'ready' || status === 'unhealthy';
}

/** How a shell ended, after `The shell has ended`. */
export function exitText({ code, signal }: { readonly code: number; readonly signal: string | null }): string {
  if (signal !== null) return `The shell was ended by ${signal}.`;
  return `The shell has ended with exit code ${code}.`;
}
