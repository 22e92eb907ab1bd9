/** What the control plane does when its agent misbehaves, time runs out, or somebody sends nonsense. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import { call, ended, succeeded, TestState, until, type TestControlPlane } from './control-plane-harness.ts';

describe('the control plane with an agent that misbehaves', function () {
  this.timeout(120_000);
  let state: TestState;
  beforeEach(() => {
    state = new TestState();
  });
  afterEach(() => state.dispose());

  function serve(timing: Record<string, number>): Promise<TestControlPlane> {
    return state.serve({ CARAPACE_TIMING: JSON.stringify({ monitorMs: 50, ...timing }) });
  }

  it('gives up an agent that does not become healthy, leaves none, and deletes what it made', async () => {
    state.useFakeAgent({ status: 'starting' });
    const { client } = await serve({ agentHealthMs: 10_000 });
    const { workshop, operation } = await client.createWorkshop({ name: 'Slow', seats: 2 });
    const { status, error } = await ended(client, operation);
    assert.deepEqual([status, error?.code], ['failed', 'TIMED_OUT']);
    assert.match(
      error?.message ?? '',
      /not ready within 10 s: it says that it is starting\. Its log is .* No seat of it is left/,
    );
    const failed = await client.getWorkshop(workshop.id);
    assert.deepEqual([failed.status, failed.error], ['error', error]);
    await until('the worker is gone', async () =>
      (await client.getWorkshop(workshop.id)).workers.length === 0 && state.processes().all.length === 0
        ? true
        : undefined,
    );
    await succeeded(client, await client.deleteWorkshop(workshop.id));
    state.assertNothingIsLeft();
  });

  it('gives up a seat after its time, keeps the others in sight, and makes it at the next start', async () => {
    state.useFakeAgent({ hang: [2] });
    const { client } = await serve({ seatMs: 5_000 });
    const { workshop, operation } = await client.createWorkshop({ seats: 2 });
    const { error } = await ended(client, operation);
    assert.equal(error?.code, 'TIMED_OUT');
    assert.match(error.message, /Seat 2 was not ready within 5 s\. Left of it: 2 seats, 1 of them ready/);
    const statuses = async () => (await client.listSeats(workshop.id)).map(({ status }) => status);
    assert.deepEqual(await statuses(), ['ready', 'unhealthy']);
    assert.match((await client.listSeats(workshop.id))[1]?.error?.message ?? '', /^Seat 2 could not be made/);
    await client.access(workshop.id, 1, 'instructor');
    state.behave({});
    await succeeded(client, await client.startWorkshop(workshop.id));
    assert.deepEqual(await statuses(), ['ready', 'ready']);
    assert.equal((await client.getWorkshop(workshop.id)).error, null);
    await succeeded(client, await client.deleteWorkshop(workshop.id));
    state.assertNothingIsLeft();
  });

  it('fails a creation that takes too long as a whole', async () => {
    state.useFakeAgent({ hang: [1, 2, 3] });
    const { client } = await serve({ createMs: 10_000 });
    const { workshop, operation } = await client.createWorkshop({ name: 'Long', seats: 3 });
    const { error } = await ended(client, operation);
    assert.equal(error?.code, 'TIMED_OUT');
    assert.match(
      error.message,
      /"Create workshop "Long"" did not end within 10 s\. Left of it: 3 seats, 0 of them ready/,
    );
    await succeeded(client, await client.deleteWorkshop(workshop.id));
    state.assertNothingIsLeft();
  });

  it('says that there is no room before it makes a seat', async () => {
    state.useFakeAgent({ capacity: 3 });
    const { client } = await serve({});
    const first = await client.createWorkshop({ seats: 2 });
    await succeeded(client, first.operation);
    const second = await client.createWorkshop({ seats: 2 });
    const { error } = await ended(client, second.operation);
    assert.equal(error?.code, 'NO_CAPACITY');
    assert.match(error.message, /room for 1 seat, and 2 are needed/);
    assert.ok(
      (await client.listSeats(second.workshop.id)).every(
        ({ status, worker }) => status === 'stopped' && worker === null,
      ),
    );
    await succeeded(client, await client.deleteWorkshop(second.workshop.id));
    assert.equal(state.processes().agents, 1, 'the first workshop keeps its agent');
    await succeeded(client, await client.deleteWorkshop(first.workshop.id));
    state.assertNothingIsLeft();
  });

  it('says what a deletion could not delete, and deletes it the next time', async () => {
    state.useFakeAgent({ keep: [2] });
    const { client } = await serve({});
    const { workshop, operation } = await client.createWorkshop({ seats: 3 });
    await succeeded(client, operation);
    const { status, error } = await ended(client, await client.deleteWorkshop(workshop.id));
    assert.equal(status, 'failed');
    assert.match(error?.message ?? '', /The fake keeps seat 2\. Left of it: [12] seats?, [01] of them ready/);
    assert.equal((await client.getWorkshop(workshop.id)).status, 'error');
    state.behave({});
    await succeeded(client, await client.deleteWorkshop(workshop.id));
    state.assertNothingIsLeft();
  });

  it('shows a seat that becomes unhealthy, and that it is well again', async () => {
    state.useFakeAgent({});
    const { client } = await serve({});
    const { workshop, operation } = await client.createWorkshop({ seats: 2 });
    await succeeded(client, operation);
    const becomes = (wanted: string) =>
      until(`seat 2 is ${wanted}`, async () =>
        (await client.listSeats(workshop.id))[1]?.status === wanted ? true : undefined,
      );
    state.behave({ unhealthy: [2] });
    await becomes('unhealthy');
    state.behave({});
    await becomes('ready');
    assert.equal((await client.listSeats(workshop.id))[1]?.error, null);
  });

  it('starts another agent in place of one that does not answer', async () => {
    state.useFakeAgent({});
    const { client } = await serve({ agentEndMs: 200 });
    const { workshop, operation } = await client.createWorkshop({ seats: 1 });
    await succeeded(client, operation);
    const { endpoint } = await client.getWorkshop(workshop.id);
    const [agent] = state.processIds('agent.cjs');
    process.kill(agent!, 'SIGSTOP');
    await until('another agent is healthy', async () => {
      const [worker] = (await client.getWorkshop(workshop.id)).workers;
      return worker?.status === 'healthy' && !state.processIds('agent.cjs').includes(agent!) ? true : undefined;
    });
    assert.notEqual((await client.getWorkshop(workshop.id)).endpoint, endpoint);
    assert.equal(state.processes().agents, 1);
    // Shown it may have been for a moment only; what was told stays.
    const signal = AbortSignal.timeout(60_000);
    let told: string | undefined;
    for await (const { event } of client.events({ lastEventId: 0, signal })) {
      const { resource } = event;
      if (resource !== undefined && 'workshop' in resource) told = resource.workshop.workers[0]?.status;
      if (told === 'unhealthy') break;
    }
    assert.equal(told, 'unhealthy');
  });

  it('runs one operation on a workshop at a time', async () => {
    state.useFakeAgent({ hold: true });
    const controlPlane = await serve({});
    const { client } = controlPlane;
    const { workshop, operation } = await client.createWorkshop({ name: 'Busy', seats: 1 });
    const start = await call(controlPlane, 'POST', `/api/workshops/${workshop.id}/start`);
    assert.deepEqual([start.status, start.body.error?.code], [409, 'ALREADY_RUNNING']);
    state.behave({});
    await succeeded(client, operation);
    state.behave({ hold: true });
    const reset = await client.resetSeat(workshop.id, 1);
    const stop = await call(controlPlane, 'POST', `/api/workshops/${workshop.id}/stop`);
    assert.deepEqual([stop.status, stop.body.error?.code], [409, 'CONFLICT']);
    assert.match(stop.body.error?.message ?? '', /"Reset seat 1 of workshop "Busy"" is still running/);
    await client.extendWorkshop(workshop.id, 60);
    state.behave({});
    await succeeded(client, reset);
    state.behave({ hold: true });
    const stopping = await client.stopWorkshop(workshop.id);
    const cancel = await call(controlPlane, 'POST', `/api/operations/${stopping.id}/cancel`);
    assert.equal(cancel.status, 409);
    state.behave({});
    await succeeded(client, stopping);
    const again = await call(controlPlane, 'POST', `/api/workshops/${workshop.id}/stop`);
    assert.deepEqual([again.status, again.body.error?.code], [409, 'NOT_RUNNING']);
    state.behave({ hold: true });
    const starting = await client.startWorkshop(workshop.id);
    await client.cancelOperation(starting.id);
    state.behave({});
    assert.equal((await ended(client, starting)).status, 'cancelled');
    assert.equal((await client.getWorkshop(workshop.id)).status, 'stopped');
  });
});

describe('the control plane, asked twice', function () {
  this.timeout(60_000);
  let state: TestState;
  let controlPlane: TestControlPlane;
  before(async () => {
    state = new TestState();
    controlPlane = await state.serve();
  });
  after(() => state.dispose());

  it('answers a repeated creation the same, and another one with its key with a conflict', async () => {
    const headers = { 'idempotency-key': 'a-key' };
    const ask = (seats: number) =>
      call(controlPlane, 'POST', '/api/workshops', { headers, body: JSON.stringify({ seats, start: false }) });
    const [first, second] = [await ask(2), await ask(2)];
    assert.equal(first.status, 201);
    assert.deepEqual(second.body, first.body);
    const other = await ask(3);
    assert.deepEqual([other.status, other.body.error?.code], [409, 'CONFLICT']);
    const { client } = controlPlane;
    const [workshop, ...others] = await client.listWorkshops();
    assert.deepEqual(others, []);
    await succeeded(client, await client.deleteWorkshop(workshop!.id));
  });
});

describe('the control plane, asked for nonsense', function () {
  this.timeout(60_000);
  let state: TestState;
  let controlPlane: TestControlPlane;
  before(async () => {
    state = new TestState();
    controlPlane = await state.serve();
  });
  after(() => state.dispose());

  afterEach('nothing is created', async () => {
    assert.deepEqual(await controlPlane.client.listWorkshops(), []);
    assert.deepEqual(await controlPlane.client.listOperations(), []);
    assert.equal(existsSync(join(state.home, 'worker')), false);
  });

  const CREATE: [string, string, string | undefined][] = [
    ['no seats', '{}', 'seats'],
    ['0 seats', '{"seats":0}', 'seats'],
    ['501 seats', '{"seats":501}', 'seats'],
    ['half a seat', '{"seats":1.5}', 'seats'],
    ['seats that are no number', '{"seats":"x"}', 'seats'],
    ['a name of 65 characters', `{"seats":1,"name":"${'n'.repeat(65)}"}`, 'name'],
    ['an empty name', '{"seats":1,"name":" "}', 'name'],
    ['an unknown field', '{"seats":1,"colour":"red"}', undefined],
    ['an unknown runtime', '{"seats":1,"runtime":"docker"}', 'runtime'],
    ['a provider of a later version', '{"seats":1,"provider":"gcp"}', 'provider'],
    ['a region of this machine', '{"seats":1,"region":"us-central1"}', 'region'],
    ['no time', '{"seats":1,"expires_in_minutes":0}', 'expires_in_minutes'],
    ['a list', '[]', undefined],
    ['null', 'null', undefined],
    ['broken JSON', '{"seats":', undefined],
    ['no JSON', 'seats=1', undefined],
    ['nothing', '', undefined],
  ];
  for (const [name, body, path] of CREATE) {
    it(`refuses a workshop with ${name}`, async () => {
      const answer = await call(controlPlane, 'POST', '/api/workshops', { body });
      assert.deepEqual([answer.status, answer.body.error?.code], [400, 'INVALID_INPUT'], JSON.stringify(answer.body));
      assert.ok(answer.body.error?.request_id !== undefined);
      if (path !== undefined) assert.equal(answer.body.error.details?.['path'], path);
    });
  }

  it('refuses seats that this machine cannot make, and says what is missing', async () => {
    for (const runtime of ['firecracker', 'qemu']) {
      const answer = await call(controlPlane, 'POST', '/api/workshops', {
        body: JSON.stringify({ seats: 1, runtime }),
      });
      assert.deepEqual([answer.status, answer.body.error?.code], [503, 'UNAVAILABLE']);
      assert.match(answer.body.error?.message ?? '', /Missing: /);
    }
  });

  it('refuses another media type', async () => {
    const headers = { 'content-type': 'text/plain' };
    const { status, body } = await call(controlPlane, 'POST', '/api/workshops', { body: '{"seats":1}', headers });
    assert.deepEqual([status, body.error?.code], [400, 'INVALID_INPUT']);
  });

  it('refuses a body of 100 MB without keeping it', async () => {
    for (const declared of [true, false]) {
      const { status, text } = await sendZeros(controlPlane, 100 * 1024 * 1024, declared);
      assert.equal(status, 413);
      assert.match(text, /"code":"TOO_LARGE"/);
    }
    const facts = readFileSync(`/proc/${controlPlane.file.pid}/status`, 'utf8');
    const memory = /VmHWM:\s+(\d+) kB/.exec(facts)?.[1];
    assert.ok(Number(memory) < 300 * 1024, `it took ${memory ?? '?'} kB at most`);
  });

  const REFUSED: [string, string, number, ErrorCode, string?][] = [
    ['GET', '/api/workshops/ws-unknown', 404, 'NOT_FOUND'],
    ['GET', '/api/workshops/ws-unknown/seats', 404, 'NOT_FOUND'],
    ['GET', '/api/workshops/ws-unknown/learners', 404, 'NOT_FOUND'],
    ['DELETE', '/api/workshops/ws-unknown', 404, 'NOT_FOUND'],
    ['POST', '/api/workshops/ws-unknown/start', 404, 'NOT_FOUND'],
    ['POST', '/api/workshops/ws-unknown/seats/1/reset', 404, 'NOT_FOUND'],
    ['POST', '/api/workshops/ws-unknown/seats/1/access', 404, 'NOT_FOUND', '{"role":"learner"}'],
    ['POST', '/api/workshops/ws-unknown/seats/0/reset', 400, 'INVALID_INPUT'],
    ['POST', '/api/workshops/ws-unknown/seats/01/reset', 400, 'INVALID_INPUT'],
    ['POST', '/api/workshops/ws-unknown/seats/501/reset', 400, 'INVALID_INPUT'],
    ['POST', '/api/workshops/ws-unknown/seats/1/access', 400, 'INVALID_INPUT', '{"role":"owner"}'],
    ['POST', '/api/workshops/ws-unknown/extend', 400, 'INVALID_INPUT', '{"expires_in_minutes":"soon"}'],
    ['POST', '/api/workshops/ws-unknown/stop', 400, 'INVALID_INPUT', '{"force":true}'],
    ['GET', '/api/workshops/..%2f..%2fetc', 400, 'INVALID_INPUT'],
    ['GET', '/api/operations/op-unknown', 404, 'NOT_FOUND'],
    ['GET', '/api/operations/op-unknown/events', 404, 'NOT_FOUND'],
    ['POST', '/api/operations/op-unknown/cancel', 404, 'NOT_FOUND'],
    ['POST', '/api/join', 404, 'NOT_FOUND', '{"code":"ABCD-2345"}'],
    ['POST', '/api/join', 404, 'NOT_FOUND', '{"code":"0"}'],
    ['POST', '/api/join', 400, 'INVALID_INPUT', '{"code":""}'],
    ['POST', '/api/join', 400, 'INVALID_INPUT', '{}'],
    ['GET', '/api/nothing', 404, 'NOT_FOUND'],
    ['GET', '/', 404, 'NOT_FOUND'],
    ['PATCH', '/api/workshops', 404, 'NOT_FOUND'],
  ];
  for (const [method, path, status, code, body] of REFUSED) {
    it(`answers ${method} ${path} ${body ?? ''} with ${code}`, async () => {
      const answer = await call(controlPlane, method, path, body === undefined ? {} : { body });
      assert.deepEqual([answer.status, answer.body.error?.code], [status, code], JSON.stringify(answer.body));
    });
  }

  it('refuses whoever has no token, or another one', async () => {
    for (const token of [null, 'wrong', controlPlane.file.token.slice(1)]) {
      for (const path of ['/api/workshops', '/api/operations', '/api/events', '/api/operations/op-unknown/events']) {
        const { status, body, headers } = await call(controlPlane, 'GET', path, { token });
        assert.deepEqual([status, body.error?.code], [401, 'UNAUTHORIZED'], path);
        assert.equal(headers.get('www-authenticate'), 'Bearer');
      }
    }
  });

  it('refuses malformed headers', async () => {
    const place = await call(controlPlane, 'GET', '/api/events', { headers: { 'last-event-id': 'x' } });
    assert.deepEqual([place.status, place.body.error?.code], [400, 'INVALID_INPUT']);
    const headers = { 'idempotency-key': 'k'.repeat(129) };
    const key = await call(controlPlane, 'POST', '/api/workshops', { headers, body: '{"seats":1}' });
    assert.deepEqual([key.status, key.body.error?.code], [400, 'INVALID_INPUT']);
  });

  it('slows down whoever tries join codes', async () => {
    const attempt = () => call(controlPlane, 'POST', '/api/join', { body: '{"code":"22222222"}', token: null });
    const statuses: number[] = [];
    for (let n = 0; n < 25; n += 1) statuses.push((await attempt()).status);
    assert.deepEqual(new Set(statuses), new Set([404, 429]));
    const { body, headers } = await attempt();
    assert.equal(body.error?.code, 'SLOW_DOWN');
    const seconds = Number(headers.get('retry-after'));
    assert.ok(seconds > 0 && seconds <= 600);
  });
});

/** Posts so many zeros, as far as the server takes them. */
async function sendZeros(
  { file }: TestControlPlane,
  length: number,
  declared: boolean,
): Promise<{ status: number; text: string }> {
  const headers = {
    authorization: `Bearer ${file.token}`,
    'content-type': 'application/json',
    ...(declared ? { 'content-length': String(length) } : { 'transfer-encoding': 'chunked' }),
  };
  const outgoing = httpRequest(`${file.url}/api/workshops`, { method: 'POST', headers });
  outgoing.on('error', () => undefined);
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  const chunk = Buffer.alloc(1024 * 1024, '0');
  const over = new AbortController();
  void answered.finally(() => over.abort());
  for (let sent = 0; sent < length && !over.signal.aborted; sent += chunk.length) {
    if (!outgoing.write(chunk)) await Promise.race([once(outgoing, 'drain'), answered]);
  }
  const [response] = await answered;
  let text = '';
  for await (const part of response) text += String(part);
  outgoing.destroy();
  return { status: response.statusCode ?? 0, text };
}
