/**
 * The worker's firewall: a seat reaches the internet and nothing else. Two tables of ours, replaced as a whole by one
 * `nft -f`; their rules are the same however many seats there are, and name no interface but ours.
 */
import { hostLink, PREFIX, seatMac, SLOTS, SUBNET } from './names.ts';
import { addressOf, BRIDGE } from './seat-network.ts';

/** The name of our tables, on the worker and in each seat's namespace. */
export const TABLE = 'clarateach';
/** As `nft list tables` names them. */
export const WORKER_TABLES = [`inet ${TABLE}`, `bridge ${TABLE}`] as const;

/** Addresses that are not the internet (RFC 6890 and successors), and a host of Azure's that only looks like it. */
export const BLOCKED = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
] as const;

/** Mail servers get no connections from seats: one learner must not put the class's address on a list of spammers. */
export const MAIL_PORTS = [25, 465, 587] as const;

/** Names that one seat may ask for, each second. */
const DNS_RATE = 'limit rate over 100/second burst 100 packets';

/** What a slot's frames look like, on the bridge. */
function seatElement(slot: number): string {
  return `"${hostLink(slot)}" . ${seatMac(slot)} . ${addressOf(slot)}`;
}

const INET = `
table inet ${TABLE} {
  set blocked {
    type ipv4_addr
    flags interval
    elements = { ${BLOCKED.join(', ')} }
  }
  set mail {
    type inet_service
    elements = { ${MAIL_PORTS.join(', ')} }
  }
  set dns_rates {
    type ipv4_addr
    size 1024
    flags dynamic,timeout
    timeout 10s
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "${BRIDGE.name}" jump seat_to_worker
    iifname != "lo" ip daddr ${BRIDGE.address} counter drop
  }
  chain seat_to_worker {
    ip saddr != ${SUBNET} counter drop
    meta nfproto ipv6 counter drop
    ip daddr ${BRIDGE.address} udp dport 53 add @dns_rates { ip saddr ${DNS_RATE} } counter drop
    ip daddr ${BRIDGE.address} udp dport 53 accept
    ip daddr ${BRIDGE.address} tcp dport 53 accept
    ip daddr ${BRIDGE.address} icmp type echo-request limit rate 100/second accept
    icmp type echo-request counter drop
    ct state established,related accept
    counter drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${BRIDGE.name}" jump seat_to_elsewhere
    oifname "${BRIDGE.name}" jump elsewhere_to_seat
  }
  chain seat_to_elsewhere {
    meta nfproto ipv6 counter drop
    oifname "${BRIDGE.name}" counter drop
    ip saddr != ${SUBNET} counter drop
    ct state invalid counter drop
    ip daddr @blocked counter drop
    tcp dport @mail counter drop
    tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
  }
  chain elsewhere_to_seat {
    ct state established,related accept
    counter drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${SUBNET} oifname != "${BRIDGE.name}" masquerade
  }
}
`;

/** A seat's namespace sends nothing but its own address already; this holds where somebody breaks out into it. */
const BRIDGED = `
table bridge ${TABLE} {
  set seats {
    type ifname . ether_addr . ipv4_addr
    elements = { ${SLOTS.map(seatElement).join(',\n      ')} }
  }
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifname "${PREFIX}*" jump from_seat
  }
  chain from_seat {
    iifname . ether saddr . ip saddr @seats accept
    iifname . arp saddr ether . arp saddr ip @seats accept
    counter drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${PREFIX}*" oifname "${PREFIX}*" counter drop
  }
}
`;

/** Text for `nft -f` that removes a table also where there is none. */
function removal(family: string): string {
  return `table ${family} ${TABLE}\ndelete table ${family} ${TABLE}\n`;
}

/** The whole firewall; replaces an earlier one in one step. */
export const WORKER_RULES = `${removal('inet')}${removal('bridge')}${INET}${BRIDGED}`;

/** Removes it. */
export const NO_WORKER_RULES = `${removal('inet')}${removal('bridge')}`;
