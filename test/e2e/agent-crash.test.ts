/** What an agent that is killed leaves, and what the next one makes of it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kill } from '../support/processes.ts';
import {
  call,
  countCommand,
  createSeat,
  createWorker,
  endAgent,
  FAKE_WORKSPACE,
  filesOf,
  openTerminal,
  ownNap,
  processesOf,
  removeWorker,
  startAgent,
  until,
  type TestAgent,
  type Worker,
} from './agent-harness.ts';

const NAP = ownNap(1);

describe('an agent after one that was killed', () => {
  let worker: Worker;
  let agent: TestAgent;

  beforeEach(() => {
    worker = createWorker();
  });

  afterEach(async () => {
    await endAgent(agent, 'SIGKILL');
    removeWorker(worker);
  });

  const FAKE = { args: ['--workspace-program', FAKE_WORKSPACE] };

  async function killAndStartAgain(options: { args?: string[] } = {}): Promise<void> {
    await endAgent(agent, 'SIGKILL');
    agent = await startAgent(worker, options);
  }

  it('takes over its seats on the same port, and their shells go on', async () => {
    agent = await startAgent(worker);
    const { url } = agent;
    await createSeat(agent, 'ws-a', 1);
    await createSeat(agent, 'ws-b', 7);
    const before = (await call(agent, 'GET', '/vms')).body.vms;
    const terminal = await openTerminal(agent, 'ws-a', 1, { protocols: ['carapace.tty.v1'] });
    terminal.type('variable=still-here\r');
    await terminal.shows('still-here');
    const session = /"session":"([^"]+)"/.exec(terminal.shown())?.[1] ?? assert.fail(terminal.shown());
    await killAndStartAgain();
    assert.equal(agent.url, url);
    assert.deepEqual((await call(agent, 'GET', '/vms')).body.vms, before);
    const again = await openTerminal(agent, 'ws-a', 1, {
      protocols: ['carapace.tty.v1'],
      query: `?session=${session}`,
    });
    again.type('echo "[$variable]"\r');
    await again.shows('[still-here]');
    await again.close();
    await call(agent, 'DELETE', '/vms/ws-a/1');
    await call(agent, 'DELETE', '/vms/ws-b/7');
    assert.deepEqual(filesOf(worker), []);
    assert.equal(processesOf(worker).length, 1, 'only the agent runs');
  });

  it('reaps a seat that was not made yet', async () => {
    agent = await startAgent(worker, FAKE);
    const lost = call(agent, 'POST', '/vms', { workshop_id: 'ws-mute', seat_id: 1 });
    await until('the server was started', () => {
      const state = join(worker.state, 'seats/ws-mute/1/state.json');
      return (existsSync(state) && readFileSync(state, 'utf8').includes('"pid"')) || undefined;
    });
    await Promise.all([endAgent(agent, 'SIGKILL'), assert.rejects(lost)]);
    assert.equal(processesOf(worker).length, 1, 'the seat has outlived the agent');
    agent = await startAgent(worker, FAKE);
    assert.equal(processesOf(worker).length, 1, 'only the agent runs');
    assert.deepEqual(filesOf(worker), []);
    assert.deepEqual((await call(agent, 'GET', '/vms')).body.vms, []);
  });

  it('finds a seat whole or not at all, at whatever moment its making, reset or deletion was cut off', async () => {
    agent = await startAgent(worker, FAKE);
    const delays = [0, 5, 15, 30, 60, 120, 200];
    for (const [index, delay] of delays.entries()) {
      const workshop = `ws-${index}`;
      await createSeat(agent, workshop, 2);
      await createSeat(agent, workshop, 3);
      const cut = [
        call(agent, 'POST', '/vms', { workshop_id: workshop, seat_id: 1 }),
        call(agent, 'POST', `/vms/${workshop}/2/reset`),
        call(agent, 'DELETE', `/vms/${workshop}/3`),
      ];
      const settled = Promise.allSettled(cut);
      await sleep(delay);
      await killAndStartAgain(FAKE);
      await settled;
      const { vms } = (await call(agent, 'GET', `/vms?workshop_id=${workshop}`)).body;
      const told = vms.map((vm) => `${vm.seat_id} ${vm.status}`);
      assert.ok(told.includes('2 ready'), `after ${delay} ms: ${told.join()}`);
      for (const { seat_id, status } of vms) assert.equal(status, 'ready', `seat ${seat_id} after ${delay} ms`);
      const onDisk = filesOf(worker).filter((name) => new RegExp(`^state/seats/${workshop}/\\d$`).test(name));
      assert.deepEqual(
        onDisk,
        vms.map((vm) => `state/seats/${workshop}/${vm.seat_id}`),
      );
      const sockets = filesOf(worker).filter((name) => new RegExp(`^run/${workshop}-\\d$`).test(name));
      assert.deepEqual(
        sockets,
        vms.map((vm) => `run/${workshop}-${vm.seat_id}`),
      );
      const servers = processesOf(worker).filter((line) => line.includes(`/${workshop}/`));
      assert.equal(servers.length, vms.length);
      for (const vm of vms) await call(agent, 'DELETE', `/vms/${workshop}/${vm.seat_id}`);
    }
    assert.deepEqual(filesOf(worker), []);
    assert.equal(processesOf(worker).length, 1, 'only the agent runs');
  });

  it('keeps the files of a seat that has died meanwhile, for when it is made again', async () => {
    agent = await startAgent(worker);
    await createSeat(agent, 'ws-a', 1);
    const home = join(worker.state, 'seats/ws-a/1/home');
    writeFileSync(join(home, 'mine'), 'kept');
    await endAgent(agent, 'SIGKILL');
    for (const line of processesOf(worker)) kill(parseInt(line, 10));
    agent = await startAgent(worker);
    assert.deepEqual((await call(agent, 'GET', '/vms')).body.vms, []);
    assert.equal(existsSync(join(worker.sockets, 'ws-a-1')), false);
    await createSeat(agent, 'ws-a', 1);
    assert.equal(readFileSync(join(home, 'mine'), 'utf8'), 'kept');
  });

  it('ends processes of a seat whose folder somebody has removed, and a probe that was cut off', async () => {
    agent = await startAgent(worker);
    await createSeat(agent, 'ws-a', 1);
    const terminal = await openTerminal(agent, 'ws-a', 1);
    terminal.type(`setsid nohup sleep ${NAP} >/dev/null 2>&1 &\r`);
    await until('it sleeps', () => countCommand('sleep', NAP) === 1 || undefined);
    await endAgent(agent, 'SIGKILL');
    rmSync(join(worker.state, 'seats'), { recursive: true });
    mkdirSync(join(worker.state, 'probe/home'), { recursive: true });
    agent = await startAgent(worker);
    assert.equal(countCommand('sleep', NAP), 0);
    assert.equal(processesOf(worker).length, 1, 'only the agent runs');
    assert.equal(existsSync(join(worker.state, 'probe')), false);
  });
});
