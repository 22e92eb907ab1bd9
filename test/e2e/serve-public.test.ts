/** A control plane for others: TLS, a token, no process seats, and a relay to the seats. */
import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { pinCertificate } from '../../src/client/connection.ts';
import { SeatFiles } from '../../src/client/seat-files.ts';
import type { Joined } from '../../src/protocol/access.ts';
import { ForbiddenError, UnauthorizedError } from '../../src/protocol/errors.ts';
import { BEARER_SUBPROTOCOL_PREFIX, CLOSE_CODE, TERMINAL_SUBPROTOCOL } from '../../src/protocol/terminal.ts';
import { launchBrowser } from '../support/browser.ts';
import { TestHome, type Ran } from './cli-harness.ts';
import { succeeded, TestState, until } from './control-plane-harness.ts';
import { certificateFile, keyFile, PUBLIC_HOST as HOST, PUBLIC_TOKEN as TOKEN, PublicServer } from './public-server.ts';

const [CERT, KEY] = [certificateFile('one'), keyFile('one')];
const TLS = ['--tls-cert', CERT, '--tls-key', KEY];

interface Answered {
  readonly status: number;
  readonly body: string;
  readonly headers: Record<string, string | string[] | undefined>;
}

/** A call by hand, with the server's certificate pinned. */
function call(url: string, method: string, headers: Record<string, string> = {}, body?: string): Promise<Answered> {
  const { hostname, port, pathname, search } = new URL(url);
  return new Promise((done, fail) => {
    const options = { hostname, port, method, path: pathname + search, headers, agent: false };
    const outgoing = httpsRequest({ ...options, ...pinCertificate(readFileSync(CERT, 'utf8')) }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => done({ status: answer.statusCode ?? 0, body: text, headers: answer.headers }));
    });
    outgoing.on('error', fail);
    outgoing.end(body);
  });
}

describe('a control plane on a public address', function () {
  this.timeout(120_000);
  let state: TestState;
  beforeEach(() => (state = new TestState()));
  afterEach(() => state.dispose());

  it('does not start without TLS and a token, and says what to give', async () => {
    const cases: [string[], Record<string, string>, RegExp][] = [
      [[], {}, /Others can reach 127\.0\.0\.2, so .* give --tls-cert and --tls-key/],
      [['--tls-cert', CERT], {}, /give --tls-cert and --tls-key/],
      [TLS, {}, /at least 32 characters in the environment variable CARAPACE_TOKEN/],
      [TLS, { CARAPACE_TOKEN: 'short' }, /at least 32 characters/],
      [['--tls-cert', CERT, '--tls-key', keyFile('two')], { CARAPACE_TOKEN: TOKEN }, /is not that of/],
      [['--tls-cert', '/nowhere.pem', '--tls-key', KEY], { CARAPACE_TOKEN: TOKEN }, /nowhere\.pem .* \(ENOENT\)/],
      [[...TLS, '--public-url', 'http://example.org'], { CARAPACE_TOKEN: TOKEN }, /not valid for --public-url/],
      [[...TLS, '--host', '0.0.0.0'], { CARAPACE_TOKEN: TOKEN }, /say by --public-url which one/],
      [[...TLS, '--host', '127.0.0.1'], {}, /--tls-cert is for an address that others can reach/],
    ];
    for (const [args, environment, sentence] of cases) {
      const { code, output } = await state.runToEnd(['--host', HOST, ...args], environment);
      assert.equal(code, 2, output);
      assert.match(output, sentence);
      assert.equal(state.daemonFile(), undefined);
    }
  });

  it('serves by TLS and its own token, refuses process seats, and slows down who tries tokens and codes', async () => {
    const { child, log } = state.spawn({ CARAPACE_TOKEN: TOKEN }, ['--host', HOST, ...TLS]);
    const url = await until('it serves', () => /"public_url":"([^"]+)"/.exec(log())?.[1]);
    assert.match(url, /^https:\/\/127\.0\.0\.2:\d+$/);
    assert.ok(log().includes(`listening at ${url}"`), 'the log tells the address as it is');
    const certificate = readFileSync(CERT, 'utf8');
    const client = new ControlPlaneClient({ url, token: TOKEN, certificate });
    assert.equal((await client.health()).status, 'ok');
    await assert.rejects(new ControlPlaneClient({ url, token: TOKEN }).health(), /SELF_SIGNED/);
    const create = client.createWorkshop({ seats: 1, runtime: 'process' });
    await assert.rejects(
      create,
      (error) => error instanceof ForbiddenError && error.message.includes('plain processes'),
    );
    await assert.rejects(client.createWorkshop({ seats: 1 }), ForbiddenError, 'this machine has no other kind');
    const later = await client.createWorkshop({ seats: 1, start: false }).catch((error: unknown) => error);
    assert.ok(later instanceof ForbiddenError);
    assert.deepEqual(await client.listWorkshops(), []);

    const file = state.daemonFile();
    assert.match(file?.url ?? '', /^http:\/\/127\.0\.0\.1:\d+$/, 'its own clients find it on a loopback address');
    const local = new ControlPlaneClient({ url: file?.url ?? '', token: file?.token ?? '' });
    await assert.rejects(local.createWorkshop({ seats: 1, runtime: 'process' }), ForbiddenError);

    const page = await call(`${url}/join`, 'GET');
    assert.equal(page.status, 200);
    for (const [host, status] of [
      [`evil.example:1`, 403],
      ['192.0.2.7:1', 200],
      ['localhost', 200],
    ] as const) {
      assert.equal((await call(`${url}/api/health`, 'GET', { host })).status, status, host);
    }
    const wrong = { authorization: 'Bearer of-somebody-else' };
    const statuses: number[] = [];
    for (let n = 0; n < 22; n += 1) statuses.push((await call(`${url}/api/workshops`, 'GET', wrong)).status);
    assert.deepEqual([...new Set(statuses)], [401, 429]);
    assert.equal(statuses.indexOf(429), 20);
    const limited = await call(`${url}/api/workshops`, 'GET', wrong);
    assert.ok(Number(limited.headers['retry-after']) > 0);
    assert.match(limited.body, /SLOW_DOWN/);
    await client.listWorkshops();
    const guess = (): Promise<Answered> =>
      call(`${url}/api/join`, 'POST', { 'content-type': 'application/json' }, '{"code":"22222222"}');
    const guesses: number[] = [];
    for (let n = 0; n < 21; n += 1) guesses.push((await guess()).status);
    assert.deepEqual([guesses.indexOf(429), guesses[0]], [20, 404]);
    assert.ok(!log().includes(TOKEN), 'no token in the log');
    child.kill('SIGTERM');
    await until('it ends', () => child.exitCode ?? undefined);
    assert.equal(state.daemonFile(), undefined);
  });
});

describe('the relay of a control plane on a public address', function () {
  this.timeout(120_000);
  const server = new PublicServer();
  let url = '';
  let teacher: ControlPlaneClient;
  let ada: Joined;
  const certificate = readFileSync(CERT, 'utf8');

  before(async () => {
    await server.start('one');
    ({ url, teacher } = server);
    const { workshop, operation } = await teacher.createWorkshop({ seats: 2, runtime: 'process' });
    await succeeded(teacher, operation);
    ada = await teacher.join({ code: workshop.code, name: 'Ada' });
  });
  after(async () => {
    await succeeded(teacher, await teacher.deleteWorkshop(ada.workshop_id));
    assert.deepEqual(await server.dispose(), []);
  });

  const files = (access: Joined): SeatFiles =>
    new SeatFiles({ access, workshopId: access.workshop_id, seat: access.seat });
  const terminalUrl = (seat = ada.seat): string =>
    `${url.replace('https', 'wss')}/proxy/${ada.workshop_id}/${seat}/terminal`;
  const open = (
    token: string | undefined,
    protocols: string[] = [],
    target = terminalUrl(),
    more: Record<string, string> = {},
  ): WebSocket => {
    const headers = { ...more, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    return new WebSocket(target, protocols, { headers, ...pinCertificate(certificate) });
  };
  /** As a page of that origin does: the token is a subprotocol, and statuses cannot be seen. */
  const openAsPage = (token: string, target = terminalUrl(), origin = url): WebSocket =>
    open(undefined, [TERMINAL_SUBPROTOCOL, BEARER_SUBPROTOCOL_PREFIX + token], target, { origin });
  const closing = (socket: WebSocket): Promise<[code: number, reason: string]> =>
    new Promise((done, fail) => {
      socket.once('error', fail);
      socket.once('close', (code, reason) => done([code, reason.toString()]));
    });
  const opened = (socket: WebSocket): Promise<void> =>
    new Promise((done, fail) => {
      socket.once('open', () => done());
      socket.once('error', fail);
    });

  it('is the endpoint that clients are told, with its certificate, and the server of the link', async () => {
    assert.deepEqual([ada.endpoint, ada.certificate], [url, certificate]);
    const workshop = await teacher.getWorkshop(ada.workshop_id);
    assert.equal(workshop.endpoint, url);
    assert.match(workshop.join_link ?? '', new RegExp(`^${url}/join#[0-9A-Z]{4}-[0-9A-Z]{4}$`));
  });

  it('carries files both ways, whole and refused', async () => {
    const bytes = randomBytes(12 * 1024 * 1024);
    const path = 'big file #1 %.bin';
    await files(ada).write(path, bytes);
    const read = await files(ada).read(path);
    const sum = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
    assert.equal(sum(read.bytes), sum(bytes));
    await assert.rejects(files({ ...ada, token: `${ada.token}x` }).list(''), UnauthorizedError);
    await assert.rejects(files({ ...ada, seat: 2 }).list(''), ForbiddenError, 'another seat');
    const base = `${url}/proxy/${ada.workshop_id}`;
    const authorization = `Bearer ${ada.token}`;
    const statuses = await Promise.all([
      call(`${base}/1/files?path=`, 'GET', { authorization }),
      call(`${base}/1/files?path=`, 'GET'),
      call(`${base}/9/files?path=`, 'GET', { authorization }),
      call(`${base}/1/nothing`, 'GET', { authorization }),
      call(`${base}/1/files?path=`, 'GET', { authorization, origin: 'https://evil.example' }),
      call(`${url}/proxy/`, 'GET', { authorization }),
      call(`${url}/proxy/vms`, 'GET', { authorization }),
    ]);
    assert.deepEqual(
      statuses.map(({ status }) => status),
      [200, 401, 404, 404, 403, 404, 404],
    );
    for (const { status, body } of statuses) if (status !== 200) assert.match(body, /"error":\{"code":/);
  });

  it('splices terminals: bytes, subprotocols, a token as a subprotocol, and refusals', async () => {
    const plain = open(ada.token);
    let shown = '';
    plain.on('message', (data: Buffer) => (shown += data.toString()));
    await opened(plain);
    // More than all buffers on the way hold, so that a relay which stops at a full one would not come to the end.
    plain.send(Buffer.from('seq 1 400000; echo the-$((20+22))-end\n'));
    await until('all of it came', () => (shown.includes('the-42-end') ? true : undefined));
    assert.ok(shown.includes('\r\n399999\r\n400000\r\n'));
    await until('the teacher sees them', async () =>
      (await teacher.listSeats(ada.workshop_id))[0]?.connected === true ? true : undefined,
    );
    plain.terminate();

    const browser = openAsPage(ada.token);
    await opened(browser);
    assert.equal(browser.protocol, TERMINAL_SUBPROTOCOL);
    browser.terminate();

    assert.equal((await closing(openAsPage('nonsense')))[0], CLOSE_CODE.unauthorized, 'told by the agent');
    assert.deepEqual(await closing(openAsPage(ada.token, terminalUrl(9))), [
      CLOSE_CODE.notFound,
      'There is no such seat, or it does not run.',
    ]);
    await assert.rejects(opened(open('nonsense')), /401/);
    await assert.rejects(opened(open(undefined)), /401/);
    await assert.rejects(opened(open(ada.token, [], terminalUrl(9))), /404/);
    await assert.rejects(opened(open(ada.token, [], `${url.replace('https', 'wss')}/api/events`)), /404/);
  });

  it('opens nothing for the page of another site, whatever token that has', async () => {
    for (const origin of ['https://evil.example', 'null', url.replace('https', 'http'), 'https://127.0.0.2']) {
      await assert.rejects(opened(openAsPage(ada.token, terminalUrl(), origin)), /403/, origin);
      await assert.rejects(opened(open(ada.token, [], terminalUrl(), { origin })), /403/, origin);
      for (const [method, path] of [
        ['POST', '/api/join'],
        ['GET', '/api/learner'],
        ['GET', `/proxy/${ada.workshop_id}/1/files?path=`],
      ] as const) {
        const { status, body, headers } = await call(`${url}${path}`, method, {
          origin,
          authorization: `Bearer ${ada.token}`,
        });
        assert.equal(status, 403, path);
        assert.match(body, /"FORBIDDEN".*Pages of other sites/);
        assert.equal(headers['access-control-allow-origin'], undefined);
      }
    }
    const authorization = `Bearer ${ada.token}`;
    const list = `${url}/proxy/${ada.workshop_id}/1/files?path=`;
    assert.equal((await call(list, 'GET', { authorization, origin: url })).status, 200, 'its own page');
  });

  it('takes its own page in a browser to the terminal, by TLS', async () => {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage({ ignoreHTTPSErrors: true });
      const problems: string[] = [];
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      assert.equal((await page.goto(`${url}/seat`))?.status(), 200);
      const given = JSON.stringify([terminalUrl(), TERMINAL_SUBPROTOCOL, BEARER_SUBPROTOCOL_PREFIX + ada.token]);
      const told = await page.evaluate(`(([target, ...protocols]) => new Promise((done) => {
        const socket = new WebSocket(target, protocols);
        socket.onmessage = () => done(socket.protocol);
        socket.onclose = ({ code }) => done('closed ' + code);
      }))(${given})`);
      assert.equal(told, TERMINAL_SUBPROTOCOL);
      assert.deepEqual(problems, []);
    } finally {
      await browser.close();
    }
  });

  it('relays no second request on a connection that was to become a terminal', async () => {
    const { connect } = await import('node:tls');
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), ...pinCertificate(certificate) });
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    const smuggled = `GET /health HTTP/1.1\r\nHost: agent\r\n\r\n`;
    socket.write(
      `GET /proxy/${ada.workshop_id}/1/terminal HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Authorization: Bearer nonsense\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    );
    await new Promise((done) => socket.once('close', done));
    assert.match(answer, /^HTTP\/1\.1 401 /);
    assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1, answer);
    assert.ok(!answer.includes('uptime_seconds'));
  });

  it('is joined from the command line once its certificate is accepted, and not when that has changed', async () => {
    const home = new TestHome();
    const workshop = await teacher.getWorkshop(ada.workshop_id);
    const link = workshop.join_link ?? '';
    const fingerprint = new X509Certificate(certificate).fingerprint256;
    const joinBy = (...words: string[]): Promise<Ran> => home.run(['join', link, '--name', 'Bob', ...words]);
    try {
      const unknown = await joinBy();
      assert.equal(unknown.code, 2, unknown.stderr);
      assert.ok(unknown.stderr.replace(/\s/g, '').includes(fingerprint.replaceAll(':', '')), unknown.stderr);
      const other = await joinBy('--fingerprint', 'ab'.repeat(32));
      assert.equal(other.code, 1);
      assert.match(other.stderr, /another certificate than the one that --fingerprint names/);
      assert.equal((await teacher.listLearners(ada.workshop_id)).length, 1, 'nothing was sent');
      const joined = await joinBy('--fingerprint', fingerprint.toLowerCase(), '--personal-link');
      assert.equal(joined.code, 0, joined.stderr);
      const personal = joined.stdout.trim();
      assert.match(personal, new RegExp(`^${link}\\.[a-z0-9]{26}$`));
      const shell = await home.run(['join', link], 'echo by-the-$((20+22))-relay; exit 7\n');
      assert.equal(shell.code, 7, shell.stderr);
      assert.ok(shell.stdout.includes('by-the-42-relay'));
      assert.deepEqual(
        (await teacher.listLearners(ada.workshop_id)).map(({ name }) => name),
        ['Ada', 'Bob'],
      );

      const elsewhere = new TestHome();
      const back = await elsewhere.run(['join', personal, '--fingerprint', fingerprint, '--json']);
      await elsewhere.dispose();
      assert.equal((JSON.parse(back.stdout) as Joined).seat, 2, 'another machine, the same seat');

      const folder = join(home.folder, 'joined');
      const pinned = readdirSync(folder).find((name) => name.endsWith('.pem'));
      copyFileSync(certificateFile('two'), join(folder, pinned ?? ''));
      const changed = await joinBy('--json');
      assert.equal(changed.code, 1);
      assert.match(changed.stderr, /another certificate than the one that was accepted on this machine/);
    } finally {
      await home.dispose();
    }
  });

  it('slows down who tries seat tokens, and nobody who has one', async () => {
    const list = (token: string): Promise<Answered> =>
      call(`${url}/proxy/${ada.workshop_id}/1/files?path=`, 'GET', { authorization: `Bearer ${token}` });
    let limited: Answered | undefined;
    for (let n = 0; n < 21 && limited?.status !== 429; n += 1) limited = await list('nonsense');
    assert.equal(limited?.status, 429);
    await assert.rejects(opened(open('nonsense')), /429/);
    const [code, reason] = await closing(openAsPage('nonsense'));
    assert.equal(code, CLOSE_CODE.unauthorized, 'a page asks for a new token then');
    assert.match(reason, /^Too many tokens that are not valid /);
    assert.equal((await list(ada.token)).status, 200);
    const plain = open(ada.token);
    await opened(plain);
    plain.terminate();
  });
});
