/** How a joined workshop and one's own seat in it look in the tree. Pure. */
import { showCode } from '../../protocol/names.ts';
import type { Seat } from '../../protocol/workshop.ts';
import type { LearnerView } from '../../protocol/access.ts';
import { formatLeft, formatMoment } from '../../client/format.ts';
import { certificateTrouble, isOver, learnerSentence, type LearnerStatus } from './learner-status.ts';
import { ICON, type Fact, type Row, type RowIcon } from './nodes.ts';
import { SEAT_FLAGS, seatIcon, seatStatusText } from './seat-row.ts';
import type { Translate } from '../../client/translate.ts';
import { workshopStatusText } from './workshop-row.ts';

/** Flags of a joined workshop's row. */
export const JOINED_FLAGS = ['linkable', 'leavable', 'rejoinable'] as const;

/** What of a seat's flags is a learner's own business. */
export const LEARNER_FLAGS: readonly string[] = ['openable', 'fillable'];

/** What is known of a joined workshop. */
export interface JoinedFacts {
  readonly status: LearnerStatus;
  readonly workshopName: string;
  readonly seat: number;
  readonly code: string;
  /** The server's host; null for this machine. */
  readonly host: string | null;
  readonly view: LearnerView | undefined;
}

interface RowContext {
  readonly now: number;
  readonly t: Translate;
}

/** `your seat 3 · 1 h 12 min left` */
export function joinedRow(joined: JoinedFacts, { now, t }: RowContext): Row {
  const { workshopName, status } = joined;
  const description = describe(joined, now, t);
  const spoken = t('Workshop {0}, joined, {1}', workshopName, description);
  const isShaky = status.kind === 'stale';
  return {
    label: workshopName,
    description,
    icon: joinedIcon(joined),
    flags: ['joined', ...flagsOf(status)],
    spoken: isShaky ? t('{0}, may be out of date', spoken) : spoken,
  };
}

/** A deleted workshop can only be forgotten; where the seat alone is lost, another one can be had. */
function flagsOf(status: LearnerStatus): readonly (typeof JOINED_FLAGS)[number][] {
  if (status.kind === 'stale' && certificateTrouble(status.error) === 'other') return ['rejoinable', 'leavable'];
  if (!isOver(status)) return ['linkable', 'leavable'];
  return status.kind === 'gone' ? ['leavable'] : ['rejoinable', 'leavable'];
}

function describe({ status, view, seat }: JoinedFacts, now: number, t: Translate): string {
  const mine = t('your seat {0}', seat);
  switch (status.kind) {
    case 'freed':
      return t('your seat was freed');
    case 'gone':
      return t('deleted');
    case 'unknown':
      return t('seat freed or workshop deleted');
    case 'expired':
      return `${mine} · ${t('expired: join again')}`;
    case 'stale':
      return `${mine} · ${staleText(status, now, t)}`;
    case 'connecting':
      return `${mine} · ${t('connecting…')}`;
    case 'joined':
      return view === undefined ? mine : `${mine} · ${workshopText(view, now, t)}`;
  }
}

function staleText({ error, since }: Extract<LearnerStatus, { kind: 'stale' }>, now: number, t: Translate): string {
  switch (certificateTrouble(error)) {
    case 'other':
      return t('another certificate: join again');
    case 'expired':
      return t('certificate expired');
    case 'early':
      return t('certificate not valid yet');
    case undefined:
      return t('out of reach since {0}', formatMoment(since, now));
  }
}

/** Of a workshop that runs, how long it still does: there is no room for both. */
function workshopText({ workshop }: LearnerView, now: number, t: Translate): string {
  return workshop.status === 'running'
    ? formatLeft(Date.parse(workshop.expires_at) - now, t)
    : workshopStatusText(workshop.status, t);
}

function joinedIcon({ status, view }: JoinedFacts): RowIcon {
  if (isOver(status)) return status.kind === 'expired' ? ICON.warning : ICON.cancelled;
  if (status.kind === 'stale') return ICON.warning;
  if (status.kind === 'connecting' || view === undefined) return ICON.onTheWay;
  switch (view.workshop.status) {
    case 'running':
      return ICON.joined;
    case 'error':
      return ICON.error;
    case 'created':
    case 'stopped':
      return ICON.stopped;
    default:
      return ICON.onTheWay;
  }
}

/** Their own seat; undefined while nothing is known of it, and once it is not theirs. */
export function mySeatRow(joined: JoinedFacts, { now, t }: RowContext): Row | undefined {
  const { status, view } = joined;
  if (view === undefined || isOver(status)) return undefined;
  const { seat, name } = view;
  const description = `${name} · ${seatStatusText(seat, now, t)}`;
  const spoken = t('Your seat {0}, {1}', seat.seat, description);
  const isShaky = status.kind === 'stale';
  return {
    label: t('Your seat {0}', seat.seat),
    description,
    icon: isShaky ? ICON.warning : seatIcon(seat),
    flags: ['mySeat', ...mySeatFlags(seat)],
    spoken: isShaky ? t('{0}, may be out of date', spoken) : spoken,
  };
}

/** What a learner can do with their seat. */
export function mySeatFlags({ status }: Seat): readonly string[] {
  return SEAT_FLAGS[status].filter((flag) => LEARNER_FLAGS.includes(flag));
}

export function joinedFacts(joined: JoinedFacts, { now, t }: RowContext): Fact[] {
  const { status, workshopName, view, host, code, seat } = joined;
  const sentence = learnerSentence(status, workshopName, now, t);
  const facts: Fact[] = sentence === undefined ? [] : [[t('Connection'), sentence]];
  facts.push([t('Your seat'), view === undefined ? String(seat) : `${seat} · ${view.name}`]);
  if (view !== undefined) {
    facts.push([t('Status'), workshopStatusText(view.workshop.status, t)]);
    if (view.workshop.status === 'running') {
      const end = Date.parse(view.workshop.expires_at);
      facts.push([t('Ends'), t('{0}, {1}; files are kept', formatMoment(end, now), formatLeft(end - now, t))]);
    }
  }
  facts.push([t('Server'), host ?? t('this machine')], [t('Join code'), showCode(code)]);
  return facts;
}
