/** The OpenAPI documents are linted, and every call's real answers are held against them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { WebSocket } from 'ws';
import type { OpenapiDocument } from '../../src/lib/openapi/finish.ts';
import type { Joined } from '../../src/protocol/access.ts';
import type { CreatedWorkshop, Operation } from '../../src/protocol/operation.ts';
import { OpenapiRecorder } from '../support/openapi-recorder.ts';
import {
  AGENT_TOKEN,
  createWorker,
  endAgent,
  removeWorker,
  startAgent,
  until,
  type TestAgent,
} from './agent-harness.ts';
import { ClusterTest } from './cluster-harness.ts';
import { ended, type TestControlPlane } from './control-plane-harness.ts';

async function problemsOf(document: object): Promise<string[]> {
  const config = await createConfig({ extends: ['recommended'] });
  const source = JSON.stringify(document);
  const problems = await lintFromString({ source, absoluteRef: '/openapi.json', config });
  return problems.map(({ severity, ruleId, message }) => `${severity} ${ruleId}: ${message}`);
}

async function documentOf(url: string, token?: string): Promise<OpenapiDocument> {
  const response = await fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 200);
  return (await response.json()) as OpenapiDocument;
}

/** What every call refuses: no token, an unknown resource, an unknown field. */
async function sweep(recorder: OpenapiRecorder, unknown: Readonly<Record<string, string>>): Promise<void> {
  for (const [id, { operation, path, method }] of recorder.operations) {
    if (id === 'openTerminal') continue;
    const json = operation.requestBody?.content['application/json'] === undefined ? {} : { json: { unknown: 1 } };
    const isOpen = operation.security?.length === 0;
    if (!isOpen && method !== 'head') {
      const { status } = await recorder.call(id, { params: unknown, token: null });
      assert.equal(status, 401, `${id} without a token`);
    }
    if ('json' in json) {
      assert.equal(recorder.takes(id, json.json), false, `${id}: the document refuses unknown fields`);
      const { status } = await recorder.call(id, { params: unknown, ...json });
      // The seat is looked for before its server reads anything.
      assert.equal(status, path.startsWith('/proxy') ? 404 : 400, `${id} with an unknown field`);
    } else if (path.includes('{')) {
      const { status } = await recorder.call(id, { params: unknown });
      assert.ok([400, 404].includes(status) || status === 204, `${id} of what there is not: ${status}`);
    }
  }
}

describe('the OpenAPI document of the control plane', function () {
  this.timeout(180_000);
  let test: ClusterTest;
  let controlPlane: TestControlPlane;
  let recorder: OpenapiRecorder;
  before(async () => {
    test = await ClusterTest.create();
    controlPlane = await test.serve();
    const { url, token } = controlPlane.file;
    recorder = new OpenapiRecorder(await documentOf(`${url}/api/openapi.json`), url, token);
  });
  after(() => test.dispose());

  async function done(operationId: string, call: Parameters<OpenapiRecorder['call']>[1] = {}): Promise<Operation> {
    const told = await recorder.call(operationId, call);
    assert.equal(told.status, 202, told.text);
    const { operation } = told.json as { operation: Operation };
    const end = await ended(controlPlane.client, operation);
    assert.equal(end.status, 'succeeded', `${operationId}: ${JSON.stringify(end.error)}`);
    return end;
  }

  it('has no problem by the recommended rules, which find one that is put in', async () => {
    assert.deepEqual(await problemsOf(recorder.document), []);
    const [path] = Object.keys(recorder.document.paths);
    assert.ok(path !== undefined);
    const broken = { ...recorder.document, paths: { [path]: { get: { responses: {} } } } };
    assert.notDeepEqual(await problemsOf(broken), []);
  });

  it('tells what every call refuses', async () => {
    await sweep(recorder, { id: 'ws-nowhere1', seat: '1' });
  });

  it('tells what workshops, learners and operations answer', async () => {
    for (const id of ['health', 'openapi', 'metrics', 'getRuntimes', 'joinPage', 'seatPage', 'listWorkshops']) {
      assert.equal((await recorder.call(id)).status, 200, id);
    }
    for (const id of ['joinPage', 'seatPage']) {
      assert.equal((await recorder.call(id, { headers: { 'if-none-match': '*' } })).status, 304, id);
    }
    const json = { name: 'Described', seats: 2 };
    assert.ok(recorder.takes('createWorkshop', json));
    const created = await recorder.call('createWorkshop', { json, headers: { 'idempotency-key': 'once' } });
    const { workshop, operation } = created.json as CreatedWorkshop;
    assert.equal((await ended(controlPlane.client, operation)).status, 'succeeded');
    const params = { id: workshop.id, seat: 1 };
    for (const id of ['getWorkshop', 'listSeats', 'listWorkshops', 'listOperations']) {
      assert.equal((await recorder.call(id, { params })).status, 200, id);
    }
    const watched = { params: { id: operation?.id ?? '' } };
    await recorder.call('getOperation', watched);
    assert.ok((await recorder.call('operationEvents', { ...watched, frames: 3 })).frames.length === 3);
    assert.equal((await recorder.call('cancelOperation', watched)).status, 409);
    await recorder.call('events', { frames: 4 });
    assert.equal((await recorder.call('accessSeat', { params, json: { role: 'instructor' } })).status, 200);

    const joined = await recorder.call('join', { json: { code: workshop.code, name: 'Ada' } });
    assert.equal(joined.status, 200, joined.text);
    const { learner_token: token, seat } = joined.json as Joined;
    assert.equal((await recorder.call('join', { json: { code: 'AAAA-AAAA' } })).status, 404);
    for (const id of ['getLearner', 'accessLearner']) {
      assert.equal((await recorder.call(id, { token })).status, 200, id);
    }
    await recorder.call('events', { token, frames: 3 });
    assert.equal((await recorder.call('listWorkshops', { token })).status, 403);
    await recorder.call('listLearners', { params });
    await done('freeSeat', { params: { id: workshop.id, seat } });
    assert.equal((await recorder.call('getLearner', { token })).status, 401);

    assert.equal((await recorder.call('startWorkshop', { params })).status, 409);
    await done('extendWorkshop', { params, json: { expires_in_minutes: 60 } });
    await done('resetSeat', { params });
    await done('stopWorkshop', { params });
    assert.equal((await recorder.call('accessSeat', { params, json: { role: 'instructor' } })).status, 409);
    const start = await recorder.call('startWorkshop', { params });
    const starting = (start.json as { operation: Operation }).operation;
    assert.equal((await recorder.call('cancelOperation', { params: { id: starting.id } })).status, 202);
    await ended(controlPlane.client, starting);
    await done('deleteWorkshop', { params });
  });

  it('tells what the cloud server answers', async () => {
    assert.equal((await recorder.call('stopCluster')).status, 404);
    await recorder.call('getCluster');
    await recorder.call('checkCluster');
    const { wish } = test;
    assert.ok(recorder.takes('launchCluster', wish));
    for (const id of ['listOffers', 'planLaunch'])
      assert.equal((await recorder.call(id, { json: wish })).status, 200, id);
    await done('launchCluster', { json: wish });
    await recorder.call('getCluster');
    assert.equal((await recorder.call('launchCluster', { json: wish })).status, 409);
    assert.equal((await recorder.call('setAutostop', { json: { minutes: 20 } })).status, 200);
    assert.equal((await recorder.call('tellActivity', { json: { kind: 'typing' } })).status, 200);
    for (const id of ['inspectVaults', 'prepareSsh']) assert.equal((await recorder.call(id)).status, 200, id);
    await done('syncCluster');
    await done('stopCluster');
    await done('startCluster');
    await done('destroyCluster', { json: { server_changes: 'discard' } });
    await recorder.call('events', { frames: 4 });
  });

  it('has seen every call with its success', () => {
    assert.deepEqual(recorder.unseen(), []);
  });
});

describe('the OpenAPI document of the agent', function () {
  this.timeout(120_000);
  const worker = createWorker();
  let agent: TestAgent;
  let recorder: OpenapiRecorder;
  before(async () => {
    agent = await startAgent(worker);
    const document = await documentOf(`${agent.url}/openapi.json`, AGENT_TOKEN);
    recorder = new OpenapiRecorder(document, agent.url, AGENT_TOKEN);
  });
  after(async () => {
    await endAgent(agent);
    removeWorker(worker);
  });

  it('has no problem by the recommended rules', async () => {
    // A terminal that opens is told by 101.
    const terminal = 'warn operation-2xx-response: Operation must have at least one `2XX` response.';
    assert.deepEqual(await problemsOf(recorder.document), [terminal]);
  });

  it('tells what every call refuses', async () => {
    await sweep(recorder, { workshop: 'ws-nowhere1', seat: '1', path: 'a' });
  });

  it("tells what the agent's own calls answer", async () => {
    for (const id of ['health', 'info', 'metrics', 'openapi', 'listVms']) {
      assert.equal((await recorder.call(id)).status, 200, id);
    }
    const json = { workshop_id: 'ws-described', seat_id: 1 };
    assert.ok(recorder.takes('createVm', json));
    assert.equal((await recorder.call('createVm', { json })).status, 201);
    assert.equal((await recorder.call('createVm', { json })).status, 409);
    const params = { workshop: 'ws-described', seat: 1 };
    for (const id of ['getVm', 'listVms']) assert.equal((await recorder.call(id, { params })).status, 200, id);
    assert.equal((await recorder.call('resetVm', { params, json: {} })).status, 200);
    assert.equal((await recorder.call('deleteVm', { params })).status, 204);
  });

  it("tells what a seat's calls answer", async () => {
    const seat = { workshop: 'ws-seat', seat: 1 };
    const made = await recorder.call('createVm', { json: { workshop_id: seat.workshop, seat_id: seat.seat } });
    assert.equal(made.status, 201);
    const at = (path: string): { params: Record<string, string | number> } => ({ params: { ...seat, path } });
    const expect = async (status: number, id: string, call: Parameters<OpenapiRecorder['call']>[1]) => {
      const told = await recorder.call(id, call);
      assert.equal(told.status, status, `${id}: ${told.text}`);
      return told;
    };
    await expect(200, 'seatHealth', { params: seat });
    await expect(201, 'writeFile', { ...at('a folder/größe #1%.txt'), bytes: 'content' });
    const written = await expect(204, 'writeFile', { ...at('a folder/größe #1%.txt'), bytes: 'other' });
    const etag = written.headers.get('etag') ?? '';
    await expect(412, 'writeFile', { ...at('a folder/größe #1%.txt'), bytes: 'x', headers: { 'if-match': '"no"' } });
    const wrapped = { bytes: JSON.stringify({ content: 'x', encoding: 'utf-8' }) };
    const type = 'application/vnd.carapace.file+json';
    await expect(201, 'writeFile', { ...at('wrapped'), ...wrapped, headers: { 'content-type': type } });
    await expect(200, 'readFile', at('a folder/größe #1%.txt'));
    await expect(200, 'readFile', at('a folder/'));
    await expect(200, 'readFile', { ...at('wrapped'), query: { stat: 'true' } });
    await expect(200, 'readFile', { ...at('wrapped'), headers: { accept: type } });
    await expect(206, 'readFile', { ...at('a folder/größe #1%.txt'), headers: { range: 'bytes=1-2' } });
    await expect(416, 'readFile', { ...at('a folder/größe #1%.txt'), headers: { range: 'bytes=99-' } });
    await expect(304, 'readFile', { ...at('a folder/größe #1%.txt'), headers: { 'if-none-match': etag } });
    await expect(404, 'readFile', at('absent'));
    await expect(409, 'readFile', at('a folder'));
    await expect(403, 'listWorkspace', { params: seat, query: { path: '../x' } });
    await expect(200, 'headFile', at('wrapped'));
    await expect(304, 'headFile', { ...at('a folder/größe #1%.txt'), headers: { 'if-none-match': etag } });
    await expect(200, 'listWorkspace', { params: seat, query: { path: 'a folder' } });
    await expect(201, 'changeFile', { ...at('made'), query: { op: 'mkdir' } });
    await expect(201, 'changeFile', { ...at('wrapped'), query: { op: 'copy', to: 'copied' } });
    await expect(200, 'changeFile', { ...at('wrapped'), query: { op: 'move', to: 'copied', overwrite: 'true' } });
    await expect(400, 'changeFile', { ...at('copied'), query: { op: 'burn' } });
    await expect(204, 'removeFile', at('copied'));
    await expect(404, 'removeFile', at('copied'));
    await expect(200, 'watchFolder', { params: seat, query: { path: 'made' }, frames: 1 });
    const archive = await expect(200, 'readArchive', { params: seat, query: { path: 'a folder' } });
    assert.ok(archive.text.length > 0);
    const packed = await fetch(`${agent.url}/proxy/ws-seat/1/archive?path=${encodeURIComponent('a folder')}`, {
      headers: { authorization: `Bearer ${AGENT_TOKEN}` },
    });
    const bytes = new Uint8Array(await packed.arrayBuffer());
    await expect(204, 'writeArchive', {
      params: seat,
      query: { path: 'made' },
      bytes,
      headers: { 'content-type': 'application/gzip' },
    });
    await expect(200, 'exec', { params: seat, json: { command: ['true'] } });
    await expect(400, 'exec', { params: seat, json: { command: [] } });
    await expect(400, 'openTerminal', { params: seat });
    await opensTerminal();
  });

  /** No client of HTTP sees the 101: the WebSocket's does. */
  async function opensTerminal(): Promise<void> {
    const url = `${agent.url.replace('http', 'ws')}/proxy/ws-seat/1/terminal`;
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${AGENT_TOKEN}` } });
    const [response] = (await once(socket, 'upgrade')) as [{ statusCode: number }];
    assert.equal(response.statusCode, 101);
    socket.terminate();
    await until('the terminal is left', () => (socket.readyState === WebSocket.CLOSED ? true : undefined));
  }

  it('has seen every call with its success', () => {
    assert.deepEqual(recorder.unseen(), ['openTerminal 101']);
  });
});
