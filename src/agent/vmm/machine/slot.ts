/** A machine's slot of the network, which is written down before anything is put into it. */
import type { SeatLink, SeatNetwork } from '../../network/seat-network.ts';

/** What a state file remembers of a slot. */
export interface HeldSlot {
  readonly slot: number;
  readonly namespace: string;
}

/** Takes a slot; one that cannot be written down is given back. @throws NoCapacityError, UnavailableError, or the record's error */
export async function takeSlot(
  network: SeatNetwork,
  preferred: number,
  signal: AbortSignal,
  record: (held: HeldSlot) => Promise<void>,
): Promise<SeatLink> {
  const link = await network.take(preferred, signal);
  try {
    await record({ slot: link.slot, namespace: link.namespace });
    return link;
  } catch (error) {
    await network.release(link.slot);
    throw error;
  }
}
