/**
 * The network of a worker: bridge `clarateach0` (192.168.100.1/24), and for each seat a network namespace with a TAP
 * device, joined to the bridge by a veth pair. Inside, every seat has the same address and MAC, so that copies of one
 * snapshot need no change; its namespace translates that 1:1 to 192.168.100.(10 + slot).
 */

export const BRIDGE = { name: 'clarateach0', address: '192.168.100.1', prefix: 24 } as const;

/** How many seats the addresses of one worker are for. */
export const MAX_SLOTS = 240;

/** What every machine sees of the network, whichever seat it is. */
export const GUEST = {
  mac: '06:00:ac:10:00:02',
  address: '172.16.0.2',
  prefix: 30,
  gateway: '172.16.0.1',
  dns: BRIDGE.address,
  tap: 'tap0',
} as const;

/** Where a slot's machine is reached from the worker. */
export function addressOf(slot: number): string {
  return `192.168.100.${10 + slot}`;
}

/** A slot that a seat holds: its namespace is ready, its TAP device is up. */
export interface SeatLink {
  readonly slot: number;
  /** {@link addressOf} the slot. */
  readonly ip: string;
  /** Its path, `/run/netns/<name>`. */
  readonly namespace: string;
  /** {@link GUEST.tap}, inside the namespace. */
  readonly tap: string;
  readonly mac: string;
}

export interface SeatNetwork {
  /**
   * Makes or mends what all seats share: bridge, forwarding, firewall, DNS forwarder. The same again changes nothing,
   * and running seats do not notice. @throws UnavailableError naming what is missing (root, nft, ip, an address in use)
   */
  open(signal: AbortSignal): Promise<void>;
  /** Makes the firewall again where somebody else has removed it, as by `nft flush ruleset`. */
  guard(signal: AbortSignal): Promise<void>;
  /** A free slot, the preferred one (1 to {@link MAX_SLOTS}) where it is free. @throws NoCapacityError, UnavailableError */
  take(preferred: number, signal: AbortSignal): Promise<SeatLink>;
  /** The slot that a seat of an earlier agent holds; mends what is missing around a running machine where it can. */
  adopt(slot: number, signal: AbortSignal): Promise<SeatLink>;
  /** Whether the slot's namespace, TAP and veth are as they have to be. */
  isWhole(slot: number): Promise<boolean>;
  /** Removes everything of the slot; also where there is nothing. No process must be in its namespace any more. */
  release(slot: number): Promise<void>;
  /** Removes what an earlier agent left, of every slot but these. */
  reap(keep: ReadonlySet<number>): Promise<void>;
  /** What on this worker stands in the way of the seats' network though it is open, a sentence each; nothing where all is well. */
  diagnose(signal: AbortSignal): Promise<readonly string[]>;
  /** Ends what this process serves (DNS); removes bridge, firewall and prepared slots where no seat holds one. */
  close(): Promise<void>;
}
