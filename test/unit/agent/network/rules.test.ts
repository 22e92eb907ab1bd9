import { deepEqual, equal, ok } from 'node:assert/strict';
import { BlockList } from 'node:net';
import * as names from '../../../../src/agent/network/names.ts';
import {
  addressing,
  attachment,
  namespaceCreation,
  seatRules,
  vethCreation,
} from '../../../../src/agent/network/seat-plan.ts';
import { addressOf, MAX_SLOTS } from '../../../../src/agent/network/seat-network.ts';
import { BLOCKED, NO_WORKER_RULES, WORKER_RULES } from '../../../../src/agent/network/worker-rules.ts';

/** The longest name of an interface, from linux/if.h. */
const MAX_LINK_NAME = 15;

describe("The names of a slot's parts", () => {
  it('are read as they are made, for every slot', () => {
    for (const slot of names.SLOTS) {
      ok(names.hostLink(slot).length <= MAX_LINK_NAME);
      equal(names.readHostLink(names.hostLink(slot)), slot);
      deepEqual(names.readNamespaceName(names.namespaceName('a1b2', slot)), { owner: 'a1b2', slot });
    }
    equal(names.SLOTS.length, MAX_SLOTS);
    equal(names.linkOf('a1b2', 7).namespace, '/run/netns/clarateach-a1b2-7');
  });

  it("are not found in names of others' making", () => {
    for (const name of [
      'clarateach0',
      'clarateach-0',
      'clarateach-01',
      'clarateach-241',
      'clarateach-1x',
      'eth0',
      '',
    ]) {
      equal(names.readHostLink(name), undefined, name);
    }
    for (const name of [
      'clarateach-7',
      'clarateach-a-0',
      'clarateach-a-241',
      'clarateach-A-7',
      'x-clarateach-a-7',
      'clarateach--7',
    ]) {
      equal(names.readNamespaceName(name), undefined, name);
    }
    equal(names.isOwner('../../etc'), false);
    equal(names.isOwner(''), false);
  });

  it('have a MAC for each address', () => {
    equal(names.seatMac(1), '06:00:c0:a8:64:0b');
    equal(new Set(names.SLOTS.map(names.seatMac)).size, MAX_SLOTS);
    ok(names.SLOTS.every((slot) => /^(06)(:[0-9a-f]{2}){5}$/.test(names.seatMac(slot))));
    ok(!names.SLOTS.map(names.seatMac).includes(names.BRIDGE_MAC));
  });
});

describe("The worker's rules", () => {
  it('are one text that replaces both tables', () => {
    ok(WORKER_RULES.startsWith(NO_WORKER_RULES));
    for (const family of ['inet', 'bridge']) {
      ok(NO_WORKER_RULES.includes(`table ${family} clarateach\ndelete table ${family} clarateach\n`));
      equal(WORKER_RULES.split(`\ntable ${family} clarateach {\n`).length, 2);
    }
  });

  it('name no interface but ours', () => {
    const links = [...WORKER_RULES.matchAll(/[io]ifname (?:!= )?"([^"]+)"/g)].map(([, name]) => name);
    ok(links.length > 5);
    deepEqual(new Set(links), new Set(['clarateach0', 'clarateach-*', 'lo']));
  });

  it('have each slot in one set', () => {
    equal(WORKER_RULES.split('"clarateach-240" . 06:00:c0:a8:64:fa . 192.168.100.250').length, 2);
    equal([...WORKER_RULES.matchAll(/"clarateach-\d+"/g)].length, MAX_SLOTS);
  });

  it('block what is not the internet, and not the internet', () => {
    const blocked = new BlockList();
    for (const range of BLOCKED) {
      const [address = '', prefix] = range.split('/');
      blocked.addSubnet(address, Number(prefix));
    }
    const notInternet = [
      ...[
        '169.254.169.254',
        '168.63.129.16',
        '100.100.100.200',
        '10.0.0.1',
        '172.16.0.2',
        '172.31.255.254',
        '192.168.100.12',
      ],
      ...['127.0.0.1', '0.0.0.0', '100.64.0.1', '224.0.0.251', '240.0.0.1', '255.255.255.255', '198.19.0.1'],
    ];
    for (const address of notInternet) ok(blocked.check(address), address);
    for (const address of [
      '8.8.8.8',
      '172.32.0.1',
      '100.128.0.1',
      '192.167.0.1',
      '151.101.2.132',
      '223.255.255.1',
      '168.63.129.17',
    ]) {
      ok(!blocked.check(address), address);
    }
  });
});

describe("A slot's plan", () => {
  it("translates the machine's address to the slot's, and drops what it does not know", () => {
    const rules = seatRules(7);
    ok(rules.includes('ip daddr 192.168.100.17 dnat ip to 172.16.0.2'));
    ok(rules.includes('ip saddr 172.16.0.2 snat ip to 192.168.100.17'));
    equal([...rules.matchAll(/hook (ingress|input|forward|output)[^;]*; policy drop;/g)].length, 4);
  });

  it('differs between slots by name, address and MAC only', () => {
    const whole = (slot: number) =>
      [
        ...namespaceCreation('x', slot),
        ...vethCreation('x', slot),
        ...addressing(slot),
        ...attachment(slot),
        seatRules(slot),
      ].join('\n');
    const neutral = (slot: number) =>
      whole(slot)
        .replaceAll(names.seatMac(slot), 'MAC')
        .replaceAll(names.namespaceName('x', slot), 'NAMESPACE')
        .replaceAll(names.hostLink(slot), 'LINK')
        .replaceAll(addressOf(slot), 'ADDRESS');
    equal(neutral(1), neutral(240));
  });
});
