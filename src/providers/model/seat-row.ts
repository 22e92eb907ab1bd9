/** How a seat looks in the tree, and what it is called elsewhere. Pure. */
import type { Seat, SeatStatus } from '../../protocol/workshop.ts';
import { formatMoment } from '../../client/format.ts';
import { ICON, type Fact, type Row, type RowIcon } from './nodes.ts';
import type { Translate } from '../../client/translate.ts';

/** What a seat's status permits. */
export const SEAT_FLAGS: Record<SeatStatus, readonly string[]> = {
  pending: [],
  booting: [],
  ready: ['openable', 'fillable', 'resettable'],
  unhealthy: ['resettable'],
  resetting: [],
  stopped: [],
  lost: [],
};

/** Whether the teacher can take it away from its learner: that resets it. */
export function isFreeable({ learner, status }: Seat): boolean {
  return learner !== null && SEAT_FLAGS[status].includes('resettable');
}

export function seatStatusText(seat: Seat, now: number, t: Translate): string {
  switch (seat.status) {
    case 'pending':
      return t('waiting…');
    case 'booting':
      return t('booting…');
    case 'ready':
      if (seat.connected) return t('connected');
      return seat.learner === null ? t('free') : t('joined');
    case 'unhealthy':
      return reason(t('not answering'), seat);
    case 'resetting':
      return t('resetting…');
    case 'stopped':
      return t('stopped');
    case 'lost':
      return reason(t('lost {0}', formatMoment(Date.parse(seat.updated_at), now)), seat);
  }
}

function reason(text: string, seat: Seat): string {
  return seat.error === null ? text : `${text}: ${seat.error.message}`;
}

export function seatIcon(seat: Seat): RowIcon {
  switch (seat.status) {
    case 'pending':
    case 'booting':
    case 'resetting':
      return ICON.onTheWay;
    case 'ready':
      return seat.connected || seat.learner !== null ? ICON.running : ICON.free;
    case 'unhealthy':
      return ICON.error;
    case 'stopped':
      return ICON.stopped;
    case 'lost':
      return ICON.warning;
  }
}

/** `Seat 3` or `Seat 3 · Alice`: the name of its terminals. */
export function seatTitle(seat: number, learner: string | null, t: Translate): string {
  return learner === null ? t('Seat {0}', seat) : t('Seat {0} · {1}', seat, learner);
}

export function seatRow(
  seat: Seat,
  context: { readonly stale: boolean; readonly now: number; readonly t: Translate },
): Row {
  const { stale, now, t } = context;
  const status = seatStatusText(seat, now, t);
  const description = seat.learner === null ? status : `${seat.learner} · ${status}`;
  const spoken = t('Seat {0}, {1}', seat.seat, description);
  return {
    label: t('Seat {0}', seat.seat),
    description,
    icon: stale ? ICON.warning : seatIcon(seat),
    flags: ['seat', ...SEAT_FLAGS[seat.status], ...(isFreeable(seat) ? ['freeable'] : [])],
    spoken: stale ? t('{0}, may be out of date', spoken) : spoken,
  };
}

export function seatFacts(seat: Seat, now: number, t: Translate): Fact[] {
  const facts: Fact[] = [[t('Status'), seatStatusText(seat, now, t)]];
  if (seat.learner !== null) facts.push([t('Learner'), seat.learner]);
  if (seat.joined_at !== null) facts.push([t('Joined'), formatMoment(Date.parse(seat.joined_at), now)]);
  if (seat.ip !== null) facts.push([t('Address'), seat.ip]);
  return facts;
}
