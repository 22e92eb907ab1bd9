/** What the parts of a slot are called. The numbers of slots are shared by all agents of a worker, namespaces are an agent's own. */
import { join } from 'node:path';
import { addressOf, BRIDGE, GUEST, MAX_SLOTS, type SeatLink } from './seat-network.ts';

/** Where `ip netns` keeps namespaces. */
export const NAMESPACES = '/run/netns';

/** Begins the names of all that is ours. */
export const PREFIX = 'clarateach-';

/** The other end of the veth pair, inside the namespace. */
export const INNER_LINK = 'veth0';

/** The same in all seats: a machine restored from a snapshot remembers its gateway's MAC. */
export const GATEWAY_MAC = '06:00:ac:10:00:01';
export const BRIDGE_MAC = '06:00:c0:a8:64:01';

/** Every slot that a worker has. */
export const SLOTS: readonly number[] = Array.from({ length: MAX_SLOTS }, (_, index) => index + 1);

/** What tells the namespaces of one agent from those of another on the same machine: lowercase letters and digits. */
export type Owner = string;

export function isOwner(text: string): boolean {
  return /^[a-z0-9]{1,20}$/.test(text);
}

export function namespaceName(owner: Owner, slot: number): string {
  return `${PREFIX}${owner}-${slot}`;
}

/** The worker's end of a slot's veth pair. There is one of a name, so who made it holds the slot. */
export function hostLink(slot: number): string {
  return `${PREFIX}${slot}`;
}

/** The MAC of a slot's address on the bridge: the same each time, so that nobody remembers a wrong one. */
export function seatMac(slot: number): string {
  return `06:00:c0:a8:64:${(10 + slot).toString(16).padStart(2, '0')}`;
}

/** Reads a name that {@link namespaceName} made; undefined for any other. */
export function readNamespaceName(name: string): { readonly owner: Owner; readonly slot: number } | undefined {
  const match = /^clarateach-(?<owner>[a-z0-9]{1,20})-(?<slot>[1-9]\d{0,2})$/.exec(name);
  const slot = Number(match?.groups?.['slot']);
  const owner = match?.groups?.['owner'];
  return owner !== undefined && slot <= MAX_SLOTS ? { owner, slot } : undefined;
}

/** Reads a name that {@link hostLink} made; undefined for any other. */
export function readHostLink(name: string): number | undefined {
  const slot = Number(/^clarateach-(?<slot>[1-9]\d{0,2})$/.exec(name)?.groups?.['slot']);
  return slot <= MAX_SLOTS ? slot : undefined;
}

export function namespacePath(owner: Owner, slot: number): string {
  return join(NAMESPACES, namespaceName(owner, slot));
}

export function linkOf(owner: Owner, slot: number): SeatLink {
  return { slot, ip: addressOf(slot), namespace: namespacePath(owner, slot), tap: GUEST.tap, mac: GUEST.mac };
}

/** The addresses on the bridge, as the firewall writes them. */
export const SUBNET = BRIDGE.address.replace(/\d+$/, `0/${BRIDGE.prefix}`);
