/** What one seat may take of the worker's network, and what many of them cost; run by enter.sh. */
import { equal, ok, rejects } from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SEAT_RATE } from '../../../src/agent/network/seat-plan.ts';
import { addressOf, MAX_SLOTS } from '../../../src/agent/network/seat-network.ts';
import type { WorkerNetwork } from '../../../src/agent/network/worker-network.ts';
import { NoCapacityError } from '../../../src/protocol/errors.ts';
import { countRules } from './rig/kernel-snapshot.ts';
import { INTERNET, makeNetwork, NAMES, NetworkFixture, resolveNames } from './rig/network-fixture.ts';
import { PlayedGuest } from './rig/played-guest.ts';
import { seatConnection } from './rig/seat-connection.ts';

describe('The bounds of the network of seats', () => {
  const fixture = new NetworkFixture();

  beforeEach(() => fixture.start());
  afterEach(() => fixture.stop());

  it('lets a seat that opens connections without end hurt only itself', async () => {
    const flood = `import socket, time
for number in range(7500):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.sendto(b"x", ("1.2.3.4", 9))
    if number % 100 == 0:
        time.sleep(0.3)`;
    // Faster than new ones are let through, for so long that there are as many as may be.
    await fixture.guest.run('python3', '-c', flood);
    const counting = `nsenter --net=${fixture.link.namespace} cat /proc/sys/net/netfilter/nf_conntrack_count`;
    const count = Number(execSync(counting, { encoding: 'utf8' }));
    ok(count > 4_000 && count < 4_200, `${count} connections`);
    equal(await fixture.guest.reaches(INTERNET), false);
    equal(await (await fetch(`http://${fixture.link.ip}:3001/`)).text(), 'This is guest1.\n');
    const other = await PlayedGuest.start('guest2', seatConnection(await fixture.network.take(2, fixture.signal)));
    try {
      ok(await other.reaches(INTERNET));
    } finally {
      other.stop();
      await fixture.network.release(2);
    }
  });

  it('lets a seat that asks for names without end hurt only itself', async () => {
    const flood = `import socket
question = bytes.fromhex("000101000001000000000000" + "08696e7465726e6574" + "0474657374" + "0000010001")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    for _ in range(3000):
        asking.sendto(question, ("192.168.100.1", 53))
    asking.settimeout(0.5)
    answers = 0
    try:
        while asking.recv(512):
            answers += 1
    except TimeoutError:
        print(answers)`;
    const other = await PlayedGuest.start('guest2', seatConnection(await fixture.network.take(2, fixture.signal)));
    try {
      const [answers, resolved] = await Promise.all([fixture.guest.run('python3', '-c', flood), resolveNames(other)]);
      equal(resolved, NAMES);
      ok(Number(answers) > 10 && Number(answers) < 1_500, `${answers} answers`);
    } finally {
      other.stop();
      await fixture.network.release(2);
    }
  });

  it('bounds what a seat receives and sends', async () => {
    const bytes = 40_000_000;
    execSync(`head -c ${bytes} /dev/zero >/run/rig/zeros`);
    async function rate(which: string, ...what: string[]): Promise<number> {
      const told = await fixture.guest.run(
        'curl',
        '-s',
        '-m',
        '30',
        '-o',
        '/dev/null',
        '-w',
        `%{speed_${which}}`,
        ...what,
      );
      return (Number(told) * 8) / 1e6;
    }
    async function rates(): Promise<number[]> {
      const down = await rate('download', `${INTERNET}bytes/${bytes}`);
      return [down, await rate('upload', '-H', 'Expect:', '-T', '/run/rig/zeros', INTERNET)];
    }
    const tc = `nsenter --net=${fixture.link.namespace} tc`;
    const limited = await rates();
    const devices = ['tap0', 'veth0'];
    for (const device of devices) {
      const qdisc = execSync(`${tc} qdisc show dev ${device} root`, { encoding: 'utf8' });
      ok(
        / overlimits [1-9]/.test(execSync(`${tc} -s qdisc show dev ${device} root`, { encoding: 'utf8' })),
        'it was used',
      );
      ok(qdisc.includes('tbf') && qdisc.includes(`rate ${SEAT_RATE.mbitPerSecond}Mbit`), qdisc);
      execSync(`${tc} qdisc delete dev ${device} root`);
    }
    // The played network card is no fast one: the better of two runs, on a machine that has other things to do.
    const [first, second] = [await rates(), await rates()];
    const free = first.map((rate, index) => Math.max(rate, second[index]!));
    const told = (list: number[]) => list.map((rate) => rate.toFixed(0)).join(' and ');
    console.log(`      down and up: ${told(limited)} Mbit/s, without the bound ${told(free)}`);
    for (const rate of limited) ok(rate < SEAT_RATE.mbitPerSecond * 1.1, `${rate} Mbit/s`);
  });

  it('has as many rules for 20 seats as for one, and as many again when it is opened again', async () => {
    const withOne = countRules();
    const slots = Array.from({ length: 19 }, (_, index) => index + 2);
    for (const slot of slots) equal((await fixture.network.take(slot, fixture.signal)).ip, addressOf(slot));
    equal(countRules(), withOne);
    await fixture.network.open(fixture.signal);
    equal(countRules(), withOne);
    ok(withOne > 10);
    for (const slot of slots) await fixture.network.release(slot);
  });

  it('hands out a slot that was prepared ahead', async () => {
    const prepared = makeNetwork('ahead', 4);
    await prepared.open(fixture.signal);
    await prepared.reap(new Set());
    // They are prepared one after the other: with the next one, the first is ready.
    while (!(await prepared.isWhole(3))) await sleep(50);
    async function timed(which: WorkerNetwork, slot: number): Promise<number> {
      const start = performance.now();
      equal((await which.take(slot, fixture.signal)).slot, slot);
      const took = performance.now() - start;
      ok(await which.isWhole(slot));
      return took;
    }
    const inode = (): number => statSync('/run/netns/clarateach-ahead-2').ino;
    const before = inode();
    const ready = await timed(prepared, 2);
    equal(inode(), before, 'it is the one that was prepared');
    const made = await timed(fixture.network, 100);
    console.log(`      a prepared slot: ${ready.toFixed(1)} ms, one made at once: ${made.toFixed(1)} ms`);
    await fixture.network.release(100);
    await prepared.release(2);
    await prepared.close();
  });

  it('says that all addresses are taken', async () => {
    const names = Array.from({ length: MAX_SLOTS }, (_, index) => `clarateach-${index + 1}`).slice(1);
    names.push('spare');
    const pairs = names.flatMap((name, index) =>
      index % 2 === 0 ? [`${name} type veth peer name ${names[index + 1]!}`] : [],
    );
    execSync('ip -batch -', { input: pairs.map((pair) => `link add ${pair}\n`).join('') });
    try {
      await rejects(fixture.network.take(5, fixture.signal), NoCapacityError);
    } finally {
      execSync('ip -batch -', { input: pairs.map((pair) => `link delete dev ${pair.split(' ')[0]!}\n`).join('') });
    }
  });
});
