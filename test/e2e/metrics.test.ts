import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  AGENT_TOKEN,
  call as callAgent,
  createSeat,
  createWorker,
  endAgent,
  openTerminal,
  removeWorker,
  startAgent,
  until,
  type TestAgent,
} from './agent-harness.ts';
import { call, succeeded, TestState, type TestControlPlane } from './control-plane-harness.ts';

/** Values by name with labels, as Prometheus reads them: `name{label="value"} 1`. */
function valuesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const match = /^([a-z_]\w*(?:\{.*\})?) (\S+)$/i.exec(line);
      assert.ok(match?.[1] !== undefined, `no measurement: ${line}`);
      return [match[1], Number(match[2])];
    }),
  );
}

async function measure(url: string, token: string): Promise<{ text: string; values: ReadonlyMap<string, number> }> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  return { text, values: valuesOf(text) };
}

describe('the measurements of the control plane', function () {
  this.timeout(120_000);
  let state: TestState;
  let controlPlane: TestControlPlane;
  before(async () => {
    state = new TestState();
    controlPlane = await state.serve();
  });
  after(() => state.dispose());

  it('take the teacher’s token', async () => {
    assert.equal((await call(controlPlane, 'GET', '/metrics', { token: null })).status, 401);
  });

  it('count requests by route, workshops, seats, learners, operations and streams, and name nobody', async () => {
    const { client, file } = controlPlane;
    const { workshop, operation } = await client.createWorkshop({ name: 'Secret Circle', seats: 2 });
    await succeeded(client, operation);
    await client.join({ code: workshop.code, name: 'Ada Lovelace' });
    for (const path of [`/api/workshops/${workshop.id}`, '/nowhere/1', '/nowhere/2'])
      await call(controlPlane, 'GET', path);
    const stream = await fetch(`${file.url}/api/events`, { headers: { authorization: `Bearer ${file.token}` } });
    assert.equal((await call(controlPlane, 'GET', '/api/events', { token: null })).status, 401);

    const { text, values } = await measure(file.url, file.token);
    const one = 'method="GET",route="/api/workshops/:id"';
    assert.equal(values.get(`carapace_http_requests_total{${one},status="200"}`), 1);
    assert.equal(values.get(`carapace_http_request_seconds_count{${one}}`), 1);
    assert.equal(values.get('carapace_http_requests_total{method="none",route="none",status="404"}'), 2);
    assert.equal(values.get('carapace_workshops{status="running"}'), 1);
    assert.equal(values.get('carapace_workshops{status="error"}'), 0);
    assert.equal(values.get('carapace_seats{status="ready"}'), 2);
    assert.equal(values.get('carapace_operations{kind="workshop.create",status="succeeded"}'), 1);
    assert.equal(values.get('carapace_learners_connected'), 0);
    assert.equal(values.get('carapace_event_streams'), 1);
    assert.ok((values.get('process_resident_memory_bytes') ?? 0) > 0);
    for (const secret of ['Ada', 'Secret', workshop.id, workshop.code, file.token, 'nowhere']) {
      assert.ok(!text.includes(secret), `it tells ${secret}`);
    }
    await stream.body?.cancel();
    await until('the stream is closed', async () => {
      const now = await measure(file.url, file.token);
      return now.values.get('carapace_event_streams') === 0 ? true : undefined;
    });
    await succeeded(client, await client.deleteWorkshop(workshop.id));
  });
});

describe('the measurements of the agent', function () {
  this.timeout(60_000);
  const worker = createWorker();
  let agent: TestAgent;
  before(async () => {
    agent = await startAgent(worker);
  });
  after(async () => {
    await endAgent(agent);
    removeWorker(worker);
  });

  it('take the agent’s token', async () => {
    assert.equal((await callAgent(agent, 'GET', '/metrics', undefined, 'wrong')).status, 401);
  });

  it('count seats, connections, bytes, what is made and reset, and refused tokens', async () => {
    const seat = '/vms/ws-measured/1';
    await createSeat(agent, 'ws-measured', 1);
    assert.equal((await callAgent(agent, 'POST', `${seat}/reset`)).status, 200);
    const file = new Uint8Array(200_000);
    const put = await fetch(`${agent.url}/proxy/ws-measured/1/files/large`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${AGENT_TOKEN}` },
      body: file,
    });
    assert.equal(put.status, 201);
    const before = (await measure(agent.url, AGENT_TOKEN)).values.get('carapace_refused_tokens_total') ?? 0;
    assert.equal((await callAgent(agent, 'GET', '/info', undefined, 'wrong')).status, 401);
    assert.equal((await callAgent(agent, 'GET', '/proxy/ws-measured/1/health', undefined, 'wrong')).status, 401);
    await assert.rejects(once(refusedTerminal(agent), 'open'));
    const terminal = await openTerminal(agent, 'ws-measured', 1);
    terminal.type("printf 'x%.0s' $(seq 5000); echo; echo do''ne\n");
    await terminal.shows('done');

    const { values } = await measure(agent.url, AGENT_TOKEN);
    assert.equal(values.get('carapace_agent_seats{status="ready"}'), 1);
    assert.equal(values.get('carapace_agent_connections'), 1);
    assert.equal(values.get('carapace_agent_seat_seconds_count{what="make",outcome="done"}'), 1);
    assert.equal(values.get('carapace_agent_seat_seconds_count{what="reset",outcome="done"}'), 1);
    assert.equal(values.get('carapace_refused_tokens_total'), before + 3);
    const bytes = (service: string, direction: string): number =>
      values.get(`carapace_agent_proxied_bytes_total{service="${service}",direction="${direction}"}`) ?? -1;
    assert.ok(bytes('files', 'in') >= 200_000 && bytes('files', 'in') < 220_000, `${bytes('files', 'in')} into files`);
    assert.ok(bytes('terminal', 'out') >= 5_000, `${bytes('terminal', 'out')} out of terminals`);
    await terminal.close();
    await until('the terminal is left', async () => {
      const now = await measure(agent.url, AGENT_TOKEN);
      return now.values.get('carapace_agent_connections') === 0 ? true : undefined;
    });
    const later = (await measure(agent.url, AGENT_TOKEN)).values;
    const out = later.get('carapace_agent_proxied_bytes_total{service="terminal",direction="out"}') ?? 0;
    assert.ok(out >= bytes('terminal', 'out'), 'a counter never falls');
  });
});

function refusedTerminal(agent: TestAgent): WebSocket {
  const url = `${agent.url.replace('http', 'ws')}/proxy/ws-measured/1/terminal`;
  return new WebSocket(url, { headers: { authorization: 'Bearer wrong' } });
}
