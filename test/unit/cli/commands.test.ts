import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { mkdtemp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { parse } from 'yaml';
import type { ErrorInfo } from '../../../src/protocol/errors.ts';
import type { OperationKind, OperationStatus } from '../../../src/protocol/operation.ts';
import { serve, type TestServer } from '../client/servers.ts';
import { run, runAtTerminal, type Ran } from './run.ts';
import { NO_SERVER } from './stub-cluster.ts';

const AT = '2026-01-01T10:00:00Z';

function workshop(id: string, name: string) {
  return {
    id,
    name,
    code: 'ABCD2345',
    seats: 2,
    status: 'running',
    runtime: 'process',
    provider: 'local',
    created_at: AT,
    expires_at: AT,
    endpoint: null,
    workers: [],
    price_per_hour: null,
    error: null,
  };
}

function seat(number: number) {
  const free = {
    learner: null,
    joined_at: null,
    connected: false,
    worker: null,
    ip: null,
    updated_at: AT,
    error: null,
  };
  return { workshop_id: 'ws-1', seat: number, status: 'ready', ...free };
}

/** The commands against a control plane that answers what each test says. */
describe('commands', () => {
  let server: TestServer;
  let home = '';
  let workshops = [workshop('ws-1', 'Intro'), workshop('ws-2', 'Twice'), workshop('ws-3', 'Twice')];
  let end: { status: OperationStatus; error: ErrorInfo | null } = { status: 'succeeded', error: null };
  let refusal: ErrorInfo | undefined;
  let kind: OperationKind = 'workshop.create';
  const log: string[] = [];
  const bodies: unknown[] = [];
  const tokens: (string | undefined)[] = [];

  const operation = (status: OperationStatus, error: ErrorInfo | null = null) => ({
    id: 'op-1',
    kind,
    subject: 'workshop/ws-1',
    title: 'Create workshop "Intro"',
    status,
    started_at: AT,
    ended_at: null,
    deadline: AT,
    error,
  });

  function answer(request: IncomingMessage, body: string): [number, unknown] {
    const target = `${request.method ?? ''} ${request.url ?? ''}`;
    log.push(target);
    tokens.push(request.headers.authorization);
    if (request.method === 'DELETE') kind = 'workshop.delete';
    if (body !== '') bodies.push(JSON.parse(body));
    if (refusal !== undefined && request.method !== 'GET') return [409, { error: refusal }];
    switch (target) {
      case 'GET /api/health':
        return [200, { status: 'ok', version: '1.2.3' }];
      case 'GET /api/cluster':
        return [200, { cluster: NO_SERVER }];
      case 'GET /api/workshops':
        return [200, { workshops }];
      case 'GET /api/workshops/ws-1':
        return [200, { workshop: workshops[0] }];
      case 'GET /api/workshops/ws-1/seats':
        return [200, { seats: [seat(1), seat(2)] }];
      case 'POST /api/workshops':
        return [201, { workshop: workshops[0], operation: operation('running') }];
      case 'GET /api/operations':
        return [200, { operations: [operation('running')] }];
      case 'GET /api/operations/op-1':
        return [200, { operation: operation(end.status, end.error) }];
      case 'POST /api/join':
        return [200, joined((bodies.at(-1) as { rejoin_code: string }).rejoin_code)];
      default:
        return [202, { operation: operation('running') }];
    }
  }

  const joined = (rejoin_code: string) => ({
    token: 'seat-token',
    learner_token: 'learner-token',
    endpoint: 'http://127.0.0.1:1',
    workshop_id: 'ws-1',
    seat: 1,
    rejoin_code,
    expires_at: AT,
  });

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'carapace-cli-'));
    workshops = [workshop('ws-1', 'Intro'), workshop('ws-2', 'Twice'), workshop('ws-3', 'Twice')];
    end = { status: 'succeeded', error: null };
    refusal = undefined;
    kind = 'workshop.create';
    for (const list of [log, bodies, tokens]) list.length = 0;
    server = await serve((request, response) => {
      if (request.url === '/api/operations/op-1/events') {
        const event = { timestamp: AT, type: 'progress', phase: 'seats', message: 'seat 1 is ready', subject: 's' };
        response.writeHead(200).end(`id: 1\ndata: ${JSON.stringify(event)}\n\n`);
        return;
      }
      void request.toArray().then((chunks) => {
        const [status, body] = answer(request, Buffer.concat(chunks as Buffer[]).toString());
        response.writeHead(status).end(JSON.stringify(body));
      });
    });
  });
  afterEach(async () => {
    await server.close();
    await rm(home, { recursive: true });
  });

  const at = (...words: string[]): Promise<Ran> =>
    run([...words, '--server', server.url], { CARAPACE_HOME: home, CARAPACE_TOKEN: 'from-the-environment' });
  const json = (ran: Ran): unknown => JSON.parse(ran.stdout);

  it('creates and waits: progress for a person on standard error, the result on standard output', async () => {
    const ran = await at('workshop', 'create', 'Intro', '--seats', '2', '--expires-in', '60', '--wait');
    assert.equal(ran.code, 0);
    assert.equal(ran.stderr, 'seats: seat 1 is ready\n');
    const line = 'Workshop "Intro" (ws-1): running, 2 seats, processes: no isolation, code ABCD-2345';
    assert.equal(ran.stdout, `${line}\nJoin link on this machine: ${server.url}/join#ABCD-2345\n`);
    workshops = workshops.map((each) => ({ ...each, join_link: 'https://class.example.org/join#ABCD-2345' }));
    const others = await at('workshop', 'create', 'Intro', '--seats', '2', '--wait');
    assert.equal(others.stdout, `${line}\nJoin link: https://class.example.org/join#ABCD-2345\n`);
    assert.deepEqual(bodies[0], { name: 'Intro', seats: 2, expires_in_minutes: 60 });
    assert.ok(tokens.every((token) => token === 'Bearer from-the-environment'));
  });

  it('prints JSON and nothing else', async () => {
    const waited = await at('workshop', 'create', 'Intro', '--seats', '2', '--json', '--wait');
    assert.equal(waited.stderr, '');
    assert.deepEqual(json(waited), {
      workshop: workshops[0],
      operation: operation('succeeded'),
      seats: [seat(1), seat(2)],
    });
    const begun = await at('workshop', 'create', '--seats', '2', '--json');
    assert.deepEqual(json(begun), { workshop: workshops[0], operation: operation('running') });
    assert.deepEqual(json(await at('workshop', 'list', '--json')), { workshops });
    assert.deepEqual(json(await at('workshop', 'show', 'Intro', '--json')), { workshop: workshops[0] });
    assert.deepEqual(json(await at('seat', 'list', 'ws-1', '--json')), { seats: [seat(1), seat(2)] });
  });

  it('ends with the code of what went wrong', async () => {
    const ends: [ErrorInfo['code'], number][] = [
      ['NO_CAPACITY', 5],
      ['TIMED_OUT', 1],
      ['CONFLICT', 4],
    ];
    for (const [code, exit] of ends) {
      end = { status: 'failed', error: { code, message: 'It did not work out.' } };
      const ran = await at('workshop', 'start', 'Intro', '--wait');
      assert.equal(ran.code, exit);
      assert.match(ran.stderr, /carapace: It did not work out\.\n$/);
      assert.equal(ran.stdout, '');
    }
    end = { status: 'cancelled', error: null };
    assert.equal((await at('workshop', 'start', 'Intro', '--wait')).code, 1);
    refusal = { code: 'ALREADY_RUNNING', message: 'It runs already.', request_id: 'r1' };
    const refused = await at('workshop', 'start', 'Intro', '--json');
    assert.equal(refused.code, 4);
    assert.deepEqual(JSON.parse(refused.stderr), { error: refusal });
    assert.equal((await at('workshop', 'show', 'Missing')).code, 3);
    await server.close();
    const gone = await at('workshop', 'list');
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /cannot be reached \(ECONNREFUSED\)/);
    server = await serve(() => undefined);
  });

  it('finds workshops by id and by a name that is the only one', async () => {
    await at('workshop', 'stop', 'ws-2');
    assert.equal(log.at(-1), 'POST /api/workshops/ws-2/stop');
    await at('workshop', 'delete', 'ws-2', '--yes', '--json');
    const deleted = log.indexOf('DELETE /api/workshops/ws-2');
    assert.ok(deleted !== -1 && log.indexOf('GET /api/operations/op-1') > deleted, 'it waited for the deletion');
    const before = log.length;
    const ambiguous = await at('workshop', 'delete', 'Twice', '--yes');
    assert.equal(ambiguous.code, 2);
    assert.match(ambiguous.stderr, /2 workshops are called "Twice".*ws-2, ws-3/);
    assert.deepEqual(log.slice(before), ['GET /api/workshops']);
    // An id is that workshop's, whatever others are called.
    workshops.push(workshop('ws-4', 'ws-1'));
    await at('workshop', 'extend', 'ws-1', '30');
    assert.equal(log.at(-1), 'POST /api/workshops/ws-1/extend');
    assert.deepEqual(bodies.at(-1), { expires_in_minutes: 30 });
  });

  it('shows a person tables and YAML', async () => {
    const list = await at('workshop', 'list');
    const [head, first] = list.stdout.split('\n');
    assert.match(head ?? '', /^ID +NAME +STATUS +SEATS +CODE +RUNTIME +ENDS$/);
    assert.equal(head?.indexOf('NAME'), first?.indexOf('Intro'));
    const shown = parse((await at('workshop', 'show', 'Intro')).stdout) as { code: string; seats: unknown[] };
    assert.equal(shown.code, 'ABCD-2345');
    assert.equal(shown.seats.length, 2);
    workshops = [];
    assert.match((await at('workshop', 'list')).stdout, /^No workshops\. Make one:/);
  });

  it('reports the status, and starts nothing for that', async () => {
    const named = await at('status', '--json');
    assert.deepEqual((json(named) as { version: string }).version, '1.2.3');
    const none = await run(['status'], { CARAPACE_HOME: home });
    assert.equal(none.code, 0);
    assert.match(none.stdout, /No control plane runs/);
    assert.deepEqual(await readdir(home), []);
  });

  it('joins again as the same learner, by a code that only its owner can read', async () => {
    const link = `${server.url}/join#abcd-2345`;
    const first = await run(['join', link, '--name', 'Ada', '--json'], { CARAPACE_HOME: home });
    const second = await run(['join', link, '--json'], { CARAPACE_HOME: home });
    const [sent, again] = bodies as { code: string; name?: string; rejoin_code: string }[];
    assert.equal(sent?.code, 'ABCD2345');
    assert.equal(sent.name, 'Ada');
    assert.ok(sent.rejoin_code.length >= 26);
    assert.equal(again?.rejoin_code, sent.rejoin_code);
    assert.deepEqual(json(first), joined(sent.rejoin_code));
    assert.equal(second.code, 0);
    assert.deepEqual(tokens, [undefined, undefined]);
    const folder = join(home, 'joined');
    const [file, ...others] = await readdir(folder);
    assert.deepEqual(others, []);
    assert.equal((await stat(join(folder, file!))).mode & 0o777, 0o600);
    assert.equal(await readFile(join(folder, file!), 'utf8'), `${sent.rejoin_code}\n`);
    // Another workshop of the same server has a seat of its own; a refusal leaves nothing behind.
    refusal = { code: 'NOT_FOUND', message: 'No workshop has this join code.' };
    const wrong = await run(['join', `${server.url}/join#WXYZ2345`], { CARAPACE_HOME: home });
    assert.equal(wrong.code, 3);
    assert.deepEqual(await readdir(folder), [file]);
  });

  it('deletes nothing when the question gets no, or Ctrl-D', async () => {
    for (const answer of ['', 'n', '\u0004']) {
      const words = ['workshop', 'delete', 'Intro', '--server', server.url];
      const ran = await runAtTerminal(words, { CARAPACE_HOME: home, CARAPACE_TOKEN: 'x' }, [answer]);
      assert.equal(ran.code, 1);
      assert.match(ran.stderr, /\[y\/N\] [^]*carapace: Nothing was deleted\.\n$/);
    }
    assert.ok(!log.some((target) => target.startsWith('DELETE')));
  });

  it('shows the ends of the logs', async () => {
    assert.equal((await run(['logs'], { CARAPACE_HOME: home })).code, 3);
    await mkdir(join(home, 'logs'));
    await writeFile(
      join(home, 'logs', 'serve.log'),
      Array.from({ length: 50 }, (_, line) => `line ${line}\n`).join(''),
    );
    await writeFile(join(home, 'logs', 'agent.log'), 'one line\n');
    const all = await run(['logs', '--lines', '2'], { CARAPACE_HOME: home });
    const paths = ['agent', 'serve'].map((name) => `==> ${join(home, 'logs', name)}.log`);
    assert.equal(all.stdout, `${paths[0]}\none line\n${paths[1]}\nline 48\nline 49\n`);
    assert.equal((await run(['logs', 'agent'], { CARAPACE_HOME: home })).stdout, `${paths[0]}\none line\n`);
    const nothing = await run(['logs', '--operation', 'op-none'], { CARAPACE_HOME: home });
    assert.deepEqual([nothing.code, nothing.stdout], [3, '']);
    assert.match(nothing.stderr, /No log in .* tells of op-none\./);
  });
});
