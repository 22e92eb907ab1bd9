import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import * as z from 'zod/mini';
import { requireBearer, sameSecret } from '../../../src/lib/bearer.ts';
import { createHttpService, type HttpService } from '../../../src/lib/http-service.ts';
import { createLog } from '../../../src/lib/log.ts';
import { SlowDownError, type ErrorBody } from '../../../src/protocol/errors.ts';

const SECRET = 'hunter-2-secret-token';

function collectingLog(): { lines: string[]; log: ReturnType<typeof createLog> } {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  return { lines, log: createLog('test', 'trace', destination) };
}

function addRoutes(service: HttpService): void {
  const body = z.strictObject({ seats: z.int().check(z.minimum(1)), name: z.optional(z.string().check(z.trim())) });
  const answer = z.object({ seats: z.number(), name: z.optional(z.string()) });
  service.post('/workshops', { schema: { body, response: { 201: answer } } }, (request, reply) => {
    const extra = { ...request.body, hidden: 'not in the schema' };
    void reply.code(201);
    return extra;
  });
  service.get('/guarded', { onRequest: requireBearer(SECRET) }, () => ({ ok: true }));
  service.get('/defect', () => {
    throw new Error('the cause of it');
  });
  service.get('/busy', () => {
    throw new SlowDownError('Too many.', { retry_after_seconds: 7 });
  });
}

describe('the HTTP service', () => {
  let service: HttpService;
  let url: string;
  let port: number;
  let lines: string[];

  beforeEach(async () => {
    const collecting = collectingLog();
    lines = collecting.lines;
    service = createHttpService({ log: collecting.log });
    addRoutes(service);
    url = await service.listen({ host: '127.0.0.1', port: 0 });
    port = (service.server.address() as AddressInfo).port;
  });

  afterEach(() => service.close());

  async function post(body: string | Uint8Array, type = 'application/json'): Promise<[Response, ErrorBody]> {
    const response = await fetch(`${url}/workshops`, { method: 'POST', body, headers: { 'content-type': type } });
    return [response, (await response.json()) as ErrorBody];
  }

  /** Sends bytes as they are and reads until the server closes. */
  async function raw(request: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', () => undefined);
    socket.write(request);
    await once(socket, 'close');
    return answer;
  }

  it('validates and serialises by schemas of zod/mini', async () => {
    const [response, body] = await post('{"seats":3,"name":" Ada "}');
    assert.equal(response.status, 201);
    assert.deepEqual(body, { seats: 3, name: 'Ada' });
    assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
  });

  for (const [input, path] of [
    ['{"seats":0}', 'seats'],
    ['{"seats":"x"}', 'seats'],
    ['{"seats":1,"colour":"red"}', 'colour'],
    ['', ''],
  ] as const) {
    it(`refuses ${input === '' ? 'no body' : input} as INVALID_INPUT`, async () => {
      const [response, body] = await post(input);
      assert.equal(response.status, 400);
      assert.equal(body.error.code, 'INVALID_INPUT');
      assert.equal(body.error.details?.['path'], path);
      assert.equal(body.error.request_id, response.headers.get('x-request-id'));
    });
  }

  it('refuses broken JSON and other types of body with 400', async () => {
    for (const [text, type] of [
      ['{"seats":', 'application/json'],
      ['{"__proto__":{"seats":1}}', 'application/json'],
      ['seats=1', 'application/x-www-form-urlencoded'],
      ['{"seats":1}', 'text/plain'],
    ] as const) {
      const [response, body] = await post(text, type);
      assert.deepEqual([response.status, body.error.code], [400, 'INVALID_INPUT']);
    }
  });

  it('refuses a body of 100 MB with 413, and the client reads that', async () => {
    const [response, body] = await post(new Uint8Array(100 * 1024 * 1024));
    assert.deepEqual([response.status, body.error.code], [413, 'TOO_LARGE']);
  });

  it('refuses a body that grows too large without having said so', async () => {
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(256 * 1024));
        if (++chunks > 20) controller.close();
      },
    });
    let chunks = 0;
    const init = { method: 'POST', body: stream, headers: { 'content-type': 'application/json' }, duplex: 'half' };
    const response = await fetch(`${url}/workshops`, init as RequestInit);
    assert.equal(response.status, 413);
  });

  it('answers 404 for an unknown route and 400 for an address that cannot be decoded', async () => {
    const unknown = await fetch(`${url}/nothing?token=${SECRET}`);
    assert.deepEqual([unknown.status, ((await unknown.json()) as ErrorBody).error.code], [404, 'NOT_FOUND']);
    const undecodable = await fetch(`${url}/%zz`);
    assert.deepEqual(
      [undecodable.status, ((await undecodable.json()) as ErrorBody).error.code],
      [400, 'INVALID_INPUT'],
    );
  });

  it('tells nothing of a defect but its request id', async () => {
    const response = await fetch(`${url}/defect`);
    const { error } = (await response.json()) as ErrorBody;
    assert.deepEqual([response.status, error.code], [500, 'INTERNAL']);
    assert.ok(!error.message.includes('cause'));
    assert.ok(lines.some((line) => line.includes(error.request_id ?? '?') && line.includes('the cause of it')));
  });

  it('says when to come back', async () => {
    const response = await fetch(`${url}/busy`);
    assert.deepEqual([response.status, response.headers.get('retry-after')], [429, '7']);
  });

  it('opens a guarded route to its token alone', async () => {
    const get = (authorization?: string) =>
      fetch(`${url}/guarded`, authorization === undefined ? {} : { headers: { authorization } });
    assert.equal((await get(`Bearer ${SECRET}`)).status, 200);
    for (const wrong of [undefined, 'Bearer ', `Bearer ${SECRET}x`, `Basic ${SECRET}`, SECRET]) {
      const response = await get(wrong);
      assert.deepEqual([response.status, response.headers.get('www-authenticate')], [401, 'Bearer']);
    }
    assert.ok(sameSecret('a', 'a') && !sameSecret('a', 'b') && !sameSecret('a', 'aa'));
    assert.throws(() => requireBearer(''), RangeError);
  });

  it('answers what is not HTTP, and headers that are too large, in the same form', async () => {
    assert.match(await raw(`NONSENSE ${SECRET}\r\n\r\n`), /^HTTP\/1\.1 400 .*"code":"INVALID_INPUT"/s);
    assert.match(await raw(`GET / HTTP/1.1\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 .*"TOO_LARGE"/s);
    const smuggled =
      'POST /workshops HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    assert.match(await raw(smuggled), /^HTTP\/1\.1 400 /);
  });

  it('logs path and status of each request, and no token or query at any level', async () => {
    await fetch(`${url}/guarded?token=${SECRET}`, { headers: { authorization: `Bearer ${SECRET}`, cookie: SECRET } });
    await raw(`GET /guarded HTTP/1.1\r\nAuthorization: Bearer ${SECRET}\r\nbroken header ${SECRET}\r\n\r\n`);
    service.log.info(
      { headers: { authorization: SECRET, 'sec-websocket-protocol': SECRET }, token: SECRET },
      'careless',
    );
    const log = lines.join('');
    assert.match(log, /"path":"\/guarded","status":200/);
    assert.match(log, /"headers":{"authorization":"\[redacted\]"/);
    assert.ok(!log.includes(SECRET));
  });
});
