/** The proxy of a real agent, in front of a workspace server that tells what reaches it. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import type { ErrorBody } from '../../src/protocol/errors.ts';
import {
  AGENT_TOKEN,
  call,
  createSeat,
  createWorker,
  endAgent,
  FAKE_WORKSPACE,
  openTerminal,
  removeWorker,
  seatToken,
  sendRaw,
  startAgent,
  until,
  type TestAgent,
  type Worker,
} from './agent-harness.ts';

/** What the fake tells of a request. */
interface Told {
  root: string;
  method: string;
  url: string;
  rawHeaders: string[];
  bytes: number;
  sha256: string;
}

const ALLOWED_ORIGIN = 'https://class.example.org';

describe('the proxy to the seats', () => {
  let worker: Worker;
  let agent: TestAgent;
  let token: string;

  before(async () => {
    worker = createWorker();
    agent = await startAgent(worker, {
      args: ['--workspace-program', FAKE_WORKSPACE, '--allow-origin', ALLOWED_ORIGIN],
    });
    await createSeat(agent, 'ws-a', 1);
    await createSeat(agent, 'ws-a', 2);
    await createSeat(agent, 'ws-b', 1);
    token = await seatToken('ws-a', 1);
  });

  after(async () => {
    await endAgent(agent, 'SIGKILL');
    removeWorker(worker);
  });

  function get(
    path: string,
    headers: Record<string, string> = { authorization: `Bearer ${token}` },
  ): Promise<Response> {
    return fetch(agent.url + path, { headers });
  }

  /** Opens a WebSocket that is expected to be refused before the upgrade; answers the HTTP status. */
  async function refusedStatus(path: string, headers: Record<string, string>): Promise<number> {
    const socket = new WebSocket(agent.url.replace('http', 'ws') + path, { headers });
    socket.on('error', () => undefined);
    const [request, response] = (await once(socket, 'unexpected-response')) as [
      { destroy(): void },
      { statusCode: number; headers: Record<string, string> },
    ];
    request.destroy();
    assert.match(response.headers['content-type'] ?? '', /json/);
    return response.statusCode;
  }

  /** Opens a WebSocket as a page in a browser does; answers the code it is closed with. */
  async function closeCode(path: string, bearer: string): Promise<{ code: number; protocol: string }> {
    const url = agent.url.replace('http', 'ws') + path;
    const socket = new WebSocket(url, ['carapace.tty.v1', `carapace.bearer.${bearer}`]);
    const [code] = (await once(socket, 'close')) as [number];
    return { code, protocol: socket.protocol };
  }

  it('lets in by the rules: 401, 403, 404, by HTTP and before an upgrade', async () => {
    const bearer = (value: string) => ({ authorization: `Bearer ${value}` });
    const past = Math.floor(Date.now() / 1000) - 100;
    const cases: [string, Record<string, string>, number][] = [
      ['/proxy/ws-a/1', {}, 401],
      ['/proxy/ws-a/1', { authorization: 'Basic abc' }, 401],
      ['/proxy/ws-a/1', bearer('nonsense'), 401],
      ['/proxy/ws-a/1', bearer(await seatToken('ws-a', 1, { exp: past })), 401],
      ['/proxy/ws-a/1', bearer(await seatToken('ws-a', 2)), 403],
      ['/proxy/ws-a/1', bearer(await seatToken('ws-b', 1)), 403],
      ['/proxy/ws-a/1', { ...bearer(token), origin: 'https://evil.example' }, 403],
      ['/proxy/ws-a/1', { ...bearer(token), origin: 'null' }, 403],
      ['/proxy/ws-a/3', bearer(AGENT_TOKEN), 404],
      ['/proxy/ws-a/3', bearer(await seatToken('ws-a', 3)), 404],
    ];
    for (const [prefix, headers, status] of cases) {
      const response = await get(`${prefix}/files/x?token=${token}`, headers);
      const { error } = (await response.json()) as ErrorBody;
      assert.equal(response.status, status, `${prefix} ${JSON.stringify(headers)} ${error.code}`);
      assert.equal(await refusedStatus(`${prefix}/terminal?token=${token}`, headers), status, prefix);
    }
    assert.equal((await get('/proxy/ws-a/1/files/x')).status, 200);
    assert.equal((await get('/proxy/ws-a/1/files/x', { ...bearer(token), origin: ALLOWED_ORIGIN })).status, 200);
    assert.equal((await get('/proxy/ws-b/1/files/x', bearer(AGENT_TOKEN))).status, 200);
    assert.equal((await get('/proxy/ws-a/1/terminal')).status, 400);
    assert.equal(await refusedStatus('/proxy/ws-a/1/files', bearer(token)), 404);
    assert.equal(await refusedStatus('/elsewhere', bearer(token)), 404);
  });

  it('upgrades a browser that offers its token as a subprotocol, and closes with 4001 or 4004 what it refuses', async () => {
    const terminal = '/proxy/ws-a/1/terminal';
    const protocol = 'carapace.tty.v1';
    assert.deepEqual(await closeCode(terminal, 'nonsense'), { code: 4001, protocol });
    assert.deepEqual(await closeCode(terminal, await seatToken('ws-a', 2)), { code: 4001, protocol });
    assert.deepEqual(await closeCode('/proxy/ws-a/9/terminal', await seatToken('ws-a', 9)), { code: 4004, protocol });
    const socket = new WebSocket(agent.url.replace('http', 'ws') + terminal, [protocol, `carapace.bearer.${token}`]);
    const [first] = (await once(socket, 'message')) as [Buffer];
    assert.equal(socket.protocol, protocol);
    const { rawHeaders } = JSON.parse(first.toString()) as Told;
    assert.equal(rawHeaders[rawHeaders.indexOf('Sec-WebSocket-Protocol') + 1], protocol);
    assert.ok(!rawHeaders.join().includes(token));
    socket.terminate();
  });

  it('passes on what follows the prefix byte for byte, or refuses it, and never to another seat', async () => {
    const tails = [
      '/files/%2e%2e/%2e%2e/etc/passwd',
      '/files/..%2f..%2fetc/passwd',
      '/files/../../2/files/x',
      '/files//etc//passwd',
      '/files/a/./b;c=d?path=..%2F..&stat',
      '/files/%zz%ff%00',
      '/files?path=/etc/passwd',
      '/files/\\..\\x',
    ];
    for (const tail of tails) {
      const head = `GET /proxy/ws-a/1${tail} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n`;
      const answer = await sendRaw(agent.port, `${head}Connection: close\r\n\r\n`);
      const told = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Told;
      assert.equal(told.url, tail);
      assert.ok(told.root.endsWith('/ws-a/1/home'));
    }
    const refused: [string, RegExp][] = [
      ['GET /proxy/ws-a/1/../2/files/x', /^HTTP\/1\.1 404 /],
      ['GET /proxy/ws-a/%32/files/x', /^HTTP\/1\.1 404 /],
      ['GET /proxy//ws-a/2/files/x', /^HTTP\/1\.1 404 /],
      ['GET //proxy/ws-a/2/files/x', /^HTTP\/1\.1 404 /],
      ['GET /%70roxy/ws-a/2/files/x', /^HTTP\/1\.1 404 /],
      ['GET /proxy/ws-a/2/files/../../1/files/x', /^HTTP\/1\.1 403 /],
      [`GET http://127.0.0.1:${agent.port}/proxy/ws-a/2/files/x`, /^HTTP\/1\.1 404 /],
      ['GET /proxy/ws-a/1/files/a b', /^HTTP\/1\.1 400 /],
      ['GET /proxy/ws-a/1/files/\u00e9', /^HTTP\/1\.1 400 /],
    ];
    for (const [line, expected] of refused) {
      const head = `${line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`;
      assert.match(await sendRaw(agent.port, head), expected, line);
    }
  });

  it('tells the seat who comes, and nothing of the token', async () => {
    const spoofed = {
      'x-carapace-role': 'instructor',
      'x-carapace-name': 'Mallory',
      cookie: `a=${token}`,
      'x-other': '1',
    };
    const headers = { authorization: `Bearer ${token}`, ...spoofed };
    const told = (await (await get('/proxy/ws-a/1/files/x', headers)).json()) as Told;
    const passed = told.rawHeaders.join('|');
    assert.match(passed, /x-carapace-role\|learner\|x-carapace-name\|Ada\|x-request-id\|[0-9a-f-]{36}$/);
    assert.match(passed, /x-other\|1/);
    assert.ok(!passed.includes('Mallory') && !passed.includes(token));
  });

  it('streams bodies of any kind and length, as they are', async () => {
    const body = randomBytes(8 * 1024 * 1024);
    const sha256 = createHash('sha256').update(body).digest('hex');
    const url = `${agent.url}/proxy/ws-a/1/files/big`;
    const authorization = `Bearer ${token}`;
    const withLength = await fetch(url, { method: 'PUT', headers: { authorization, 'content-type': 'a/b' }, body });
    assert.equal(((await withLength.json()) as Told).sha256, sha256);
    const stream = new Blob([body]).stream();
    const chunked = await fetch(url, { method: 'PUT', headers: { authorization }, body: stream, duplex: 'half' });
    assert.equal(((await chunked.json()) as Told).sha256, sha256);
    const none = (await (await fetch(url, { method: 'DELETE', headers: { authorization } })).json()) as Told;
    assert.deepEqual([none.method, none.bytes], ['DELETE', 0]);
    const json = { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: '{"a":' };
    assert.equal(((await (await fetch(`${agent.url}/proxy/ws-a/1/exec`, json)).json()) as Told).bytes, 5);
    const down = Buffer.from(await (await get('/proxy/ws-a/1/files/big?fake=big')).arrayBuffer());
    assert.equal(down.length, 64 * 1024 * 1024);
    assert.ok([0, 31, 63].every((index) => down[index * 1024 * 1024 + 5] === index));
    const head = await fetch(url, { method: 'HEAD', headers: { authorization } });
    assert.equal(head.status, 200);
  });

  it('says 503 when the seat dies before its answer, and cuts the answer when it dies in the middle', async () => {
    const died = await get('/proxy/ws-a/1/files/x?fake=die');
    assert.deepEqual([died.status, ((await died.json()) as ErrorBody).error.code], [503, 'UNAVAILABLE']);
    const half = await get('/proxy/ws-a/1/files/x?fake=die-half');
    assert.equal(half.status, 200);
    await assert.rejects(half.text());
  });

  it('gives the client an answer that comes before its body was read', async () => {
    const init = { method: 'PUT', headers: { authorization: `Bearer ${token}` }, body: randomBytes(16 * 1024 * 1024) };
    const response = await fetch(`${agent.url}/proxy/ws-a/1/files/x?fake=early`, init);
    assert.deepEqual([response.status, await response.text()], [412, 'too early']);
  });

  it('lets the seat know when the client has gone away', async () => {
    const gone = new AbortController();
    const request = fetch(`${agent.url}/proxy/ws-a/2/files/x?fake=silent`, {
      headers: { authorization: `Bearer ${AGENT_TOKEN}` },
      signal: gone.signal,
    });
    const left = assert.rejects(request);
    const log = join(worker.state, 'seats/ws-a/2/workspace.log');
    const says = (what: string): true | undefined => readFileSync(log, 'utf8').includes(what) || undefined;
    await until('the request is in the seat', () => says('a request is not answered'));
    gone.abort();
    await left;
    await until('the seat knows', () => says('the client went away'));
  });

  it('keeps the seat from setting cookies, and drops what is of one connection only', async () => {
    const response = await get('/proxy/ws-a/1/files/x?fake=cookie');
    assert.equal(response.headers.get('set-cookie'), null);
    assert.equal(response.headers.get('x-hop'), null);
    assert.equal(response.headers.get('x-end'), 'two');
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  });

  it('carries a terminal both ways, and counts it while it is open', async () => {
    const terminal = await openTerminal(agent, 'ws-a', 1, { token, query: '?cols=100&x=%2F' });
    await terminal.shows('"url":"/terminal?cols=100&x=%2F"');
    // Those of the tests before are counted off as their ends are seen.
    await until('it is counted', async () => {
      const { body } = await call(agent, 'GET', '/vms/ws-a/1');
      return body.connections === 1 || undefined;
    });
    const sent = randomBytes(4 * 1024 * 1024);
    const received = createHash('sha256');
    let bytes = 0;
    terminal.socket.on('message', (data: Buffer) => {
      bytes += data.length;
      received.update(data);
    });
    for (let at = 0; at < sent.length; at += 65_536) terminal.socket.send(sent.subarray(at, at + 65_536));
    await until('all has come back', () => bytes === sent.length || undefined);
    assert.equal(received.digest('hex'), createHash('sha256').update(sent).digest('hex'));
    await terminal.close();
    await until('the terminal is counted off', async () => {
      const { body } = await call(agent, 'GET', '/vms/ws-a/1');
      return body.connections === 0 || undefined;
    });
  });

  it('survives a client that resets its connection in the middle of everything', async () => {
    const key = randomBytes(16).toString('base64');
    const request = [
      'GET /proxy/ws-a/1/terminal HTTP/1.1',
      'Host: a',
      `Authorization: Bearer ${token}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
      '',
      '',
    ].join('\r\n');
    for (const length of [10, request.length - 1, request.length]) {
      const socket = connect(agent.port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(request.slice(0, length));
      if (length === request.length) await once(socket, 'data');
      socket.resetAndDestroy();
    }
    await until('no terminal is open', async () => {
      const { body } = await call(agent, 'GET', '/vms/ws-a/1');
      return body.connections === 0 || undefined;
    });
  });

  it('lets a seat say nothing to a browser with its handshake, such as a cookie', async () => {
    const url = `${agent.url.replace('http', 'ws')}/proxy/ws-a/1/terminal?fake=cookie`;
    const socket = new WebSocket(url, ['carapace.tty.v1', `carapace.bearer.${token}`]);
    const [{ headers }] = (await once(socket, 'upgrade')) as [{ headers: Record<string, unknown> }];
    assert.deepEqual(Object.keys(headers).sort(), [
      'connection',
      'sec-websocket-accept',
      'sec-websocket-protocol',
      'upgrade',
    ]);
    socket.terminate();
  });

  it('gives no second request to a seat over a connection that the seat did not upgrade', async () => {
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
    const first = `GET /proxy/ws-a/1/terminal?fake=refuse HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n${upgrade}\r\n\r\n`;
    const second = 'GET /terminal HTTP/1.1\r\nHost: a\r\nx-carapace-role: instructor\r\n\r\n';
    const answer = await sendRaw(agent.port, first + second);
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno$/);
    const log = readFileSync(join(worker.state, 'seats/ws-a/1/workspace.log'), 'utf8');
    assert.ok(!log.includes('past the gate'));
  });

  it('refuses what is not a WebSocket, has two lengths, or headers without end', async () => {
    const authorization = `Host: a\r\nAuthorization: Bearer ${token}`;
    const h2c = `GET /proxy/ws-a/1/terminal HTTP/1.1\r\n${authorization}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`;
    assert.match(await sendRaw(agent.port, h2c), /^HTTP\/1\.1 400 /);
    const both = `PUT /proxy/ws-a/1/files/x HTTP/1.1\r\n${authorization}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    assert.match(await sendRaw(agent.port, both), /^HTTP\/1\.1 400 /);
    const long = `GET /proxy/ws-a/1/files/x HTTP/1.1\r\n${authorization}\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`;
    assert.match(await sendRaw(agent.port, long), /^HTTP\/1\.1 431 /);
  });

  it('answers that a seat is not ready while it is being made, with 503', async () => {
    const making = call(agent, 'POST', '/vms', { workshop_id: 'ws-mute', seat_id: 1 });
    await until('the seat is known', async () => {
      const { status } = await call(agent, 'GET', '/vms/ws-mute/1');
      return status === 200 || undefined;
    });
    const headers = { authorization: `Bearer ${await seatToken('ws-mute', 1)}` };
    assert.equal((await get('/proxy/ws-mute/1/files/x', headers)).status, 503);
    assert.equal(await refusedStatus('/proxy/ws-mute/1/terminal', headers), 503);
    assert.equal((await call(agent, 'DELETE', '/vms/ws-mute/1')).status, 204);
    assert.equal((await making).status, 409);
  });

  it('wrote no token and no query to its log, at any level', () => {
    const log = agent.log();
    assert.match(log, /"path":"\/proxy\/ws-a\/1\/files\/x"/);
    for (const secret of [AGENT_TOKEN, token, 'nonsense', 'carapace.bearer', 'fake=', 'token=', 'secret-of-the']) {
      assert.ok(!log.includes(secret), `${secret} is in the log`);
    }
  });
});
