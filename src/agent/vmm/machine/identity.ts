/** Who a machine is: what differs between copies of one snapshot. */
import { randomBytes } from 'node:crypto';
import type { SeatKey } from '../driver.ts';
import type { SeatChannelAddress } from './hypervisor.ts';
import { askSeat, type AskOptions, type SeatQuestion } from './seat-channel.ts';

/** A name of a host has at most this many characters: HOST_NAME_MAX of hostname(7) without its end. */
const MAX_HOSTNAME = 63;

const ENTROPY_BYTES = 256;

/** A machine that took longer to answer has set its clock at most that much too late. */
const EXACT_MS = 1_000;

/** On a worker that is that busy, a clock that is late is the smaller evil. */
const TRIES = 4;

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** `seat-3-7k2m9xq4`: no two seats of a worker have the same. */
export function hostnameOf(key: SeatKey): string {
  const workshop = key.workshopId.replace(/^ws-/, '');
  return `seat-${key.seatId}-${workshop}`.slice(0, MAX_HOSTNAME).replace(/-+$/, '');
}

/** The question that gives a machine its identity; made for each try, since time and entropy are never used twice. */
function identify(key: SeatKey, machineId: string): SeatQuestion {
  return {
    op: 'identify',
    hostname: hostnameOf(key),
    machine_id: machineId,
    seat: key.seatId,
    time_ns: String(BigInt(Date.now()) * NANOSECONDS_PER_MILLISECOND),
    entropy: randomBytes(ENTROPY_BYTES).toString('base64'),
  };
}

/**
 * Makes a machine this seat. One that is slow to answer is told again, since the time was right when it was sent: the same
 * identity a second time sets only clock and entropy.
 * @throws what {@link askSeat} throws
 */
export async function giveIdentity(
  channel: SeatChannelAddress,
  key: SeatKey,
  machineId: string,
  options: AskOptions,
): Promise<void> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const begun = performance.now();
    await askSeat(channel, () => identify(key, machineId), options);
    if (performance.now() - begun < EXACT_MS) return;
  }
}
