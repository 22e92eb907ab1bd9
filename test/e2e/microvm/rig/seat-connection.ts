import { GUEST, type SeatLink } from '../../../../src/agent/network/seat-network.ts';
import type { Connection } from './played-guest.ts';

/** How a played guest is connected to a slot: as the machine of the seat would be. */
export function seatConnection(link: SeatLink): Connection {
  return {
    tap: link.tap,
    tapNamespace: link.namespace,
    mac: GUEST.mac,
    address: GUEST.address,
    prefix: GUEST.prefix,
    gateway: GUEST.gateway,
  };
}
