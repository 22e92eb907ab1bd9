/** What the control plane of this machine serves to browsers: its pages, the way to the seats, and nothing to other sites. */
import assert from 'node:assert/strict';
import { createServer, request, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { WebSocket } from 'ws';
import type { ControlPlaneClient } from '../../src/client/control-plane.ts';
import type { Joined } from '../../src/protocol/access.ts';
import { BEARER_SUBPROTOCOL_PREFIX, CLOSE_CODE, TERMINAL_SUBPROTOCOL } from '../../src/protocol/terminal.ts';
import { launchBrowser } from '../support/browser.ts';
import { ATTACK, FRAME, LOAD, LOAD_SCRIPT, READ, SHELL } from './browser-scripts.ts';
import { call, succeeded, TestState, until, type TestControlPlane } from './control-plane-harness.ts';

/** What a learner would make a page of this server, if they could. */
const EVIL = {
  'evil.html': '<!doctype html><title>evil</title><script>globalThis.evil = true</script>',
  'evil.svg': '<svg xmlns="http://www.w3.org/2000/svg"><script>globalThis.evil = true</script></svg>',
  'evil.js': 'globalThis.evil = true;',
};

describe('the control plane of this machine, as a browser meets it', function () {
  this.timeout(120_000);
  let state: TestState;
  let controlPlane: TestControlPlane;
  let teacher: ControlPlaneClient;
  let ada: Joined;
  let code: string;
  let seat: string;
  before(async () => {
    state = new TestState();
    controlPlane = await state.serve();
    teacher = controlPlane.client;
    const { workshop, operation } = await teacher.createWorkshop({ seats: 2, runtime: 'process' });
    await succeeded(teacher, operation);
    code = workshop.code;
    ada = await teacher.join({ code, name: 'Ada' });
    seat = `/proxy/${ada.workshop_id}/${ada.seat}`;
    for (const [name, body] of Object.entries(EVIL)) {
      const headers = { 'content-type': 'application/octet-stream' };
      assert.equal(
        (await call(controlPlane, 'PUT', `${seat}/files/${name}`, { token: ada.token, headers, body })).status,
        201,
      );
    }
  });
  after(() => state.dispose());

  const own = (): string => controlPlane.file.url;
  /** A request with a Host of our choice, which `fetch` does not send. */
  const askBy = (host: string, path: string, origin?: string): Promise<{ status: number; body: string }> => {
    const headers = { host, authorization: `Bearer ${ada.token}`, ...(origin !== undefined && { origin }) };
    return new Promise((done, fail) => {
      const outgoing = request(own() + path, { headers, agent: false }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        answer.on('end', () => done({ status: answer.statusCode ?? 0, body }));
      });
      outgoing.on('error', fail).end();
    });
  };
  const openTerminal = (token: string, origin: string, number = ada.seat): WebSocket => {
    const url = `${own().replace('http', 'ws')}/proxy/${ada.workshop_id}/${number}/terminal?cols=80&rows=24`;
    return new WebSocket(url, [TERMINAL_SUBPROTOCOL, BEARER_SUBPROTOCOL_PREFIX + token], { origin });
  };
  const closing = (socket: WebSocket): Promise<number> =>
    new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error('it stays open')), 30_000);
      socket.once('error', fail);
      socket.once('close', done);
      socket.once('close', () => clearTimeout(timer));
    });

  it('serves its pages, which refer to nothing that is not there', async () => {
    const found = new Set<string>();
    for (const path of ['/join', '/seat']) {
      const { status, body, headers } = await call(controlPlane, 'GET', path, { token: null });
      assert.equal(status, 200);
      assert.equal(headers.get('content-type'), 'text/html; charset=utf-8');
      assert.match(headers.get('content-security-policy') ?? '', /^default-src 'none'; script-src 'self'; /);
      const html = String(body['text']);
      assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)|\son\w+=|<style/, 'its policy would refuse that');
      for (const [, reference = ''] of html.matchAll(/(?:src|href)="([^"#]+)"/g)) {
        if (!reference.startsWith('data:')) found.add(reference);
      }
    }
    for (const name of ['join.js', 'join.css', 'seat.js', 'seat.css']) assert.ok(found.has(`browser/${name}`), name);
    for (const reference of found) {
      assert.equal((await call(controlPlane, 'GET', `/${reference}`, { token: null })).status, 200, reference);
    }
  });

  it('goes on without the pages, and says what is missing', async () => {
    const other = new TestState();
    try {
      // Its program stands alone in a folder.
      other.useFakeAgent({});
      const bare = await other.serve();
      const page = await call(bare, 'GET', '/join', { token: null });
      assert.equal(page.status, 503);
      assert.match(String(page.body['text']), /has no pages for browsers/);
      assert.equal((await bare.client.health()).status, 'ok');
      assert.match(
        bare.log(),
        /"missing":\["join\.html",.*no pages for browsers/,
        'whoever runs it finds that in the log',
      );
    } finally {
      await other.dispose();
    }
  });

  it('takes its own pages to the seats, by the name that they were opened by', async () => {
    for (const name of ['127.0.0.1', 'localhost', '[::1]']) {
      const origin = own().replace('127.0.0.1', name);
      const { status, body } = await askBy(new URL(origin).host, `${seat}/files?path=`, origin);
      assert.equal(status, 200, body);
      const { files } = JSON.parse(body) as { files: { name: string }[] };
      assert.deepEqual(
        files.map((file) => file.name).filter((file) => file in EVIL),
        Object.keys(EVIL).sort(),
      );
    }
    const terminal = openTerminal(ada.token, own());
    let shown = '';
    terminal.on('message', (data: Buffer, isBinary) => (shown += isBinary ? data.toString() : ''));
    await once(terminal, 'open');
    assert.equal(terminal.protocol, TERMINAL_SUBPROTOCOL);
    terminal.send(Buffer.from('echo the-$((20+22))-way\n'));
    await until('the shell answers', () => (shown.includes('the-42-way') ? true : undefined));
    terminal.terminate();
  });

  it('tells a page by codes of closing why its terminal does not open, again and again', async () => {
    // More than a server for others bears of one address, which here is that of a whole class.
    for (let n = 0; n < 25; n += 1) {
      assert.equal(await closing(openTerminal('nonsense', own())), CLOSE_CODE.unauthorized);
    }
    assert.equal(await closing(openTerminal(ada.token, own(), 2)), CLOSE_CODE.unauthorized, "another's seat");
    assert.equal(await closing(openTerminal(ada.token, own(), 9)), CLOSE_CODE.notFound);
  });

  it('refuses requests and terminals of other sites, whatever token they have', async () => {
    const { port } = new URL(own());
    for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:1`, `https://127.0.0.1:${port}`]) {
      await assert.rejects(closing(openTerminal(ada.token, origin)), /403/, origin);
      for (const [method, path, body] of [
        ['GET', `${seat}/files?path=`, undefined],
        ['GET', '/api/workshops', undefined],
        ['POST', '/api/join', JSON.stringify({ code })],
      ] as const) {
        const told = await call(controlPlane, method, path, {
          headers: { origin },
          ...(body !== undefined && { body }),
        });
        assert.equal(told.status, 403, `${origin} ${path}`);
        assert.equal(told.body.error?.code, 'FORBIDDEN');
        assert.equal(told.headers.get('access-control-allow-origin'), null);
      }
    }
    // By a name that somebody else made lead here.
    for (const origin of [undefined, `http://evil.example:${port}`]) {
      const { status, body } = await askBy(`evil.example:${port}`, '/join', origin);
      assert.deepEqual([status, body.includes('by no other name')], [403, true]);
    }
    assert.equal((await teacher.listLearners(ada.workshop_id)).length, 1);
  });

  it('leaves in no cache what a token has opened', async () => {
    for (const path of ['/api/learner', `${seat}/files?path=`]) {
      const { status, headers } = await call(controlPlane, 'GET', path, {
        token: path.startsWith('/api') ? ada.learner_token : ada.token,
      });
      assert.deepEqual([status, headers.get('cache-control')], [200, 'no-store'], path);
    }
    const refused = await call(controlPlane, 'GET', '/api/learner', { token: null });
    assert.deepEqual([refused.status, refused.headers.get('cache-control')], [401, 'no-store']);
  });

  it('joins nobody by a request that any page may send without being asked about', async () => {
    const body = JSON.stringify({ code, name: 'Eve' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '']) {
      const told = await call(controlPlane, 'POST', '/api/join', {
        token: null,
        headers: { 'content-type': type },
        body,
      });
      assert.equal(told.status, 400, type);
      assert.equal(told.body.error?.code, 'INVALID_INPUT');
    }
    const asked = await call(controlPlane, 'OPTIONS', '/api/join', {
      token: null,
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    assert.deepEqual([asked.status, asked.headers.get('access-control-allow-methods')], [403, null]);
    assert.equal((await teacher.listLearners(ada.workshop_id)).length, 1);
  });

  describe('in a real one', () => {
    let browser: Browser;
    let foreign: Server;
    let elsewhere: string;
    before(async () => {
      browser = await launchBrowser();
      foreign = createServer((_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>elsewhere</title>');
      });
      await once(foreign.listen(0, '127.0.0.1'), 'listening');
      elsewhere = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`;
    });
    after(async () => {
      await browser.close();
      foreign.closeAllConnections();
      foreign.close();
    });

    const run = (page: Page, script: string, given: unknown): Promise<unknown> =>
      page.evaluate(`(${script})(${JSON.stringify(given)})`);
    const isEvil = (page: Page): Promise<unknown> => page.evaluate('globalThis.evil');

    it('shows nothing of a seat as a page, also not what its own page has just read', async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      for (const [name, content] of Object.entries(EVIL)) {
        const address = `${own()}${seat}/files/${name}`;
        assert.equal((await page.goto(address))?.status(), 401, name);
        assert.equal(await isEvil(page), undefined);
        await page.goto(`${own()}/join`);
        const read = await run(page, READ, [address, ada.token]);
        assert.deepEqual(read, [200, content, 'no-store', "sandbox; default-src 'none'; frame-ancestors 'none'"]);
        // Not out of the browser's cache, either.
        assert.equal((await page.goto(address))?.status(), 401, name);
        assert.equal(await isEvil(page), undefined);
      }
      assert.deepEqual(await context.cookies(), []);
      await context.close();
    });

    it('takes its own page to a terminal, and says there why it does not open', async () => {
      const page = await browser.newPage();
      const problems: string[] = [];
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      for (const origin of [own(), own().replace('127.0.0.1', 'localhost')]) {
        await page.goto(`${origin}/seat`);
        assert.equal(await run(page, SHELL, [seat, ada.token]), 'answered', origin);
        assert.equal(await run(page, SHELL, [seat, 'nonsense']), `closed ${CLOSE_CODE.unauthorized}`);
        const nowhere = seat.replace(/1$/, '9');
        assert.equal(await run(page, SHELL, [nowhere, ada.token]), `closed ${CLOSE_CODE.notFound}`);
      }
      assert.deepEqual(problems, []);
      await page.close();
    });

    it('makes no script, worker or picture of what a seat has', async () => {
      const page = await browser.newPage();
      await page.goto(`${own()}/join`);
      const loaded = await run(page, LOAD, [`${seat}/files/evil.js`, `${seat}/files/evil.svg`]);
      assert.deepEqual(loaded, ['refused', 'refused', 'refused']);
      assert.equal(await isEvil(page), undefined);
      // The same of this server's own: it is not by chance that nothing was loaded.
      assert.equal(await run(page, LOAD_SCRIPT, '/browser/join.js'), 'loaded');
      await page.close();
    });

    it('lets the page of another site neither read, nor join, nor open a terminal, nor frame it', async () => {
      const page = await browser.newPage();
      await page.goto(elsewhere);
      const outcome = await run(page, ATTACK, [own(), seat, ada.token, JSON.stringify({ code, name: 'Eve' })]);
      assert.deepEqual(outcome, ['refused', 'refused', 'sent', 'closed 1006']);
      assert.equal((await teacher.listLearners(ada.workshop_id)).length, 1);
      await run(page, FRAME, `${own()}/join`);
      const [, inner] = page.frames();
      assert.equal(inner?.url(), 'chrome-error://chromewebdata/');
      await page.close();
    });
  });
});
