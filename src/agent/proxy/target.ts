/** Which seat, and what of it, a request to the proxy is for. */
import { SEATS } from '../../protocol/names.ts';
import type { SeatKey } from '../vmm/driver.ts';

/** Where a request goes: the seat, and the request target for its server, byte for byte as the client wrote it. */
export interface ProxyTarget {
  readonly key: SeatKey;
  readonly service: 'terminal' | 'sessions' | 'files' | 'watch' | 'archive' | 'exec' | 'health';
  readonly path: string;
}

/** What all addresses of the proxy begin with. */
export const PROXY_PREFIX = '/proxy/';

/**
 * The prefix is compared as it was sent: an encoded letter, `..` or `//` in it is not understood. Only `files` has
 * anything below it, and what follows is not looked at.
 */
const TARGET =
  /^\/proxy\/(?<workshop>[a-z0-9][a-z0-9-]{0,62})\/(?<seat>[1-9][0-9]{0,2})(?<path>\/(?<service>terminal|sessions|watch|archive|exec|health|files(?=[/?]|$))(?<rest>.*))$/s;

/** Undefined where the target is none of the proxy's. */
export function parseTarget(target: string): ProxyTarget | undefined {
  const groups = TARGET.exec(target)?.groups;
  if (groups === undefined) return undefined;
  const { workshop = '', seat, path = '', rest = '' } = groups;
  const service = groups['service'] as ProxyTarget['service'];
  const seatId = Number(seat);
  if (seatId > SEATS.max) return undefined;
  if (service !== 'files' && rest !== '' && !rest.startsWith('?')) return undefined;
  return { key: { workshopId: workshop, seatId }, service, path };
}
