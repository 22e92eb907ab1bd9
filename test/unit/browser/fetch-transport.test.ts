import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, it } from 'mocha';
import * as z from 'zod/mini';
import { FetchTransport, type TokenSource } from '../../../src/browser/fetch-transport.ts';
import { SeatAccess } from '../../../src/browser/seat/seat-access.ts';
import { SlowDownError, TooLargeError, UnauthorizedError, UnavailableError } from '../../../src/protocol/errors.ts';
import { readSse } from '../../../src/client/sse.ts';
import { serve, type TestServer } from '../client/servers.ts';

const anything = z.object({ ok: z.boolean() });

describe('HTTP from a page', () => {
  const servers: TestServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  async function transport(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    tokens?: TokenSource,
  ): Promise<FetchTransport> {
    const server = await serve(answer);
    servers.push(server);
    return new FetchTransport(server.url, tokens);
  }

  it('sends what it is given, and reads what comes', async () => {
    const got: string[] = [];
    const http = await transport((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        const { authorization = '', 'content-type': type = '' } = request.headers;
        got.push(`${request.method} ${request.url} ${authorization} ${type} ${body}`);
        response.setHeader('etag', '"7"').end('{"ok":true}');
      });
    });
    assert.deepEqual(await http.json(anything, { method: 'POST', path: '/a%23b?x', json: { a: 1 } }), { ok: true });
    const headers = await http.send({
      method: 'PUT',
      path: '/f',
      headers: { 'content-type': 'application/octet-stream' },
      body: new Blob(['bytes']),
    });
    assert.equal(headers['etag'], '"7"');
    assert.deepEqual(got, ['POST /a%23b?x  application/json {"a":1}', 'PUT /f  application/octet-stream bytes']);
  });

  it('tells refusals as typed errors, with the wait of the header', async () => {
    const http = await transport((_request, response) =>
      response.writeHead(429, { 'retry-after': '17' }).end('{"error":{"code":"SLOW_DOWN","message":"Too many."}}'),
    );
    await assert.rejects(http.send({ method: 'GET', path: '/' }), (error) => {
      assert.ok(error instanceof SlowDownError);
      assert.equal(error.details?.['retry_after_seconds'], 17);
      return true;
    });
  });

  it('has a deadline, a bound, and the reason of whoever gives up', async () => {
    const http = await transport((request, response) => {
      if (request.url === '/large') response.end('x'.repeat(5_000));
      else if (request.url === '/broken') response.end('no JSON');
    });
    await assert.rejects(http.json(anything, { method: 'GET', path: '/', deadlineMs: 50 }), /did not answer within/);
    await assert.rejects(http.bytes({ method: 'GET', path: '/large' }, 4_999), TooLargeError);
    assert.equal((await http.bytes({ method: 'GET', path: '/large' }, 5_000)).bytes.length, 5_000);
    await assert.rejects(http.json(anything, { method: 'GET', path: '/broken' }), UnavailableError);
    const reason = new Error('given up');
    await assert.rejects(http.send({ method: 'GET', path: '/', signal: AbortSignal.abort(reason) }), reason);
    const later = new AbortController();
    setTimeout(() => later.abort(reason), 30);
    await assert.rejects(http.send({ method: 'GET', path: '/', signal: later.signal }), reason);
    await servers.splice(0)[0]?.close();
    await assert.rejects(http.send({ method: 'GET', path: '/' }), /cannot be reached/);
  });

  it('gives up a transfer on which nothing moves', async () => {
    const http = await transport((_request, response) => void response.write('begun'));
    await assert.rejects(http.bytes({ method: 'GET', path: '/', idleMs: 50 }, 1_000), UnavailableError);
  });

  it('gives up a transfer that is never answered, and lets a large one take its time', async () => {
    const http = await transport((request, response) => {
      request.resume();
      if (request.url === '/slow') setTimeout(() => response.end(), 200);
    });
    await assert.rejects(http.bytes({ method: 'GET', path: '/', idleMs: 50 }, 1_000), /did not answer within/);
    await assert.rejects(http.send({ method: 'PUT', path: '/', body: new Blob(['x']), idleMs: 50 }), UnavailableError);
    await http.send({ method: 'PUT', path: '/slow', body: new Blob(['x'.repeat(80_000)]), idleMs: 50 });
  });

  it('renews a token that is refused, once', async () => {
    const asked: (string | undefined)[] = [];
    const tokens = ['one', 'two'];
    const ask = () =>
      Promise.resolve({
        endpoint: 'http://elsewhere',
        token: tokens.shift() ?? 'last',
        expires_at: '2099-01-01T00:00:00Z',
      });
    const access = new SeatAccess('http://here', ask);
    const http = await transport((request, response) => {
      asked.push(request.headers.authorization);
      if (request.headers.authorization === 'Bearer two') response.end('{"ok":true}');
      else response.writeHead(401).end('{"error":{"code":"UNAUTHORIZED","message":"No."}}');
    }, access);
    await http.send({ method: 'GET', path: '/' });
    await http.send({ method: 'GET', path: '/' });
    assert.deepEqual(asked, ['Bearer one', 'Bearer two', 'Bearer two']);
    assert.equal((await access.renew()).endpoint, 'http://here');
    await assert.rejects(http.send({ method: 'GET', path: '/' }), UnauthorizedError);
    assert.deepEqual(asked.slice(3), ['Bearer last', 'Bearer last'].slice(0, asked.length - 3));
  });

  it('asks for one token where many want it, and for another before it ends', async () => {
    let asked = 0;
    let end = Date.now() + 10_000;
    const access = new SeatAccess('http://here', () => {
      asked += 1;
      return Promise.resolve({
        endpoint: 'http://x',
        token: `token-${asked}`,
        expires_at: new Date(end).toISOString(),
      });
    });
    assert.deepEqual(await Promise.all([access.current(), access.current()]), ['token-1', 'token-1']);
    end = Date.now() + 3_600_000;
    assert.equal(await access.current(), 'token-2');
    assert.equal(await access.current(), 'token-2');
    access.refused('token-1');
    assert.equal(await access.current(), 'token-2');
    access.refused('token-2');
    assert.equal(await access.current(), 'token-3');
  });

  it('follows a stream of events, and lets it go', async () => {
    const closed = Promise.withResolvers<undefined>();
    const http = await transport((request, response) => {
      request.on('close', () => closed.resolve(undefined));
      response.write(':\n\nid: 1\ndata: a\n\ndata: b\n\n');
    });
    const seen: string[] = [];
    for await (const { data } of readSse(await http.open({ method: 'GET', path: '/' }))) {
      seen.push(data);
      if (seen.length === 2) break;
    }
    assert.deepEqual(seen, ['a', 'b']);
    // The connection is given back.
    await closed.promise;
    const silent = readSse(await http.open({ method: 'GET', path: '/' }), 80);
    await assert.rejects(async () => {
      for await (const { data } of silent) seen.push(data);
    }, /nothing arrived/);
  });
});
