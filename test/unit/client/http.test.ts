import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { afterEach, describe, it } from 'mocha';
import * as z from 'zod/mini';
import { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import { seatTransport } from '../../../src/client/seat-files.ts';
import { REASON, UnreachableError } from '../../../src/client/unreachable.ts';
import { HttpTransport, MAX_JSON_BYTES } from '../../../src/client/http.ts';
import { processStartTime } from '../../../src/lib/process-identity.ts';
import {
  ChangedError,
  InvalidInputError,
  NotFoundError,
  TooLargeError,
  UnavailableError,
} from '../../../src/protocol/errors.ts';
import { certificate, serve, serveTls, type TestServer } from './servers.ts';

const peer = { name: 'The test server', advice: 'Start it.' };
const schema = z.object({ answer: z.number() });

describe('HttpTransport', () => {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });

  async function start(handler: RequestListener): Promise<TestServer> {
    const server = await serve(handler);
    open.push(server);
    return server;
  }

  function client(server: { url: string }, token = 'secret'): HttpTransport {
    return new HttpTransport({ url: server.url, token }, peer);
  }

  function answer(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  it('sends the token, the path as it is and the JSON, and ignores unknown fields of the answer', async () => {
    const seen: { request?: IncomingMessage; body?: string } = {};
    const server = await start((request, response) => {
      seen.request = request;
      void request.toArray().then((chunks) => {
        seen.body = Buffer.concat(chunks as Buffer[]).toString();
        answer(response, 200, { answer: 42, news: true });
      });
    });
    const path = '/a/..%2f/%23?x=%0A';
    assert.deepEqual(await client(server).json(schema, { method: 'POST', path, json: { é: 1 } }), { answer: 42 });
    assert.equal(seen.request?.url, path);
    assert.equal(seen.request.headers.authorization, 'Bearer secret');
    assert.equal(seen.body, '{"é":1}');
  });

  it('sends nothing to an address of this machine once the process that it was of has ended', async () => {
    let requests = 0;
    const server = await start((_, response) => {
      requests += 1;
      answer(response, 200, { answer: 42 });
    });
    const child = spawn('sleep', ['60']);
    const { pid = 0 } = child;
    const process = { pid, start_time: processStartTime(pid) ?? '' };
    const bound = new HttpTransport({ url: server.url, token: 'secret', process }, peer);
    for (const method of ['GET', 'POST'] as const) await bound.json(schema, { method, path: '/' });
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    for (const method of ['GET', 'POST'] as const) {
      await assert.rejects(bound.json(schema, { method, path: '/' }), (error) => {
        assert.ok(error instanceof UnreachableError);
        assert.equal(error.reason, REASON.ended);
        assert.equal(error.message, `The test server at ${server.url} has ended. Start it.`);
        return true;
      });
    }
    assert.equal(requests, 2);
  });

  it('keeps a path that the address has, and sends no Authorization without a token', async () => {
    const server = await start((request, response) => {
      assert.equal(request.headers.authorization, undefined);
      answer(response, request.url === '/base/x' ? 200 : 404, { answer: 1 });
    });
    await new HttpTransport({ url: `${server.url}/base/`, token: '' }, peer).json(schema, {
      method: 'GET',
      path: '/x',
    });
  });

  it('throws the typed error of a refusal, with the request that failed', async () => {
    const server = await start((_, response) =>
      answer(response, 404, { error: { code: 'NOT_FOUND', message: 'No such thing.', request_id: 'r7' } }),
    );
    await assert.rejects(client(server).json(schema, { method: 'GET', path: '/' }), (error) => {
      assert.ok(error instanceof NotFoundError);
      assert.equal(error.message, 'No such thing.');
      assert.equal(error.requestId, 'r7');
      return true;
    });
  });

  it('says what to do when nobody listens', async () => {
    const server = await serve(() => undefined);
    await server.close();
    await assert.rejects(client(server).json(schema, { method: 'GET', path: '/' }), (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.match(error.message, /^The test server at .* cannot be reached \(ECONNREFUSED\)\. Start it\.$/);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });

  it('has a deadline for a server that never answers, and for one that never finishes', async () => {
    const server = await start((request, response) => {
      if (request.url === '/half') response.writeHead(200).write('{"answer"');
    });
    for (const path of ['/', '/half']) {
      const late = client(server).json(schema, { method: 'GET', path, deadlineMs: 100 });
      await assert.rejects(late, (error) => {
        assert.ok(error instanceof UnavailableError);
        assert.match(error.message, /did not answer within 0\.1 s/);
        return true;
      });
    }
  });

  it("throws the caller's own reason when the caller gives up", async () => {
    const server = await start(() => undefined);
    const reason = new Error('enough');
    const given = new AbortController();
    const waiting = client(server).json(schema, { method: 'GET', path: '/', signal: given.signal });
    given.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    const later = client(server).json(schema, { method: 'GET', path: '/', signal: given.signal });
    await assert.rejects(later, (error) => error === reason);
  });

  it('does not read an answer past its bound', async () => {
    const server = await start((_, response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(1024 * 1024, 0x20);
      Readable.from(Array.from({ length: MAX_JSON_BYTES / chunk.length + 1 }, () => chunk)).pipe(response);
    });
    await assert.rejects(client(server).json(schema, { method: 'GET', path: '/' }), TooLargeError);
  });

  it('refuses an answer that is not of our making', async () => {
    const server = await start((request, response) => {
      response.writeHead(request.url === '/moved' ? 302 : 200).end('<html>');
    });
    for (const path of ['/', '/moved']) {
      await assert.rejects(client(server).json(schema, { method: 'GET', path }), /not known here/);
    }
    // Longer than any error of ours.
    const page = `<html>${'x'.repeat(100_000)}</html>`;
    const site = await start((_, response) => {
      response.writeHead(404, { 'content-type': 'text/html; charset=utf-8' }).end(page);
    });
    await assert.rejects(client(site).json(schema, { method: 'POST', path: '/' }), (error) => {
      assert.ok(error instanceof UnreachableError);
      assert.equal(error.reason, REASON.foreign);
      return true;
    });
  });

  it('sends a GET again when a kept connection has gone stale, and opens a new one for what changes things', async () => {
    const connections: Socket[] = [];
    const server = createServer((socket) => {
      connections.push(socket);
      let requests = 0;
      socket.on('error', () => undefined);
      socket.on('data', () => {
        requests += 1;
        // The second request on a connection is met by a reset, as by a server that has just been restarted.
        if (requests > 1) socket.resetAndDestroy();
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"answer":1}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const http = client({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
      await http.json(schema, { method: 'GET', path: '/' });
      await http.json(schema, { method: 'GET', path: '/' });
      assert.equal(connections.length, 2);
      await http.json(schema, { method: 'POST', path: '/' });
      await http.json(schema, { method: 'POST', path: '/' });
      assert.equal(connections.length, 4);
    } finally {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('trusts the pinned certificate and no other', async () => {
    const asked: (string | undefined)[] = [];
    const server = await serveTls('one', ({ headers }, response) => {
      asked.push(headers.authorization);
      answer(response, 200, { answer: 1 });
    });
    open.push(server);
    const get = (pinned?: string): Promise<unknown> =>
      new HttpTransport({ url: server.url, token: 'secret', ...(pinned && { certificate: pinned }) }, peer).json(
        schema,
        { method: 'GET', path: '/' },
      );
    assert.deepEqual(await get(certificate('one')), { answer: 1 });
    await assert.rejects(
      get(certificate('two')),
      /shows a certificate that is not the pinned one, so nothing was sent/,
    );
    // A list that holds both must not let the second one in through the back door.
    await assert.rejects(get(certificate('two') + certificate('one')), /not the pinned one/);
    await assert.rejects(get(), /shows a certificate that nobody known here vouches for/);
    assert.deepEqual(asked, ['Bearer secret']);
    assert.throws(() => new HttpTransport({ url: server.url, token: '', certificate: 'x' }, peer), InvalidInputError);
  });

  it('refuses a certificate for an address without TLS, and sends nothing there', async () => {
    const asked: string[] = [];
    const server = await start(({ url = '' }, response) => {
      asked.push(url);
      answer(response, 200, { answer: 1 });
    });
    const connection = { url: server.url, token: 'secret', certificate: certificate('one') };
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const access = { endpoint: server.url, token: 'secret', certificate: certificate('one'), expires_at };
    for (const make of [
      () => new HttpTransport(connection, peer),
      () => new ControlPlaneClient(connection),
      () => seatTransport(access),
    ]) {
      assert.throws(
        make,
        (error) => error instanceof InvalidInputError && error.message.includes('begins with https:'),
      );
    }
    assert.deepEqual(asked, []);
  });

  it('refuses an address that is none', () => {
    for (const url of ['', 'localhost:80', 'ftp://x', 'file:///etc/passwd']) {
      assert.throws(() => new HttpTransport({ url, token: '' }, peer), InvalidInputError);
    }
  });

  it('tells the refusal of an upload that was still under way', async () => {
    const server = await start((_, response) =>
      answer(response, 412, { error: { code: 'CHANGED', message: 'Lost.' } }),
    );
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
    });
    await assert.rejects(client(server).send({ method: 'PUT', path: '/', body: endless, idleMs: 5_000 }), ChangedError);
    assert.ok(endless.destroyed);
  });

  it("throws a local stream's own error, on the way out and on the way in", async () => {
    const server = await start((request, response) => {
      request.resume();
      if (request.method === 'GET') response.writeHead(200).write(Buffer.alloc(100_000));
    });
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const source = new Readable({ read: () => source.destroy(full) });
    const upload = client(server).send({ method: 'PUT', path: '/', body: source, idleMs: 5_000 });
    await assert.rejects(upload, (error) => error === full);
    const target = new Writable({ write: (_chunk, _encoding, done) => done(full) });
    const download = client(server).pipe({ method: 'GET', path: '/', idleMs: 5_000 }, target);
    await assert.rejects(download, (error) => error === full);
  });

  it('tells a download that breaks off or stalls', async () => {
    const server = await start((request, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 }).write(Buffer.alloc(1000));
      if (request.url === '/break') setTimeout(() => response.destroy(), 50);
    });
    for (const path of ['/break', '/stall']) {
      const target = new Writable({ write: (_chunk, _encoding, done) => done() });
      const download = client(server).pipe({ method: 'GET', path, idleMs: 200 }, target);
      await assert.rejects(download, UnavailableError);
    }
  });
});
