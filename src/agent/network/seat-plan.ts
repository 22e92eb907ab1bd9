/**
 * What makes a slot, as text for `ip`, `tc`, `nft` and `sysctl`: a namespace in which the machine's TAP device and a veth
 * pair to the bridge meet, and in between a 1:1 translation that lets through nothing but the machine's own address.
 * All but the creations may be said again to a slot in use.
 */
import { BRIDGE_MAC, GATEWAY_MAC, hostLink, INNER_LINK, namespaceName, seatMac, type Owner } from './names.ts';
import { addressOf, BRIDGE, GUEST } from './seat-network.ts';
import { TABLE } from './worker-rules.ts';

/** What one seat may send, and what it may receive. */
export const SEAT_RATE = { mbitPerSecond: 200, burstKb: 512 } as const;

/** Connections through one seat's namespace at a time: it has no claim to all of the worker's memory for them. */
const MAX_CONNECTIONS = 4_096;

/** Small packets cost the worker as much as large ones. */
const PACKET_RATE = 'limit rate over 30000/second burst 10000 packets';

/** In the worker's namespace: the namespace, and the veth pair into it. */
export function namespaceCreation(owner: Owner, slot: number): string[] {
  return [`netns add ${namespaceName(owner, slot)}`];
}

export function vethCreation(owner: Owner, slot: number): string[] {
  const inner = `peer name ${INNER_LINK} address ${seatMac(slot)} netns ${namespaceName(owner, slot)}`;
  return [`link add ${hostLink(slot)} type veth ${inner}`];
}

/** In the namespace. */
export const TAP_CREATION: readonly string[] = [`tuntap add dev ${GUEST.tap} mode tap`];

/** In the namespace; before any of its links is up. Names that the kernel lacks are passed over: it may be without IPv6. */
export const SETTINGS: readonly string[] = [
  'net.ipv6.conf.all.disable_ipv6=1',
  'net.ipv6.conf.default.disable_ipv6=1',
  'net.ipv4.ip_forward=1',
  'net.ipv4.conf.all.rp_filter=1',
  'net.ipv4.conf.all.arp_ignore=1',
  'net.ipv4.conf.all.accept_redirects=0',
];

/** In the namespace. Who is behind a link is written down instead of asked for; other seats are not even neighbours. */
export function addressing(slot: number): string[] {
  return [
    `link set ${GUEST.tap} address ${GATEWAY_MAC} up`,
    `address replace ${GUEST.gateway}/${GUEST.prefix} dev ${GUEST.tap}`,
    `neighbor replace ${GUEST.address} lladdr ${GUEST.mac} nud permanent dev ${GUEST.tap}`,
    `address replace ${addressOf(slot)}/32 dev ${INNER_LINK}`,
    `link set ${INNER_LINK} up`,
    `neighbor replace ${BRIDGE.address} lladdr ${BRIDGE_MAC} nud permanent dev ${INNER_LINK}`,
    `route replace ${BRIDGE.address}/32 dev ${INNER_LINK} scope link`,
    `route replace default via ${BRIDGE.address} dev ${INNER_LINK}`,
  ];
}

/** In the namespace: bounds on what leaves by each of its two links. */
export const RATES: readonly string[] = [GUEST.tap, INNER_LINK].map(
  (link) =>
    `qdisc replace dev ${link} root tbf rate ${SEAT_RATE.mbitPerSecond}mbit burst ${SEAT_RATE.burstKb}kb latency 50ms`,
);

/** In the namespace. */
export function seatRules(slot: number): string {
  return `table inet ${TABLE}
delete table inet ${TABLE}
table netdev ${TABLE}
delete table netdev ${TABLE}
table netdev ${TABLE} {
  chain from_guest {
    type filter hook ingress device "${GUEST.tap}" priority -500; policy drop;
    ${PACKET_RATE} counter drop
    ether saddr ${GUEST.mac} ip saddr ${GUEST.address} accept
    ether saddr ${GUEST.mac} arp saddr ether ${GUEST.mac} arp saddr ip ${GUEST.address} accept
    counter
  }
}
table inet ${TABLE} {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "${INNER_LINK}" ip daddr ${addressOf(slot)} dnat ip to ${GUEST.address}
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "${GUEST.tap}" ip daddr ${GUEST.gateway} icmp type echo-request limit rate 10/second accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state invalid counter drop
    ct state established,related accept
    iifname "${GUEST.tap}" oifname "${INNER_LINK}" ip saddr ${GUEST.address} ct count over ${MAX_CONNECTIONS} counter drop
    iifname "${GUEST.tap}" ct state new limit rate over 200/second burst 1000 packets counter drop
    iifname "${GUEST.tap}" oifname "${INNER_LINK}" ip saddr ${GUEST.address} accept
    iifname "${INNER_LINK}" oifname "${GUEST.tap}" ip saddr ${BRIDGE.address} ip daddr ${GUEST.address} accept
  }
  chain output {
    type filter hook output priority filter; policy drop;
    ct state established,related accept
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${INNER_LINK}" ip saddr ${GUEST.address} snat ip to ${addressOf(slot)}
  }
}
`;
}

/** In the worker's namespace; the last step. Ports of the bridge that are isolated reach the bridge itself only. */
export function attachment(slot: number): string[] {
  const link = hostLink(slot);
  return [
    `link set ${link} master ${BRIDGE.name}`,
    `link set ${link} type bridge_slave isolated on`,
    `link set ${link} up`,
  ];
}
