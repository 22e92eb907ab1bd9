/** Frames that no honest machine sends, in hexadecimal for frames.py. */
import { isIPv4 } from 'node:net';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const TYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
const UDP = 17;
const ICMPV6 = 58;
const ARP_REPLY = 2;

export interface Endpoints {
  readonly fromMac: string;
  readonly toMac: string;
  readonly fromIp: string;
  readonly toIp: string;
}

function mac(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

function ip(text: string): Buffer {
  if (!isIPv4(text)) throw new Error(`${text} is no IPv4 address`);
  return Buffer.from(text.split('.').map(Number));
}

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => bytes.writeUInt16BE(value, index * 2));
  return bytes;
}

/** The sum that IP checks its header by. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function frame(toMac: string, fromMac: string, type: number, ...parts: Buffer[]): string {
  return Buffer.concat([mac(toMac), mac(fromMac), numbers(type), ...parts]).toString('hex');
}

/** A datagram to port 5353 with four bytes in it. */
export function datagram({ fromMac, toMac, fromIp, toIp }: Endpoints): string {
  const body = Buffer.concat([numbers(5353, 5353, 12, 0), Buffer.from('hack')]);
  const header = Buffer.concat([numbers(0x4500, 20 + body.length, 1, 0, (64 << 8) | UDP, 0), ip(fromIp), ip(toIp)]);
  header.writeUInt16BE(checksum(header), 10);
  return frame(toMac, fromMac, TYPE.ipv4, header, body);
}

/** An answer that nobody asked for, to everybody: `ip` is at `at`. */
export function arpLie(at: string, address: string): string {
  const body = Buffer.concat([
    numbers(1, TYPE.ipv4, 0x0604, ARP_REPLY),
    mac(at),
    ip(address),
    mac(BROADCAST),
    ip(address),
  ]);
  return frame(BROADCAST, at, TYPE.arp, body);
}

/** "I am the router", to all hosts of the link by IPv6; its checksum does not matter here. */
export function routerAdvertisement(fromMac: string): string {
  const from = Buffer.from('fe800000000000000000000000000001', 'hex');
  const to = Buffer.from('ff020000000000000000000000000001', 'hex');
  const body = Buffer.concat([numbers(134 << 8, 0, 0x4000, 1800), Buffer.alloc(8)]);
  const header = Buffer.concat([numbers(0x6000, 0, body.length, (ICMPV6 << 8) | 255), from, to]);
  return frame('33:33:00:00:00:01', fromMac, TYPE.ipv6, header, body);
}
