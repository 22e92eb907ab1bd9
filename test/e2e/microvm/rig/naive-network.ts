/**
 * The control of the attacks: what one builds first. A bridge with the TAP devices of all machines on it, masquerade to the
 * uplink, and no rules.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Connection } from './played-guest.ts';

const GATEWAY = '192.168.100.1';

function ipBatch(lines: readonly string[]): void {
  execFileSync('ip', ['-batch', '-'], { input: lines.join('\n'), stdio: ['pipe', 'ignore', 'inherit'] });
}

function nft(text: string): void {
  execFileSync('nft', ['-f', '-'], { input: text, stdio: ['pipe', 'ignore', 'inherit'] });
}

/** Makes it for guests with these numbers, and returns how each is connected. */
export function makeNaiveNetwork(guests: readonly number[]): Connection[] {
  ipBatch([
    'link add clarateach0 address 06:00:c0:a8:64:01 type bridge',
    `address add ${GATEWAY}/24 dev clarateach0`,
    'address add fd00::1/64 dev clarateach0 nodad',
    'link set clarateach0 up',
    ...guests.flatMap((guest) => [
      `tuntap add dev naive${guest} mode tap`,
      `link set naive${guest} master clarateach0`,
      `link set naive${guest} up`,
    ]),
  ]);
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  nft(`table inet naive {
    chain postrouting {
      type nat hook postrouting priority srcnat;
      oifname != "clarateach0" masquerade
    }
  }
  `);
  return guests.map((guest) => ({
    tap: `naive${guest}`,
    tapNamespace: undefined,
    mac: `06:00:c0:a8:64:${(10 + guest).toString(16).padStart(2, '0')}`,
    address: `192.168.100.${10 + guest}`,
    prefix: 24,
    gateway: GATEWAY,
  }));
}

export function removeNaiveNetwork(guests: readonly number[]): void {
  ipBatch([...guests.map((guest) => `link delete dev naive${guest}`), 'link delete dev clarateach0']);
  nft('delete table inet naive\n');
  writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '0');
}
