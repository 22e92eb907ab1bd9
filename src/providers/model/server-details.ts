/** The lines under the server: address, autostop, cost, and what went wrong. Pure. */
import type { Cluster } from '../../protocol/cluster.ts';
import { hasServer, SERVER_FLAGS, type ServerContext } from './cluster-row.ts';
import { formatMinutes, formatMoment, formatMoney, formatMonthly, formatPrice } from '../../client/format.ts';
import { ICON, SERVER_DETAILS, type Row, type RowIcon, type ServerDetail } from './nodes.ts';
import type { Translate } from '../../client/translate.ts';

/** What each line permits; the manifest's `when` clauses read it. */
export const DETAIL_FLAGS: Record<ServerDetail, readonly string[]> = {
  launch: ['launch'],
  error: ['explained'],
  note: [],
  unreachable: ['explained'],
  stops: ['changeable'],
  ip: ['copyable'],
  autostop: ['changeable'],
  cost: [],
};

/** The lines that there is something to say in. */
export function detailsOf({ cluster, status }: ServerContext): ServerDetail[] {
  return SERVER_DETAILS.filter((detail) => {
    if (detail === 'launch') return SERVER_FLAGS[status].includes('launchable') && status !== 'error';
    if (cluster === undefined) return false;
    if (detail === 'note') return cluster.note !== null;
    if (detail === 'unreachable') return cluster.unreachable !== null;
    if (!hasServer(status)) return false;
    switch (detail) {
      case 'error':
        return cluster.error !== null;
      case 'stops':
        return cluster.stops_at !== null && status === 'running';
      case 'ip':
        return cluster.ip !== null;
      case 'autostop':
        return cluster.autostop_minutes !== null && status === 'running';
      case 'cost':
        return cluster.cost !== null || cluster.billed === 'disk' || cluster.billed === 'unknown';
    }
  });
}

export function detailRow(detail: ServerDetail, context: ServerContext): Row {
  const { t } = context;
  const { label, description, icon } = TEXTS[detail](context.cluster, context.now, t);
  return {
    label,
    description,
    icon,
    flags: ['detail', ...DETAIL_FLAGS[detail]],
    spoken: description === '' ? label : t('{0}, {1}', label, description),
  };
}

/** The whole of what a line says. */
export function detailTooltip(detail: ServerDetail, context: ServerContext): string {
  const { error, unreachable } = context.cluster ?? {};
  if (detail === 'error' && error) return error.message;
  if (detail === 'unreachable' && unreachable) return unreachable;
  const { label, description } = detailRow(detail, context);
  return description === '' ? label : `${label}: ${description}`;
}

interface Text {
  readonly label: string;
  readonly description: string;
  readonly icon: RowIcon;
}

const TEXTS: Record<ServerDetail, (cluster: Cluster | undefined, now: number, t: Translate) => Text> = {
  launch: (_cluster, _now, t) => ({
    label: t('Launch Server…'),
    description: t('asks first, with the price'),
    icon: ICON.launch,
  }),
  error: (cluster, _now, t) => ({
    label: firstLine(cluster?.error?.message) ?? t('Error'),
    description: '',
    icon: ICON.error,
  }),
  note: (cluster, _now, t) => ({ label: cluster?.note ?? t('Note'), description: '', icon: ICON.note }),
  unreachable: (cluster, _now, t) => ({
    label: firstLine(cluster?.unreachable ?? undefined) ?? t('SkyPilot'),
    description: '',
    icon: ICON.warning,
  }),
  stops: (cluster, now, t) => ({
    label: t('Stops soon'),
    description: stopText(cluster?.stops_at ?? null, now, t),
    icon: ICON.warning,
  }),
  ip: (cluster, _now, t) => ({ label: t('IP'), description: cluster?.ip ?? '', icon: ICON.address }),
  autostop: (cluster, _now, t) => ({
    label: t('Autostop'),
    description: autostopText(cluster?.autostop_minutes ?? 0, t),
    icon: ICON.clock,
  }),
  cost: (cluster, _now, t) => ({
    label: t('Cost'),
    description: cluster === undefined ? '' : costText(cluster, t),
    icon: ICON.cost,
  }),
};

/** A row may be asked for a moment after its reason has gone. */
function stopText(stopsAt: string | null, now: number, t: Translate): string {
  return stopsAt === null ? '' : t('{0}: nobody works with it', formatMoment(Date.parse(stopsAt), now));
}

/** `after 30 min idle` @param minutes 0 for never */
export function autostopText(minutes: number, t: Translate): string {
  return minutes === 0 ? t('never') : t('after {0} idle', formatMinutes(minutes, t));
}

/** The tooltip and the log have the whole. */
function firstLine(text: string | undefined): string | undefined {
  return text?.split('\n')[0];
}

/** What a stopped server goes on costing, and `$0.42 since launch`. */
function costText(cluster: Cluster, t: Translate): string {
  const parts: string[] = [];
  if (cluster.billed === 'unknown') parts.push(t('a machine may still be billed'));
  const disk = cluster.disk_price_per_hour;
  if (cluster.billed === 'disk') {
    if (disk === null) parts.push(t('its disk goes on costing'));
    else parts.push(t('disk {0}, {1}', formatPrice(disk, t), formatMonthly(disk, t)));
  }
  if (cluster.cost !== null) parts.push(t('{0} since launch', formatMoney(cluster.cost, t)));
  return parts.join(' · ');
}
