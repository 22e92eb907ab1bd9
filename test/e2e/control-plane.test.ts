import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { readIfThere } from '../support/files.ts';
import { kill, processesNaming } from '../support/processes.ts';
import { call, end, ended, succeeded, TestState, until, type TestControlPlane } from './control-plane-harness.ts';

describe('the control plane', function () {
  this.timeout(120_000);
  let state: TestState;
  let controlPlane: TestControlPlane;
  beforeEach(async () => {
    state = new TestState();
    controlPlane = await state.serve();
  });
  afterEach(() => state.dispose());

  it('makes a workshop with real seats, stops, starts, resets and deletes it, and leaves nothing', async () => {
    const { client } = controlPlane;
    const { workshop, operation } = await client.createWorkshop({ name: 'Intro', seats: 2 });
    assert.equal(workshop.status, 'provisioning');
    const created = await ended(client, operation);
    assert.equal(created.status, 'succeeded');
    const phases = created.events.flatMap(({ phase }) => phase ?? []);
    assert.deepEqual([...new Set(phases)], ['worker', 'seats']);
    const running = await client.getWorkshop(workshop.id);
    assert.deepEqual([running.status, running.runtime, running.workers[0]?.status], ['running', 'process', 'healthy']);
    assert.deepEqual(
      (await client.listSeats(workshop.id)).map(({ seat, status }) => [seat, status]),
      [
        [1, 'ready'],
        [2, 'ready'],
      ],
    );
    const { agents, seats } = state.processes();
    assert.deepEqual({ agents, seats }, { agents: 1, seats: 2 });

    const kept = join(state.home, 'worker/seats', workshop.id, '1/home/kept.txt');
    writeFileSync(kept, 'by the learner');
    await succeeded(client, await client.stopWorkshop(workshop.id));
    assert.deepEqual(state.processes().all, [], 'a stopped workshop has no process');
    assert.equal((await client.getWorkshop(workshop.id)).endpoint, null);
    await succeeded(client, await client.startWorkshop(workshop.id));
    assert.equal(readFileSync(kept, 'utf8'), 'by the learner');
    await succeeded(client, await client.resetSeat(workshop.id, 1));
    assert.equal(existsSync(kept), false, 'a reset seat is as new');
    await succeeded(client, await client.deleteWorkshop(workshop.id));
    assert.deepEqual(await client.listWorkshops(), []);
    state.assertNothingIsLeft();
  });

  it('deletes one of two workshops and leaves the other as it is', async () => {
    const { client } = controlPlane;
    const [one, two] = await Promise.all([client.createWorkshop({ seats: 1 }), client.createWorkshop({ seats: 1 })]);
    await Promise.all([succeeded(client, one.operation), succeeded(client, two.operation)]);
    assert.equal(state.processes().agents, 1, 'they share the agent');
    await succeeded(client, await client.deleteWorkshop(one.workshop.id));
    assert.ok(!state.leftFiles().some((name) => name.includes(one.workshop.id)));
    const { agents, seats } = state.processes();
    assert.deepEqual({ agents, seats }, { agents: 1, seats: 1 });
    assert.equal((await client.listSeats(two.workshop.id))[0]?.status, 'ready');
    // The last one goes while another comes: the agent ends, or stays for the newcomer.
    const [deletion, three] = await Promise.all([
      client.deleteWorkshop(two.workshop.id),
      client.createWorkshop({ seats: 1 }),
    ]);
    await Promise.all([succeeded(client, deletion), succeeded(client, three.operation)]);
    assert.deepEqual([state.processes().agents, state.processes().seats], [1, 1]);
    await succeeded(client, await client.deleteWorkshop(three.workshop.id));
    state.assertNothingIsLeft();
  });

  it('deletes a stopped workshop with its files, and one that was never started', async () => {
    const { client } = controlPlane;
    const { workshop, operation } = await client.createWorkshop({ seats: 1 });
    await succeeded(client, operation);
    await succeeded(client, await client.stopWorkshop(workshop.id));
    const never = await client.createWorkshop({ seats: 3, start: false });
    assert.equal(never.operation, null);
    assert.equal(never.workshop.status, 'created');
    await succeeded(client, await client.deleteWorkshop(never.workshop.id));
    assert.equal(state.processes().agents, 0, 'nothing had to be started for that');
    await succeeded(client, await client.deleteWorkshop(workshop.id));
    state.assertNothingIsLeft();
  });

  it('takes everything back when a creation is cancelled or deleted under way', async () => {
    const { client } = controlPlane;
    // So many that it cannot be done before it is cancelled.
    const first = await client.createWorkshop({ seats: 24 });
    const cancelled = await client.cancelOperation(first.operation!.id);
    assert.equal(cancelled.status, 'running');
    const { status, events } = await ended(client, first.operation);
    assert.equal(status, 'cancelled');
    assert.match(events.at(-1)?.message ?? '', /Cancelled\. The workshop .* is gone, and nothing of it is left\./);
    assert.deepEqual(await client.listWorkshops(), []);
    state.assertNothingIsLeft();

    const second = await client.createWorkshop({ seats: 24 });
    await until('a seat is ready', async () =>
      (await client.listSeats(second.workshop.id)).some((seat) => seat.status === 'ready') ? true : undefined,
    );
    const deletion = await client.deleteWorkshop(second.workshop.id);
    assert.equal((await client.deleteWorkshop(second.workshop.id)).id, deletion.id, 'the same again is the same');
    await succeeded(client, deletion);
    assert.equal((await ended(client, second.operation)).status, 'cancelled');
    state.assertNothingIsLeft();
  });

  it('lets learners join, each with a seat of their own, and into nothing else', async () => {
    const { client } = controlPlane;
    const { workshop, operation } = await client.createWorkshop({ seats: 2 });
    await succeeded(client, operation);
    const joined = await client.join({ code: workshop.code, name: 'Ada' });
    assert.equal(joined.seat, 1);
    const inside = await fetch(`${joined.endpoint}/proxy/${workshop.id}/1/files/`, {
      headers: { authorization: `Bearer ${joined.token}` },
    });
    assert.equal(inside.status, 200);
    const elsewhere = await fetch(`${joined.endpoint}/proxy/${workshop.id}/2/files/`, {
      headers: { authorization: `Bearer ${joined.token}` },
    });
    assert.equal(elsewhere.status, 403);
    assert.deepEqual(
      (await client.listLearners(workshop.id)).map(({ seat, name }) => [seat, name]),
      [[1, 'Ada']],
    );
    const learner = { token: joined.learner_token };
    for (const path of ['/api/workshops', `/api/workshops/${workshop.id}`, '/api/operations']) {
      const { status, body } = await call(controlPlane, 'GET', path, learner);
      assert.deepEqual([status, body.error?.code], [403, 'FORBIDDEN'], path);
    }
    const events = await fetch(`${controlPlane.file.url}/api/events`, {
      headers: { authorization: `Bearer ${joined.learner_token}` },
    });
    const text = await firstBytes(events, 3);
    assert.match(text, /"type":"reset"/);
    assert.ok(text.includes(workshop.id) && !text.includes('operation/'));
    for (const secret of [joined.token, joined.learner_token, joined.rejoin_code, controlPlane.file.token]) {
      assert.ok(!controlPlane.log().includes(secret), 'no secret is in the log');
    }
  });

  it('tells every change as it comes, and from where a client left off', async () => {
    const { client } = controlPlane;
    const seen: number[] = [];
    const signal = AbortSignal.timeout(60_000);
    const { workshop, operation } = await client.createWorkshop({ seats: 1 });
    for await (const { id, event } of client.events({ lastEventId: 0, signal })) {
      seen.push(id);
      if (event.type === 'complete') break;
    }
    await succeeded(client, operation);
    assert.deepEqual(
      seen,
      seen.map((_, index) => index + 1),
    );
    await client.extendWorkshop(workshop.id, 30);
    const titles: string[] = [];
    for await (const { event } of client.events({ lastEventId: seen.at(-1)!, signal })) {
      titles.push(event.message);
      if (event.type === 'complete') break;
    }
    assert.ok(titles.some((title) => title.startsWith('Extend workshop')));
    const left = Date.parse((await client.getWorkshop(workshop.id)).expires_at) - Date.now();
    assert.ok(left > 29 * 60_000 && left <= 30 * 60_000);
    for await (const { event } of client.events({ lastEventId: 999_999, signal })) {
      assert.equal(event.type, 'reset');
      break;
    }
  });

  it('lives on in its seats: ended and started again it adopts the agent, and follows one that died', async () => {
    const { workshop, operation } = await controlPlane.client.createWorkshop({ seats: 1 });
    await succeeded(controlPlane.client, operation);
    const agentFile = join(state.home, 'worker/agent.json');
    const agentPid = (): number | undefined => {
      const text = readIfThere(agentFile);
      return text === undefined ? undefined : (JSON.parse(text) as { pid: number }).pid;
    };
    const before = agentPid()!;
    assert.equal(await end(controlPlane), 0);
    assert.equal(state.daemonFile(), undefined);
    assert.equal(state.processes().seats, 1, 'seats outlive the control plane');

    controlPlane = await state.serve({ CARAPACE_TIMING: '{"monitorMs":100}' });
    const { client } = controlPlane;
    await client.access(workshop.id, 1, 'instructor');
    assert.equal(agentPid(), before, 'the agent was adopted');
    process.kill(before, 'SIGKILL');
    await until('another agent runs', () => ((agentPid() ?? before) !== before ? true : undefined));
    await until('it is healthy', async () =>
      (await client.getWorkshop(workshop.id)).workers[0]?.status === 'healthy' ? true : undefined,
    );
    const access = await client.access(workshop.id, 1, 'instructor');
    const health = await fetch(`${access.endpoint}/proxy/${workshop.id}/1/health`, {
      headers: { authorization: `Bearer ${access.token}` },
    });
    assert.equal(health.status, 200);
    const { agents, seats } = state.processes();
    assert.deepEqual({ agents, seats }, { agents: 1, seats: 1 }, 'nothing is doubled');
    await succeeded(client, await client.deleteWorkshop(workshop.id));
    state.assertNothingIsLeft();
  });

  it('makes seats again over their files after everything was killed', async () => {
    const { workshop, operation } = await controlPlane.client.createWorkshop({ seats: 2 });
    await succeeded(controlPlane.client, operation);
    const kept = join(state.home, 'worker/seats', workshop.id, '2/home/kept.txt');
    writeFileSync(kept, 'by the learner');
    await end(controlPlane, 'SIGKILL');
    for (const { pid } of processesNaming(state.home)) kill(pid);

    controlPlane = await state.serve({ CARAPACE_TIMING: '{"monitorMs":100,"unhealthySeatMs":100}' });
    const { client } = controlPlane;
    await until('the seats are repaired', async () =>
      (await client.listOperations()).some(({ kind, status }) => kind === 'workshop.repair' && status === 'succeeded')
        ? true
        : undefined,
    );
    assert.ok((await client.listSeats(workshop.id)).every(({ status }) => status === 'ready'));
    assert.equal(readFileSync(kept, 'utf8'), 'by the learner');
    await succeeded(client, await client.deleteWorkshop(workshop.id));
    state.assertNothingIsLeft();
  });

  it('stops a workshop when its time is over, also when that was while nobody served', async () => {
    const { workshop, operation } = await controlPlane.client.createWorkshop({ seats: 1 });
    await succeeded(controlPlane.client, operation);
    await end(controlPlane);
    const store = new DatabaseSync(join(state.home, 'store.db'));
    store.prepare('UPDATE workshops SET expires_at = ?').run(new Date(Date.now() - 1000).toISOString());
    store.close();
    controlPlane = await state.serve();
    const { client } = controlPlane;
    await until('it is stopped', async () =>
      (await client.getWorkshop(workshop.id)).status === 'stopped' ? true : undefined,
    );
    assert.deepEqual(state.processes().all, []);
    await succeeded(client, await client.startWorkshop(workshop.id));
    assert.ok(Date.parse((await client.getWorkshop(workshop.id)).expires_at) > Date.now(), 'with its whole time again');
    await succeeded(client, await client.deleteWorkshop(workshop.id));
  });

  it('is alone on its state folder, and keeps that and its file for the user', async () => {
    const second = await state.runToEnd();
    assert.equal(second.code, 3);
    assert.match(second.output, /Another control plane holds .*store\.db/);
    assert.equal(state.daemonFile()?.pid, controlPlane.child.pid);
    assert.equal(statSync(state.home).mode & 0o777, 0o700);
    assert.equal(statSync(join(state.home, 'daemon.json')).mode & 0o777, 0o600);
    const { token } = controlPlane.file;
    await end(controlPlane);
    controlPlane = await state.serve();
    assert.notEqual(controlPlane.file.token, token);
    assert.equal((await call(controlPlane, 'GET', '/api/workshops', { token })).status, 401);
  });

  it('starts once when two are started at the same moment', async () => {
    await end(controlPlane);
    const both = [state.spawn(), state.spawn()];
    const file = await until('one serves', () => state.daemonFile());
    await until('the other has ended', () => both.find(({ child }) => child.exitCode !== null));
    const codes = both.map(({ child }) => child.exitCode);
    assert.deepEqual(codes.toSorted(), [3, null]);
    assert.ok(both.some(({ child }) => child.pid === file.pid && child.exitCode === null));
  });

  it('says what is wrong with a store that it cannot use, and leaves it alone', async () => {
    await end(controlPlane);
    const path = join(state.home, 'store.db');
    const store = new DatabaseSync(path);
    store.exec('PRAGMA user_version = 999');
    store.close();
    const newer = await state.runToEnd();
    assert.equal(newer.code, 1);
    assert.match(newer.output, /newer Carapace/);
    writeFileSync(path, 'no database '.repeat(1000));
    const damaged = await state.runToEnd();
    assert.equal(damaged.code, 1);
    assert.ok(damaged.output.includes(path) && damaged.output.includes('damaged'));
    assert.equal(readFileSync(path, 'utf8'), 'no database '.repeat(1000));
    assert.equal(state.daemonFile(), undefined);
  });

  it('serves nobody but this machine', async () => {
    const refused = await state.runToEnd(['--host', '0.0.0.0', '--state-dir', `${state.home}-2`]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /Others can reach 0\.0\.0\.0, so the control plane has to speak TLS there/);
    const { port } = new URL(controlPlane.file.url);
    const answer = await raw(
      Number(port),
      'GET /api/health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*"FORBIDDEN"/);
    const none = await raw(Number(port), 'GET /api/health HTTP/1.0\r\n\r\n');
    assert.match(none, /^HTTP\/1\.1 403 /);
  });
});

/** The text of an answer that does not end, up to its n-th event. */
async function firstBytes(response: Response, events: number): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.split('\n\n').length > events) break;
  }
  return text;
}

async function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => (answer += String(chunk)));
  socket.write(request);
  await new Promise((resolve) => socket.on('close', resolve));
  return answer;
}
