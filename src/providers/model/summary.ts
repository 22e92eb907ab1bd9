/** The short summaries: the status bar's text and the badge of the view. Pure. */
import { hasServer, priceNow, serverStatusText } from './cluster-row.ts';
import { isStale, type ConnectionStatus } from './connection-status.ts';
import { formatPrice } from '../../client/format.ts';
import { operationsOf, workshopOf, workshopsOf, type ModelState } from './state.ts';
import type { Seat } from '../../protocol/workshop.ts';
import type { Translate } from '../../client/translate.ts';

/** What of a joined workshop counts here. */
interface JoinedSeat {
  readonly workshopId: string;
  readonly view: { readonly seat: Seat } | undefined;
}

/** Seats that run, over all workshops; one's own in a workshop that one teaches counts once. */
export function runningSeats(state: ModelState, joined: readonly JoinedSeat[] = []): number {
  const others = joined.filter(({ workshopId }) => workshopOf(state, workshopId) === undefined);
  const mine = others.filter(({ view }) => view?.seat.status === 'ready').length;
  return mine + readySeats(state);
}

function readySeats(state: ModelState): number {
  return [...state.seats.values()].filter((seat) => seat.status === 'ready').length;
}

/** What the status bar item says; `view` is the one that a click opens. */
export interface StatusBar {
  readonly text: string;
  readonly view: 'carapace.server' | 'carapace.workshops';
}

/** Undefined where there is nothing to say. */
export function statusBar(state: ModelState, status: ConnectionStatus, t: Translate): StatusBar | undefined {
  const count = workshopsOf(state).length;
  const busy = operationsOf(state).some((operation) => operation.status === 'running');
  const server = serverText(state, t);
  if (count === 0 && server === undefined && !busy) return undefined;
  const workshops = count === 1 ? t('1 workshop') : t('{0} workshops', count);
  const parts = [...(server === undefined ? [] : [server]), ...(count > 0 || server === undefined ? [workshops] : [])];
  const text = `${icon(state, isStale(status), busy)} ${t('Carapace: {0}', parts.join(', '))}`;
  return { text, view: server === undefined ? 'carapace.workshops' : 'carapace.server' };
}

/** `server running, $0.19/h` */
function serverText({ cluster }: ModelState, t: Translate): string | undefined {
  if (cluster === undefined || !hasServer(cluster.status)) return undefined;
  const status = t('server {0}', serverStatusText(cluster.status, t));
  const price = priceNow(cluster);
  return price === undefined ? status : `${status} ${formatPrice(price, t)}`;
}

function icon({ cluster }: ModelState, stale: boolean, busy: boolean): string {
  if (stale) return '$(warning)';
  if (busy) return '$(loading~spin)';
  if (cluster === undefined || !hasServer(cluster.status)) return '$(mortar-board)';
  if (cluster.status === 'error') return '$(error)';
  return cluster.status === 'running' ? '$(vm-running)' : '$(vm-outline)';
}
