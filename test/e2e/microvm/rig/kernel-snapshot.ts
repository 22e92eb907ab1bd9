/** All that a network can leave behind in the kernel, as text to be compared. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

function output(program: string, ...words: string[]): string {
  return execFileSync(program, words, { encoding: 'utf8' });
}

/** @throws Error outside enter.sh: tests of networks touch nobody's machine */
export function requireRig(): void {
  if (!existsSync('/run/rig/ready')) throw new Error('Run this test by test/e2e/microvm/enter.sh.');
}

/** Links, addresses, routes, namespaces, rules, and who listens to datagrams. */
export function kernelSnapshot(): string {
  const links = output('ip', '-brief', 'link').replaceAll(/^(\S+).*$/gm, '$1');
  const sockets = readFileSync('/proc/self/net/udp', 'utf8').replaceAll(/^\s*\d+: (\S+).*$/gm, '$1');
  return [
    links,
    output('ip', '-4', '-oneline', 'address'),
    output('ip', '-4', 'route'),
    readdirSync('/run/netns').join('\n'),
    output('nft', 'list', 'ruleset'),
    sockets,
  ].join('\n---\n');
}

/** The rules in this namespace, without what is in sets. */
export function countRules(): number {
  const { nftables } = JSON.parse(output('nft', '-j', 'list', 'ruleset')) as { nftables: Record<string, unknown>[] };
  return nftables.filter((item) => 'rule' in item).length;
}
