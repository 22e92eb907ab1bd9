/** How a workshop looks in the tree. Pure. */
import { runtimeText } from '../../lib/runtime-text.ts';
import { showCode } from '../../protocol/names.ts';
import type { Seat, Workshop, WorkshopStatus } from '../../protocol/workshop.ts';
import { formatMoment, formatPrice } from '../../client/format.ts';
import { ICON, type Fact, type Row, type RowIcon } from './nodes.ts';
import type { Translate } from '../../client/translate.ts';

/** Learners that a tooltip names; all of them are in "Show Learners". */
const MAX_LEARNERS = 20;

/** What a workshop's status permits; the manifest's `when` clauses and the pick lists read it. */
export const WORKSHOP_FLAGS: Record<WorkshopStatus, readonly string[]> = {
  created: ['startable', 'deletable', 'joinable'],
  provisioning: ['deletable', 'joinable'],
  running: ['stoppable', 'deletable', 'joinable'],
  stopping: ['deletable'],
  stopped: ['startable', 'deletable', 'joinable'],
  deleting: [],
  error: ['startable', 'stoppable', 'deletable'],
};

const STATUS_ICON: Record<WorkshopStatus, RowIcon> = {
  created: ICON.stopped,
  provisioning: ICON.onTheWay,
  running: ICON.running,
  stopping: ICON.onTheWay,
  stopped: ICON.stopped,
  deleting: ICON.onTheWay,
  error: ICON.error,
};

export function workshopStatusText(status: WorkshopStatus, t: Translate): string {
  const texts: Record<WorkshopStatus, string> = {
    created: t('created'),
    provisioning: t('starting…'),
    running: t('running'),
    stopping: t('stopping…'),
    stopped: t('stopped'),
    deleting: t('deleting…'),
    error: t('error'),
  };
  return texts[status];
}

/** Seats of it that somebody has joined. */
function joinedCount(seats: readonly Seat[]): number {
  return seats.filter((seat) => seat.learner !== null).length;
}

/** What its seats are, such as `MicroVMs (QEMU, KVM)`; whether they are fast is known while a worker runs them. */
function seatsAre({ runtime, workers }: Workshop, t: Translate): string {
  return runtimeText(runtime, workers[0]?.accelerated, t);
}

/** `running · MicroVMs (QEMU, KVM) · 3 of 20 joined · $0.18/h · ends 17:00` */
function describe(workshop: Workshop, seats: readonly Seat[], now: number, t: Translate): string {
  const parts = [workshopStatusText(workshop.status, t)];
  if (workshop.runtime !== 'auto') parts.push(seatsAre(workshop, t));
  if (workshop.status === 'error' && workshop.error !== null) parts.push(workshop.error.message);
  if (workshop.status === 'running') {
    parts.push(t('{0} of {1} joined', joinedCount(seats), workshop.seats));
    if (workshop.price_per_hour !== null && workshop.price_per_hour > 0)
      parts.push(formatPrice(workshop.price_per_hour, t));
    parts.push(t('ends {0}', formatMoment(Date.parse(workshop.expires_at), now)));
  }
  if (workshop.status === 'stopped') parts.push(t('files kept'));
  return parts.join(' · ');
}

export function workshopRow(
  workshop: Workshop,
  seats: readonly Seat[],
  context: { readonly stale: boolean; readonly now: number; readonly t: Translate },
): Row {
  const { stale, now, t } = context;
  const description = describe(workshop, seats, now, t);
  const spoken = t('Workshop {0}, {1}', workshop.name, description);
  return {
    label: workshop.name,
    description,
    icon: stale ? ICON.warning : STATUS_ICON[workshop.status],
    flags: ['workshop', ...WORKSHOP_FLAGS[workshop.status]],
    spoken: stale ? t('{0}, may be out of date', spoken) : spoken,
  };
}

export function workshopFacts(workshop: Workshop, seats: readonly Seat[], now: number, t: Translate): Fact[] {
  const facts: Fact[] = [
    [t('Status'), workshopStatusText(workshop.status, t)],
    [t('Join code'), showCode(workshop.code)],
    [t('Seats'), t('{0}, {1} joined', workshop.seats, joinedCount(seats))],
    [t('Runs on'), workshop.provider === 'local' ? t('this machine') : workshop.provider],
    [t('Seats are'), seatsAre(workshop, t)],
    [t('Isolation'), isolationText(workshop, t)],
    [t('Made'), formatMoment(Date.parse(workshop.created_at), now)],
  ];
  if (workshop.status === 'running') {
    facts.push([t('Stops by itself'), t('{0}; files are kept', formatMoment(Date.parse(workshop.expires_at), now))]);
  }
  const learners = rosterText(seats, t);
  if (learners !== '') facts.push([t('Learners'), learners]);
  if (workshop.error !== null) facts.push([t('Error'), workshop.error.message]);
  return facts;
}

/** Who has joined, the first of them by their seats. */
function rosterText(seats: readonly Seat[], t: Translate): string {
  const joined = seats.flatMap(({ seat, learner, connected }) => {
    if (learner === null) return [];
    return [connected ? t('{0} (seat {1}, connected)', learner, seat) : t('{0} (seat {1})', learner, seat)];
  });
  const shown = joined.slice(0, MAX_LEARNERS).join(', ');
  return joined.length <= MAX_LEARNERS ? shown : t('{0} and {1} more', shown, joined.length - MAX_LEARNERS);
}

function isolationText({ runtime }: Workshop, t: Translate): string {
  if (runtime === 'process') return t('none: seats are plain processes of this account');
  return runtime === 'auto' ? t('not known yet') : t('each seat is a machine of its own');
}
