/** Agents that end in the middle of what they do to the network; run by enter.sh. */
import { equal, ok } from 'node:assert/strict';
import { execSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { WorkerNetwork } from '../../../src/agent/network/worker-network.ts';
import { kernelSnapshot, requireRig } from './rig/kernel-snapshot.ts';
import { KillingPrograms, type KillMode } from './rig/killing-programs.ts';
import { PlayedGuest } from './rig/played-guest.ts';
import { seatConnection } from './rig/seat-connection.ts';

const signal = new AbortController().signal;
const LIFE = fileURLToPath(new URL('rig/network-life.ts', import.meta.url));
const NEVER = 1_000_000;

/** The whole matrix takes long; a part of it shows each step in one of the two ways. */
const isFull = process.env['CARAPACE_TEST_FULL'] === '1';

function makeNetwork(): WorkerNetwork {
  return new WorkerNetwork({ owner: 'test', log: pino({ level: 'silent' }), ahead: 0 });
}

/** Runs a whole life with the programs; false where it was killed. */
function live(programs: KillingPrograms): boolean {
  const environment = { ...process.env, PATH: `${programs.folder}:${process.env['PATH'] ?? ''}` };
  const {
    status,
    signal: killedBy,
    stderr,
  } = spawnSync(process.execPath, [LIFE], { env: environment, encoding: 'utf8' });
  ok(status === 0 || killedBy === 'SIGKILL', stderr);
  return status === 0;
}

describe('The network of seats after a crash', () => {
  let before: string;

  beforeEach(() => {
    requireRig();
    before = kernelSnapshot();
  });

  afterEach(() => equal(kernelSnapshot(), before));

  it('is mended by the next agent, wherever the last one was killed', async () => {
    const all = new KillingPrograms(NEVER, 'after');
    equal(live(all), true);
    equal(kernelSnapshot(), before);
    const steps = all.count;
    ok(steps > 25, `${steps} steps`);
    const leftovers = new Set<string>();
    for (let step = 1; step <= steps; step += 1) {
      const modes: KillMode[] = isFull ? ['half', 'after'] : [step % 2 === 0 ? 'half' : 'after'];
      for (const mode of modes) {
        equal(live(new KillingPrograms(step, mode)), false, `step ${step} ${mode}`);
        leftovers.add(kernelSnapshot());
        const network = makeNetwork();
        await network.open(signal);
        await network.reap(new Set());
        equal((await network.take(1, signal)).slot, 1);
        ok(await network.isWhole(1), `step ${step} ${mode}`);
        await network.release(1);
        await network.close();
        equal(kernelSnapshot(), before, `step ${step} ${mode}`);
      }
    }
    console.log(`      ${steps} steps, ${leftovers.size} different things left behind by crashes`);
    ok(leftovers.size > 8, 'the crashes left something to mend');
  });

  it('is the same for a machine that runs, with its connections', async () => {
    const agent = spawn(process.execPath, [LIFE, 'hold'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(agent.stdout, 'data');
    const network = makeNetwork();
    const seat = { slot: 1, tap: 'tap0', ip: '192.168.100.11', mac: '', namespace: '/run/netns/clarateach-test-1' };
    let guest: PlayedGuest | undefined;
    let socket: Socket | undefined;
    try {
      guest = await PlayedGuest.start('guest1', seatConnection(seat));
      socket = connect({ host: seat.ip, port: 7 });
      await once(socket, 'connect');
      agent.kill('SIGKILL');
      await once(agent, 'exit');
      // Leftovers beside it: a slot, one whose namespace is only a file, and a link of nobody.
      execSync('ip netns add clarateach-test-9 && touch /run/netns/clarateach-test-10');
      execSync('ip link add clarateach-11 type veth peer name clarateach-12');
      await network.open(signal);
      equal((await network.adopt(1, signal)).namespace, seat.namespace);
      await network.reap(new Set([1]));
      ok(await network.isWhole(1));
      socket.write('still here');
      const [echoed] = (await once(socket, 'data')) as [Buffer];
      equal(echoed.toString(), 'still here');
      equal(await network.isWhole(9), false);
    } finally {
      agent.kill('SIGKILL');
      socket?.destroy();
      guest?.stop();
      await network.release(1);
      await network.close();
    }
  });

  it('removes a slot that a process is still in', async () => {
    const network = makeNetwork();
    await network.open(signal);
    await network.reap(new Set());
    const link = await network.take(1, signal);
    const lingering = spawn('nsenter', [`--net=${link.namespace}`, 'sleep', '600'], { stdio: 'ignore' });
    await once(lingering, 'spawn');
    await network.release(1);
    await network.close();
    equal(kernelSnapshot(), before);
    lingering.kill('SIGKILL');
    await once(lingering, 'exit');
  });

  it('leaves nothing of a slot whose making was given up', async () => {
    const network = makeNetwork();
    await network.open(signal);
    await network.reap(new Set());
    for (const after of [1, 20, 40, 60]) {
      const taken = await network.take(1, AbortSignal.timeout(after)).catch(() => undefined);
      if (taken !== undefined) await network.release(1);
    }
    await network.close();
  });
});
