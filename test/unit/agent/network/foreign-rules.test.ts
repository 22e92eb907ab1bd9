import { deepEqual, equal, match } from 'node:assert/strict';
import { droppingChains, warningOf } from '../../../../src/agent/network/foreign-rules.ts';

function listing(...chains: Record<string, unknown>[]): string {
  return JSON.stringify({ nftables: [{ metainfo: { version: '1.0.6' } }, ...chains.map((chain) => ({ chain }))] });
}

function base(table: string, name: string, hook: string, policy: string, family = 'ip'): Record<string, unknown> {
  return { family, table, name, handle: 1, type: 'filter', hook, prio: 0, policy };
}

describe('Firewalls of others', () => {
  it('are those that drop by policy what seats send', () => {
    const found = droppingChains(
      listing(
        base('filter', 'FORWARD', 'forward', 'drop'),
        base('filter', 'INPUT', 'input', 'accept'),
        base('filter', 'OUTPUT', 'output', 'drop'),
        base('filter', 'FORWARD', 'forward', 'drop', 'ip6'),
        base('clarateach', 'forward', 'forward', 'drop', 'inet'),
        { family: 'ip', table: 'filter', name: 'DOCKER-USER', handle: 2 },
      ),
    );
    deepEqual(
      found.map(({ family, table, name }) => [family, table, name]),
      [['ip', 'filter', 'FORWARD']],
    );
  });

  it('are told with what to do about each', () => {
    const docker = warningOf('forward', 'table ip filter, chain FORWARD', 'chain DOCKER-USER {}');
    match(
      docker ?? '',
      /Docker .*\(table ip filter, chain FORWARD\).* do not reach the internet.*DOCKER-USER -i clarateach0/,
    );
    match(warningOf('forward', 'x', 'jump ufw-before-forward') ?? '', /ufw route allow in on clarateach0/);
    match(
      warningOf('input', 'x', 'jump ufw-before-input') ?? '',
      /resolve names.*ufw allow in on clarateach0 to any port 53/,
    );
    match(warningOf('input', 'x', '') ?? '', /another firewall.*iptables -I INPUT -i clarateach0/);
  });

  it('are left alone where somebody has thought of our bridge', () => {
    equal(warningOf('forward', 'x', 'iifname "clarateach0" accept'), undefined);
  });
});
