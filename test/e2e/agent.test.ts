/** A real agent with real seats: shells and files, and what is left of them. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { agentFileSchema } from '../../src/protocol/agent.ts';
import {
  AGENT_TOKEN,
  agentArguments,
  agentEnvironment,
  call,
  countCommand,
  createSeat,
  createWorker,
  endAgent,
  filesOf,
  openTerminal,
  ownNap,
  processesOf,
  removeWorker,
  runAgent,
  seatToken,
  sendRaw,
  startAgent,
  until,
  type TestAgent,
  type Worker,
} from './agent-harness.ts';

describe('the agent', () => {
  let worker: Worker;
  let agent: TestAgent;

  beforeEach(async () => {
    worker = createWorker();
    agent = await startAgent(worker);
  });

  afterEach(async () => {
    await endAgent(agent, 'SIGKILL');
    removeWorker(worker);
  });

  /** Asks for a file of a seat; a body writes it. */
  async function file(workshop: string, seat: number, path: string, body?: string): Promise<Response> {
    const headers = { authorization: `Bearer ${await seatToken(workshop, seat)}` };
    const init = body === undefined ? { headers } : { headers, method: 'PUT', body };
    return fetch(`${agent.url}/proxy/${workshop}/${seat}/files/${path}`, init);
  }

  it('is healthy once a probe seat has answered, and leaves nothing of that', async () => {
    const health = (await (await fetch(`${agent.url}/health`)).json()) as Record<string, unknown>;
    assert.deepEqual(
      [health['status'], health['runtime'], health['vm_count'], health['accelerated']],
      ['healthy', 'process', 0, false],
    );
    const info = await call(agent, 'GET', '/info');
    assert.equal(info.status, 200);
    assert.deepEqual(filesOf(worker), []);
    const stat = statSync(join(worker.state, 'agent.json'));
    assert.equal(stat.mode & 0o777, 0o600);
    assert.equal(statSync(worker.state).mode & 0o777, 0o700);
    assert.deepEqual(
      agentFileSchema.parse(JSON.parse(readFileSync(join(worker.state, 'agent.json'), 'utf8'))).url,
      agent.url,
    );
  });

  it('wants its token for everything but health', async () => {
    const token = await seatToken('ws-a', 1);
    for (const [method, path] of [
      ['GET', '/info'],
      ['GET', '/vms'],
      ['POST', '/vms'],
      ['GET', '/vms/ws-a/1'],
      ['DELETE', '/vms/ws-a/1'],
      ['POST', '/vms/ws-a/1/reset'],
    ] as const) {
      assert.equal((await fetch(agent.url + path, { method })).status, 401, path);
      assert.equal((await call(agent, method, path, undefined, token)).status, 401, path);
    }
  });

  it('refuses bad input, and makes nothing of it', async () => {
    const seat = { workshop_id: 'ws-a', seat_id: 1 };
    for (const [body, path] of [
      [{ ...seat, seat_id: 0 }, 'seat_id'],
      [{ ...seat, seat_id: 501 }, 'seat_id'],
      [{ ...seat, seat_id: '1' }, 'seat_id'],
      [{ ...seat, workshop_id: '../up' }, 'workshop_id'],
      [{ ...seat, workshop_id: 'a'.repeat(64) }, 'workshop_id'],
      [{ ...seat, memory_mb: 1 }, 'memory_mb'],
      [{ ...seat, colour: 'red' }, 'colour'],
    ] as const) {
      const answer = await call(agent, 'POST', '/vms', body);
      assert.deepEqual([answer.status, answer.body.error.details?.['path']], [400, path]);
    }
    for (const path of ['/vms/ws-a/0', '/vms/ws-a/01', '/vms/ws-a/x', '/vms/WS/1', '/vms?workshop_id=..', '/vms?x=1']) {
      assert.equal((await call(agent, 'GET', path)).status, 400, path);
    }
    assert.equal((await call(agent, 'DELETE', '/vms/ws-a/1?keep=all')).status, 400);
    assert.equal((await call(agent, 'GET', '/vms/ws-a/1')).status, 404);
    assert.equal((await call(agent, 'POST', '/vms/ws-a/1/reset')).status, 404);
    assert.deepEqual(filesOf(worker), []);
  });

  it('makes seats with a shell, files and commands, each with a home of its own', async () => {
    const made = await Promise.all([createSeat(agent, 'ws-a', 1), createSeat(agent, 'ws-b', 1)]);
    assert.deepEqual(
      made.map((vm) => [vm.status, vm.ip, vm.connections]),
      Array(2).fill(['ready', null, 0]),
    );
    assert.equal((await call(agent, 'POST', '/vms', { workshop_id: 'ws-a', seat_id: 1 })).status, 409);
    assert.equal((await call(agent, 'GET', '/vms')).body.vms.length, 2);
    assert.deepEqual((await call(agent, 'GET', '/vms?workshop_id=ws-b')).body.vms, [
      (await call(agent, 'GET', '/vms/ws-b/1')).body,
    ]);

    const terminal = await openTerminal(agent, 'ws-a', 1, { token: await seatToken('ws-a', 1) });
    await terminal.shows('seat-1:~$ ');
    terminal.type('echo "$((40+2)) $HOME"; echo hello > from-shell; env; echo "all-$((1+1))"\r');
    await terminal.shows(`42 ${worker.state}/seats/ws-a/1/home`);
    await terminal.shows('all-2');
    await terminal.shows('CARAPACE_SEAT=');
    assert.ok(!terminal.shown().includes(AGENT_TOKEN) && !terminal.shown().includes('WORKSPACE_TOKEN_SECRET'));
    await until('the file is there', async () => (await file('ws-a', 1, 'from-shell')).ok || undefined);
    assert.equal(await (await file('ws-a', 1, 'from-shell')).text(), 'hello\n');
    assert.equal((await file('ws-b', 1, 'from-shell')).status, 404);
    assert.equal((await file('ws-b', 1, 'new', 'content')).status, 201);
    assert.ok(existsSync(join(worker.state, 'seats/ws-b/1/home/new')));
    for (const path of [
      '../../../ws-a/1/home/from-shell',
      '%2e%2e/%2e%2e/%2e%2e/ws-a/1/home/from-shell',
      '/etc/passwd',
    ]) {
      const head = `GET /proxy/ws-b/1/files/${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${AGENT_TOKEN}\r\n`;
      assert.match(await sendRaw(agent.port, `${head}Connection: close\r\n\r\n`), /^HTTP\/1\.1 403 /, path);
    }

    const exec = await fetch(`${agent.url}/proxy/ws-b/1/exec`, {
      method: 'POST',
      headers: { authorization: `Bearer ${AGENT_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ command: ['uname', '-s'] }),
    });
    assert.equal(((await exec.json()) as { stdout: string }).stdout, 'Linux\n');
    const health = await fetch(`${agent.url}/proxy/ws-b/1/health`, {
      headers: { authorization: `Bearer ${AGENT_TOKEN}` },
    });
    assert.equal(health.status, 200);
    await terminal.close();
  });

  it('brings a seat back as new: files and processes are gone, the other seat knows nothing of it', async () => {
    await createSeat(agent, 'ws-a', 1);
    await createSeat(agent, 'ws-a', 2);
    await file('ws-a', 1, 'mine', 'x');
    await file('ws-a', 2, 'mine', 'x');
    const terminal = await openTerminal(agent, 'ws-a', 1);
    const nap = ownNap(0);
    terminal.type(`setsid nohup sleep ${nap} >/dev/null 2>&1 & echo started\r`);
    await until('it sleeps', () => countCommand('sleep', nap) === 1 || undefined);
    const reset = await call(agent, 'POST', '/vms/ws-a/1/reset');
    assert.deepEqual([reset.status, reset.body.status], [200, 'ready']);
    await until('the terminal is closed', () => terminal.socket.readyState === terminal.socket.CLOSED || undefined);
    assert.equal(countCommand('sleep', nap), 0);
    assert.equal((await file('ws-a', 1, 'mine')).status, 404);
    assert.equal((await file('ws-a', 2, 'mine')).status, 200);
    const again = await openTerminal(agent, 'ws-a', 1);
    await again.shows('seat-1:~$ ');
    await again.close();
  });

  it('leaves no process, file or socket of a deleted seat, whatever was started in it', async () => {
    const seats = [
      ['ws-a', 1],
      ['ws-a', 2],
      ['ws-b', 1],
    ] as const;
    const times = [1, 2, 3].map(ownNap) as [string, string, string];
    const before = { processes: processesOf(worker).length, files: filesOf(worker) };
    await Promise.all(seats.map(([workshop, seat]) => createSeat(agent, workshop, seat)));
    for (const [index, [workshop, seat]] of seats.entries()) {
      const terminal = await openTerminal(agent, workshop, seat);
      terminal.type(`setsid nohup sleep ${times[0]} &\r`);
      terminal.type(`(cd / && env -i setsid sleep ${times[1]} </dev/null >/dev/null 2>&1 &)\r`);
      terminal.type(`mkdir -p shut/in; chmod 000 shut; sleep ${times[2]}\r`);
      for (const time of times) await until('it sleeps', () => countCommand('sleep', time) === index + 1 || undefined);
      await terminal.close();
    }
    for (const [workshop, seat] of seats) {
      const removed = await call(agent, 'DELETE', `/vms/${workshop}/${seat}`);
      assert.equal(removed.status, 204);
      assert.equal((await call(agent, 'DELETE', `/vms/${workshop}/${seat}`)).status, 204);
    }
    for (const time of times) assert.equal(countCommand('sleep', time), 0);
    assert.deepEqual({ processes: processesOf(worker).length, files: filesOf(worker) }, before);
    assert.deepEqual((await call(agent, 'GET', '/vms')).body, { vms: [] });
  });

  it('keeps the files of a seat that is stopped, and starts it again over them', async () => {
    await createSeat(agent, 'ws-a', 1);
    await file('ws-a', 1, 'mine', 'kept');
    assert.equal((await call(agent, 'DELETE', '/vms/ws-a/1?keep=files')).status, 204);
    assert.equal((await call(agent, 'DELETE', '/vms/ws-a/1?keep=files')).status, 204);
    assert.equal((await call(agent, 'GET', '/vms/ws-a/1')).status, 404);
    assert.deepEqual(processesOf(worker).length, 1, 'only the agent runs');
    await createSeat(agent, 'ws-a', 1);
    assert.equal(await (await file('ws-a', 1, 'mine')).text(), 'kept');
    await call(agent, 'DELETE', '/vms/ws-a/1?keep=files');
    assert.equal((await call(agent, 'DELETE', '/vms/ws-a/1')).status, 204);
    assert.deepEqual(filesOf(worker), []);
  });

  it('finds a seat unhealthy whose server has died, and mends it by a reset', async () => {
    await createSeat(agent, 'ws-a', 1);
    const state = JSON.parse(readFileSync(join(worker.state, 'seats/ws-a/1/state.json'), 'utf8')) as {
      server: { pid: number };
    };
    process.kill(state.server.pid, 'SIGKILL');
    await until('the agent sees it', async () => {
      const { body } = await call(agent, 'GET', '/vms/ws-a/1');
      return body.status === 'unhealthy' || undefined;
    });
    assert.equal((await file('ws-a', 1, 'x')).status, 503);
    assert.equal((await call(agent, 'POST', '/vms/ws-a/1/reset')).body.status, 'ready');
    assert.equal((await file('ws-a', 1, 'x')).status, 404);
  });

  it('lets nobody in but its own user: folders and sockets', async () => {
    await createSeat(agent, 'ws-a', 1);
    for (const [path, mode] of [
      [worker.sockets, 0o700],
      [join(worker.sockets, 'ws-a-1'), 0o700],
      [join(worker.sockets, 'ws-a-1/terminal.sock'), 0o600],
      [join(worker.sockets, 'ws-a-1/files.sock'), 0o600],
      [join(worker.state, 'seats/ws-a/1'), 0o700],
      [join(worker.state, 'seats/ws-a/1/home'), 0o700],
      [join(worker.state, 'seats/ws-a/1/state.json'), 0o600],
    ] as const) {
      assert.equal(statSync(path).mode & 0o777, mode, path);
    }
  });

  it('ends on SIGTERM with 0 and without its file; its seats live on for the next one', async () => {
    await createSeat(agent, 'ws-a', 1);
    const terminal = await openTerminal(agent, 'ws-a', 1);
    assert.equal(await endAgent(agent, 'SIGTERM'), 0);
    assert.equal(existsSync(join(worker.state, 'agent.json')), false);
    await until('the terminal is closed', () => terminal.socket.readyState === terminal.socket.CLOSED || undefined);
    agent = await startAgent(worker);
    assert.equal((await call(agent, 'GET', '/vms/ws-a/1')).body.status, 'ready');
    await call(agent, 'DELETE', '/vms/ws-a/1');
    await endAgent(agent);
    assert.equal(existsSync(worker.sockets), false);
  });

  it('does not start twice on a folder, without its secrets, or on folders of others', async () => {
    const locked = await runAgent(agentArguments(worker), agentEnvironment(worker));
    assert.equal(locked.code, 3);
    assert.match(locked.stderr, /^Another agent serves .*\n$/);
    const usage = await runAgent(agentArguments(worker), { SOCKET_DIR: worker.sockets });
    assert.deepEqual([usage.code, usage.stderr], [2, 'The agent needs AGENT_TOKEN in its environment.\n']);
    const file = join(worker.state, 'agent.json');
    const noFolder = await runAgent(
      ['--state-dir', file, '--listen', '127.0.0.1:0', '--insecure-loopback'],
      agentEnvironment(worker),
    );
    assert.equal(noFolder.code, 1);
    assert.match(noFolder.stderr, /^The state folder .*\n$/);
    assert.equal((await fetch(`${agent.url}/health`)).status, 200);
  });
});

describe('the capacity of an agent', () => {
  it('is a number of seats, past which it says NO_CAPACITY', async () => {
    const worker = createWorker();
    const agent = await startAgent(worker, { args: ['--capacity', '2'] });
    try {
      await Promise.all([createSeat(agent, 'ws-a', 1), createSeat(agent, 'ws-b', 500)]);
      const full = await call(agent, 'POST', '/vms', { workshop_id: 'ws-a', seat_id: 2 });
      assert.deepEqual([full.status, full.body.error.code], [503, 'NO_CAPACITY']);
      await call(agent, 'DELETE', '/vms/ws-b/500');
      await createSeat(agent, 'ws-a', 2);
    } finally {
      await endAgent(agent, 'SIGKILL');
      removeWorker(worker);
    }
  });
});
