/**
 * What a learner who is root in a seat tries, with played guests; run by enter.sh. Each attack is made twice: on the naive
 * network, where it has to work (else this test shows nothing), and on ours, where it must not.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { BRIDGE_MAC, GATEWAY_MAC } from '../../../src/agent/network/names.ts';
import { WorkerNetwork } from '../../../src/agent/network/worker-network.ts';
import { arpLie, datagram, routerAdvertisement } from './rig/craft.ts';
import { kernelSnapshot, requireRig } from './rig/kernel-snapshot.ts';
import { makeNaiveNetwork, removeNaiveNetwork } from './rig/naive-network.ts';
import { PlayedGuest, Watch, type Connection } from './rig/played-guest.ts';
import { seatConnection } from './rig/seat-connection.ts';

const signal = new AbortController().signal;
const BRIDGE = 'clarateach0';
const WORKER = '192.168.100.1';
const STRANGE_MAC = '06:66:66:66:66:66';
const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff';

/** Two seats of one network, the first of which attacks. */
interface Scene {
  readonly attacker: PlayedGuest;
  readonly victim: PlayedGuest;
  /** The attacker's own MAC and address, and the MAC of its gateway. */
  readonly own: Connection;
  readonly gatewayMac: string;
  readonly victimAddress: string;
}

/** A frame that has not come by then does not come. */
const SEEN_MS = 2_000;
const LOOK_MS = 50;

/** True where the attack works. */
type Attack = (scene: Scene) => Promise<boolean>;

function reaches(url: string): Attack {
  return ({ attacker }) => attacker.reaches(url);
}

/** Whether a frame with these beginnings of its line comes in by the link, once the attacker has sent its own. */
async function seen(
  namespace: string | undefined,
  link: string,
  scene: Scene,
  frame: string,
  line: RegExp,
): Promise<boolean> {
  const watch = await Watch.start(namespace, link);
  // Several times: a bridge learns, and a queue may be full.
  await scene.attacker.send(frame, frame, frame);
  for (let waited = 0; waited < SEEN_MS && !watch.hasSeen(line); waited += LOOK_MS) await sleep(LOOK_MS);
  return watch.stop().some((its) => line.test(its));
}

/** Places that are not for seats. */
const PLACES: Readonly<Record<string, Attack>> = {
  "the cloud's metadata server": reaches('http://169.254.169.254/'),
  "the agent's port at the bridge": reaches(`http://${WORKER}:9090/`),
  "the agent's port at the uplink": reaches('http://10.128.0.2:9090/'),
  "the worker's neighbour": reaches('http://10.128.0.1/'),
  'a host in 10.0.0.0/8': reaches('http://10.200.0.5/'),
  'a host in 172.16.0.0/12': reaches('http://172.20.0.5/'),
  "a host behind the carrier's NAT": reaches('http://100.64.0.5/'),
  'another seat': (scene) => scene.attacker.reaches(`http://${scene.victimAddress}:3001/`),
  'a mail server': async ({ attacker }) =>
    (await attacker.run('bash', '-c', 'busybox nc -w 2 1.2.3.4 25 </dev/null || true')).includes('220 mail'),
  'the internet by IPv6': async ({ attacker }) => {
    await attacker.run('ip', '-6', 'address', 'add', 'fd00::11/64', 'dev', 'eth0', 'nodad');
    await attacker.run('ip', '-6', 'route', 'add', 'default', 'via', 'fd00::1');
    return attacker.reaches('http://[2001:db8:1::1]/');
  },
};

/** Frames that are not honest, each with the attacker's whole attention. */
const FORGERIES: Readonly<Record<string, Attack>> = {
  'frames with another MAC on the bridge': (scene) => {
    const { own, gatewayMac } = scene;
    const frame = datagram({ fromMac: STRANGE_MAC, toMac: gatewayMac, fromIp: own.address, toIp: WORKER });
    return seen(undefined, BRIDGE, scene, frame, new RegExp(`^${STRANGE_MAC}`));
  },
  "packets with another seat's address": (scene) => {
    const { own, gatewayMac, victimAddress } = scene;
    const frame = datagram({ fromMac: own.mac, toMac: gatewayMac, fromIp: victimAddress, toIp: WORKER });
    return seen(undefined, BRIDGE, scene, frame, new RegExp(`0800 ${victimAddress}$`));
  },
  'packets with an address of the internet': (scene) => {
    const { own, gatewayMac } = scene;
    const frame = datagram({ fromMac: own.mac, toMac: gatewayMac, fromIp: '5.6.7.8', toIp: '1.2.3.4' });
    return seen('/run/netns/internet', 'wire', scene, frame, /0800 (5\.6\.7\.8|10\.128\.0\.2)$/);
  },
  "ARP with the gateway's address to other seats": (scene) =>
    seen(scene.victim.namespace, 'eth0', scene, arpLie(scene.own.mac, WORKER), /0806 192\.168\.100\.1$/),
  "ARP with another seat's address to the worker": (scene) =>
    seen(
      undefined,
      BRIDGE,
      scene,
      arpLie(scene.own.mac, scene.victimAddress),
      new RegExp(`0806 ${scene.victimAddress}$`),
    ),
  'router advertisements by IPv6 to other seats': (scene) =>
    seen(scene.victim.namespace, 'eth0', scene, routerAdvertisement(scene.own.mac), /86dd/),
  'router advertisements by IPv6 to the worker': (scene) =>
    seen(undefined, BRIDGE, scene, routerAdvertisement(scene.own.mac), /86dd/),
  'datagrams to all of the bridge': (scene) => {
    const { own, victimAddress } = scene;
    const frame = datagram({ fromMac: own.mac, toMac: BROADCAST_MAC, fromIp: own.address, toIp: victimAddress });
    return seen(scene.victim.namespace, 'eth0', scene, frame, new RegExp(`0800 ${own.address}$`));
  },
};

/** What each attack has come to, and whether the attacker still reached the internet before and after. */
async function attackAll(scene: Scene): Promise<Record<string, boolean>> {
  const results: Record<string, boolean> = {};
  ok(await scene.attacker.reaches('http://1.2.3.4/'), 'the attacker has a network');
  const visits = Object.entries(PLACES).map(async ([name, attack]) => (results[name] = await attack(scene)));
  await Promise.all(visits);
  for (const [name, attack] of Object.entries(FORGERIES)) results[name] = await attack(scene);
  ok(await scene.attacker.reaches('http://1.2.3.4/'), 'the attacker still has a network');
  return results;
}

function everyAttack(works: boolean): Record<string, boolean> {
  return Object.fromEntries(Object.keys({ ...PLACES, ...FORGERIES }).map((name) => [name, works]));
}

/** What the rules of a table dropped, by nft's own counters. */
function dropped(namespace: string | undefined, family: string): number {
  const command = ['nft', '-j', 'list', 'table', family, 'clarateach'];
  const [program = '', ...words] = namespace === undefined ? command : ['nsenter', `--net=${namespace}`, ...command];
  const counters = execFileSync(program, words, { encoding: 'utf8' }).matchAll(/"packets": (\d+)/g);
  return [...counters].reduce((sum, [, packets]) => sum + Number(packets), 0);
}

describe('Attacks from a seat', () => {
  let before: string;
  let agentPort: Server;

  beforeEach(async () => {
    requireRig();
    before = kernelSnapshot();
    agentPort = createServer((_, response) => response.end('the agent')).listen(9090);
    await once(agentPort, 'listening');
  });

  afterEach(async () => {
    agentPort.close();
    agentPort.closeAllConnections();
    await once(agentPort, 'close');
    equal(kernelSnapshot(), before);
  });

  it('all work on a naive network', async () => {
    const [own, other] = makeNaiveNetwork([1, 2]);
    const attacker = await PlayedGuest.start('attacker', own!);
    const victim = await PlayedGuest.start('victim', other!);
    try {
      const scene = { attacker, victim, own: own!, gatewayMac: BRIDGE_MAC, victimAddress: other!.address };
      deepEqual(await attackAll(scene), everyAttack(true));
    } finally {
      attacker.stop();
      victim.stop();
      removeNaiveNetwork([1, 2]);
    }
  });

  it('all fail on ours', async () => {
    const network = new WorkerNetwork({ owner: 'test', log: pino({ level: 'silent' }), ahead: 0 });
    await network.open(signal);
    await network.reap(new Set());
    const own = await network.take(1, signal);
    const other = await network.take(2, signal);
    const attacker = await PlayedGuest.start('attacker', seatConnection(own));
    const victim = await PlayedGuest.start('victim', seatConnection(other));
    try {
      equal(await (await fetch(`http://${other.ip}:3001/`)).text(), 'This is victim.\n');
      const scene = { attacker, victim, own: seatConnection(own), gatewayMac: GATEWAY_MAC, victimAddress: other.ip };
      deepEqual(await attackAll(scene), everyAttack(false));
      // It was our rules that stopped them: at the TAP device what was forged, on the worker what was addressed wrongly.
      ok(dropped(own.namespace, 'netdev') >= 3 * 7, 'forged frames');
      ok(dropped(undefined, 'inet') >= 8, 'forbidden places');
      equal(dropped(undefined, 'bridge'), 0);
    } finally {
      attacker.stop();
      victim.stop();
      await network.release(1);
      await network.release(2);
      await network.close();
    }
  });

  it("fail also when the machine's program itself is taken over", async () => {
    const network = new WorkerNetwork({ owner: 'test', log: pino({ level: 'silent' }), ahead: 0 });
    await network.open(signal);
    await network.reap(new Set());
    await network.take(1, signal);
    const other = await network.take(2, signal);
    const victim = await PlayedGuest.start('victim', seatConnection(other));
    try {
      const inside = (...command: string[]) =>
        new PlayedGuest('clarateach-test-1').succeeds(
          'setpriv',
          '--reuid',
          '65534',
          '--clear-groups',
          '--inh-caps=-all',
          ...command,
        );
      equal(await inside('true'), true);
      for (const url of [
        'http://1.2.3.4/',
        `http://${other.ip}:3001/`,
        `http://${WORKER}:9090/`,
        'http://169.254.169.254/',
      ]) {
        equal(await inside('curl', '-s', '-m', '2', url), false, url);
      }
      equal(await inside('ip', 'address', 'add', '192.168.100.99/24', 'dev', 'veth0'), false);
    } finally {
      victim.stop();
      await network.release(1);
      await network.release(2);
      await network.close();
    }
  });

  it('fail by the second line where the first has been removed', async () => {
    const network = new WorkerNetwork({ owner: 'test', log: pino({ level: 'silent' }), ahead: 0 });
    await network.open(signal);
    await network.reap(new Set());
    await network.take(1, signal);
    const other = await network.take(2, signal);
    const victim = await PlayedGuest.start('victim', seatConnection(other));
    const insider = new PlayedGuest('clarateach-test-1');
    const inside = (...command: string[]) => insider.run(...command);
    try {
      // Root within the seat's namespace: no rules there any more, and neighbours are looked for.
      await inside('nft', 'flush', 'ruleset');
      await inside('ip', 'route', 'replace', '192.168.100.0/24', 'dev', 'veth0');
      equal(await insider.reaches(`http://${other.ip}:3001/`), false);
      equal(await insider.reaches(`http://${WORKER}:9090/`), false);
      equal(await insider.reaches('http://169.254.169.254/'), false);
      ok(await insider.reaches('http://1.2.3.4/'));
      // Ports that are isolated no more.
      for (const slot of [1, 2]) {
        execFileSync('ip', ['link', 'set', `clarateach-${slot}`, 'type', 'bridge_slave', 'isolated', 'off']);
      }
      equal(await insider.reaches(`http://${other.ip}:3001/`), false);
      await inside('ip', 'address', 'add', '192.168.100.99/32', 'dev', 'veth0');
      equal(await insider.succeeds('curl', '-s', '-m', '2', '--interface', '192.168.100.99', 'http://1.2.3.4/'), false);
      ok(dropped(undefined, 'bridge') > 0);
    } finally {
      victim.stop();
      await network.release(1);
      await network.release(2);
      await network.close();
    }
  });
});
