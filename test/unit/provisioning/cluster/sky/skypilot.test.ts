import assert from 'node:assert/strict';
import { join } from 'node:path';
import { NoCredentialsError, NotFoundError, UnavailableError } from '../../../../../src/protocol/errors.ts';
import { createSkyFinder } from '../../../../../src/provisioning/cluster/sky/finder.ts';
import type { FollowTimes } from '../../../../../src/provisioning/cluster/sky/follow.ts';
import type { Sky, SkyLine } from '../../../../../src/provisioning/cluster/sky/sky.ts';
import { answers, failed, json, makeHome, StandInServer, succeeded, until, UNHURRIED, type Home } from './fixtures.ts';
import { CHECK_TEXT, FAILURES, LAUNCH_STREAM, NOT_REFRESHED, PRINTED, QUOTA_LOG, ROWS } from './recorded.ts';

const NAME = 'carapace-node';
const ID = 'aaaaaaaa-0000-4000-8000-000000000001';
const STATUS = { refresh: false, signal: UNHURRIED };

let home: Home;
let server: StandInServer;
let sky: Sky;

/** A stand-in `sky`: notes its arguments, tells its version, then what `cases` say. */
function command(...cases: string[]): void {
  const version = answers('--version', PRINTED.version);
  home.command('sky', [version, 'echo "$*" >> "$HOME/said"', ...cases, 'echo "unexpected: $*" >&2; exit 9'].join('\n'));
}

function find(followTimes: Partial<FollowTimes> = {}): Promise<Sky> {
  const environment = { ...home.environment, SKYPILOT_API_SERVER_ENDPOINT: server.url };
  const finder = createSkyFinder({ environmentOf: () => Promise.resolve(environment), followTimes });
  return finder.find(undefined, UNHURRIED);
}

beforeEach(async () => {
  home = makeHome();
  server = new StandInServer();
  await server.open();
  command();
  sky = await find();
});
afterEach(async () => {
  await server.close();
  home.dispose();
});

describe("a cluster's status", () => {
  it('is asked by REST, in the version that the server speaks, and without keys and pickles', async () => {
    server.onRequest('/status', ID, { body: succeeded(ID, 'sky.status', [ROWS.stopped]) });
    const record = await sky.status(NAME, STATUS);
    assert.equal(record?.status, 'STOPPED');
    const [, asked] = server.received;
    assert.equal(asked?.headers['x-skypilot-api-version'], '62');
    assert.equal(asked.headers['x-skypilot-version'], '0.14.1');
    const body = asked.body as Record<string, unknown>;
    assert.deepEqual(
      [body['cluster_names'], body['refresh'], body['include_credentials'], body['include_handle']],
      [[NAME], 'NONE', false, false],
    );
    assert.deepEqual(home.said(), []);
  });

  it('has an address that is looked for once, until the cluster is launched again or stopped', async () => {
    command(answers('"status --ip carapace-node"', PRINTED.address));
    const tell = (row: unknown): void => server.onRequest('/status', ID, { body: succeeded(ID, 'sky.status', [row]) });
    tell(ROWS.up);
    assert.equal((await sky.status(NAME, STATUS))?.ip, '203.0.113.7');
    assert.equal((await sky.status(NAME, STATUS))?.ip, '203.0.113.7');
    assert.equal(home.said().length, 1);
    tell({ ...ROWS.up, launched_at: 7 });
    await sky.status(NAME, STATUS);
    assert.equal(home.said().length, 2);
    tell(ROWS.stopped);
    assert.equal((await sky.status(NAME, STATUS))?.ip, null);
    tell({ ...ROWS.up, launched_at: 7 });
    await sky.status(NAME, STATUS);
    assert.equal(home.said().length, 3);
  });

  it('is not told when the cloud could not be asked', async () => {
    server.onRequest('/status', ID, { body: succeeded(ID, 'sky.status', [ROWS.stopped]), printed: NOT_REFRESHED });
    await assert.rejects(sky.status(NAME, { refresh: true, signal: UNHURRIED }), NoCredentialsError);
    assert.equal((server.received[1]?.body as { refresh: string }).refresh, 'FORCE');
    assert.equal((await sky.status(NAME, STATUS))?.status, 'STOPPED');
  });

  it('comes from the command line where the server refuses REST', async () => {
    command(
      answers('"status carapace-nod[e] -o json"', PRINTED.statusUp),
      answers('"status carapace-nod[e] -r -o json"', PRINTED.statusNone),
      answers('"status --ip carapace-node"', '', 1, PRINTED.addressOfUnknown),
    );
    server.on('POST /status', (_, response) => json(response, 400, FAILURES.tooOld));
    const record = await sky.status(NAME, STATUS);
    assert.deepEqual([record?.status, record?.ip], ['UP', null]);
    server.on('POST /status', (_, response) => json(response, 404, { detail: 'Not Found' }));
    assert.equal(await sky.status(NAME, { refresh: true, signal: UNHURRIED }), undefined);
  });

  it('ends with its signal', async () => {
    server.on('POST /status', () => undefined);
    const abort = new AbortController();
    const asking = sky.status(NAME, { refresh: false, signal: abort.signal });
    await until(() => server.received.length === 2);
    const reason = new Error('enough');
    abort.abort(reason);
    await assert.rejects(asking, reason);
  });

  it('that nobody waits for any more is not asked any longer', async () => {
    server.onRequest('/status', ID, { body: null });
    server.on(`GET /api/get?request_id=${ID}`, () => undefined);
    server.onRequest('/api/cancel', 'cancels', { body: null });
    const abort = new AbortController();
    const asking = sky.status(NAME, { refresh: false, signal: abort.signal });
    await until(() => server.received.length === 3);
    abort.abort(new Error('enough'));
    await assert.rejects(asking, /enough/);
    assert.deepEqual((server.received.at(-1)?.body as { request_ids: string[] }).request_ids, [ID]);
  });
});

describe("SkyPilot's server", () => {
  it('is started once when it does not answer, and never by asking whether it does', async () => {
    await server.close();
    assert.equal(await sky.isServing(UNHURRIED), false);
    // The command only notes that it was called; the test brings the server up in its place.
    command(`case "$*" in "api start") while [ ! -e "$HOME/up" ]; do sleep 0.02; done; exit 0;; esac`);
    server.onRequest('/status', ID, { body: succeeded(ID, 'sky.status', []) });
    const asking = Promise.all([sky.status(NAME, STATUS), sky.status(NAME, STATUS)]);
    await until(() => home.said().length > 0);
    await server.open();
    home.command('../up', '');
    assert.deepEqual(await asking, [undefined, undefined]);
    assert.deepEqual(home.said(), ['api start']);
    assert.equal(await sky.isServing(UNHURRIED), true);
  });

  it('that does not start is an error that says so', async () => {
    await server.close();
    command(
      answers('"api start"', '', 1, 'RuntimeError: SkyPilot API server process exited unexpectedly.\nView logs\n'),
    );
    await assert.rejects(sky.status(NAME, STATUS), (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.match(error.message, /SkyPilot API server process exited unexpectedly/);
      return true;
    });
    command(answers('"api start"', ''));
    await assert.rejects(sky.stop(NAME, UNHURRIED), /was started but does not answer/);
  });
});

describe('the verbs', () => {
  it('are asked by REST', async () => {
    for (const path of ['/start', '/stop', '/down']) server.onRequest(path, ID, { body: null });
    assert.equal(await sky.start(NAME, UNHURRIED), ID);
    assert.equal(await sky.stop(NAME, UNHURRIED), ID);
    assert.equal(await sky.down(NAME, { purge: true, signal: UNHURRIED }), ID);
    const bodies = server.received.filter(({ method }) => method === 'POST').map(({ body }) => body);
    assert.deepEqual(
      bodies.map((body) => (body as { cluster_name: string }).cluster_name),
      [NAME, NAME, NAME],
    );
    assert.equal((bodies[2] as { purge: boolean }).purge, true);
  });

  it('go by the command line where REST is refused', async () => {
    command(
      answers('"stop -y --async carapace-node"', PRINTED.stopAsync),
      answers('"down -y --async --purge carapace-node"', PRINTED.stopOfUnknown),
      answers('"autostop -y -i 30 --down carapace-node"', ''),
      answers('"autostop -y --cancel carapace-node"', ''),
    );
    assert.match(await sky.stop(NAME, UNHURRIED), /^[0-9a-f-]{36}$/);
    await assert.rejects(sky.down(NAME, { purge: true, signal: UNHURRIED }), NotFoundError);
    await sky.autostop(NAME, 30, true, UNHURRIED);
    await sky.autostop(NAME, 0, true, UNHURRIED);
    assert.equal(home.said().length, 4);
  });

  it('set the idle time, -1 for never, and tell why not', async () => {
    server.onRequest('/autostop', ID, { body: succeeded(ID, 'sky.autostop', null) });
    await sky.autostop(NAME, 0, true, UNHURRIED);
    await sky.autostop(NAME, 15, true, UNHURRIED);
    const bodies = server.received.filter(({ method }) => method === 'POST').map(({ body }) => body);
    assert.deepEqual(
      bodies.map((body) => {
        const { idle_minutes: minutes, down } = body as { idle_minutes: number; down: boolean };
        return [minutes, down];
      }),
      [
        [-1, false],
        [15, true],
      ],
    );
    server.onRequest('/autostop', ID, { status: 500, body: failed(ID, 'sky.autostop', FAILURES.gone) });
    await assert.rejects(sky.autostop(NAME, 15, false, UNHURRIED), NotFoundError);
  });

  it('check the clouds', async () => {
    server.onRequest('/check', ID, {
      body: succeeded(ID, 'sky.check', { default: { AWS: ['compute'] } }),
      printed: CHECK_TEXT,
    });
    const { enabled_clouds: enabled, disabled_clouds: disabled } = await sky.check(UNHURRIED);
    assert.deepEqual(enabled, ['AWS']);
    assert.match(disabled['RunPod'] ?? '', /runpod/);
  });
});

describe('a launch', () => {
  const FILE = '/home/teacher/task.yaml';

  it('goes by the command line, and answers its request', async () => {
    server.on('GET /api/status', (_, response) => json(response, 200, []));
    command(
      answers(`"launch -y --async -c carapace-node ${FILE}"`, PRINTED.launch),
      answers(`"launch -y --async --fast -c carapace-node ${FILE}"`, PRINTED.launch),
    );
    assert.equal(await sky.launch(NAME, FILE, { signal: UNHURRIED }), ID);
    assert.equal(await sky.launch(NAME, FILE, { fast: true, signal: UNHURRIED }), ID);
  });

  it('that is refused says why', async () => {
    server.on('GET /api/status', (_, response) => json(response, 200, []));
    command(answers('launch*', '', 1, PRINTED.badName));
    await assert.rejects(sky.launch(NAME, FILE, { signal: UNHURRIED }), /^InvalidInputError: The name cannot be used/);
  });

  it('that is given up after SkyPilot heard it is cancelled there, and no other', async () => {
    const rows = [{ request_id: 'older', name: 'sky.launch', status: 'RUNNING', cluster_name: NAME }];
    server.on('GET /api/status', ({ path }, response) => {
      const id = new URL(path, server.url).searchParams.get('request_ids');
      json(response, 200, id === null ? rows : []);
    });
    server.onRequest('/api/cancel', 'cancels', { body: succeeded('cancels', 'sky.api_cancel', []) });
    command('case "$*" in launch*) sleep 600;; esac');
    const abort = new AbortController();
    const launching = sky.launch(NAME, FILE, { signal: abort.signal });
    await until(() => home.said().length === 1);
    rows.push({ request_id: ID, name: 'sky.launch', status: 'RUNNING', cluster_name: NAME });
    abort.abort(new Error('enough'));
    await assert.rejects(launching, /enough/);
    const cancelled = server.received.filter(({ path }) => path === '/api/cancel').map(({ body }) => body);
    assert.deepEqual(
      cancelled.map((body) => (body as { request_ids: string[] }).request_ids),
      [[ID]],
    );
  });
});

describe('cancelling', () => {
  it('ends when the request has ended', async () => {
    server.onRequest('/api/cancel', 'cancels', { body: succeeded('cancels', 'sky.api_cancel', [ID]) });
    let looks = 0;
    server.on('GET /api/status', (_, response) => {
      looks += 1;
      const status = looks < 3 ? 'RUNNING' : 'CANCELLED';
      json(response, 200, [{ request_id: ID, name: 'sky.launch', status, cluster_name: NAME }]);
    });
    await sky.cancel(ID, UNHURRIED);
    assert.equal(looks, 3);
  });

  it('of what the server does not know is done', async () => {
    server.onRequest('/api/cancel', 'cancels', { body: succeeded('cancels', 'sky.api_cancel', []) });
    server.on('GET /api/status', (_, response) => json(response, 404, { detail: `Request '${ID}' not found` }));
    await sky.cancel(ID, UNHURRIED);
  });
});

describe('following a request', () => {
  const STREAM = `GET /api/stream?request_id=${ID}&format=console&follow=true`;
  const lines: SkyLine[] = [];
  const follow = (given: Sky, signal = UNHURRIED) => given.follow(ID, (line) => lines.push(line), signal);

  beforeEach(() => {
    lines.length = 0;
  });

  it('tells its lines, and how it ended', async () => {
    server.onRequest('/launch', ID, { body: succeeded(ID, 'sky.launch', null), printed: LAUNCH_STREAM });
    assert.deepEqual(await follow(sky), { kind: 'succeeded' });
    assert.ok(lines.some((line) => line.text === '✓ Cluster launched: carapace-node.'));
    server.onRequest('/launch', ID, { body: { request_id: ID, name: 'sky.launch', status: 'CANCELLED' } });
    assert.deepEqual(await follow(sky), { kind: 'cancelled' });
  });

  it('gives the reason that only the log tells', async () => {
    server.onRequest('/launch', ID, {
      status: 500,
      body: failed(ID, 'sky.launch', FAILURES.capacity),
      printed: QUOTA_LOG,
    });
    const outcome = await follow(sky);
    assert.ok(outcome.kind === 'failed' && outcome.message.includes('VcpuLimitExceeded'));
  });

  it('knows one that was lost, or interrupted by a restart', async () => {
    server.on(STREAM, (_, response) => json(response, 404, { detail: `Request '${ID}' not found` }));
    assert.deepEqual(await follow(sky), { kind: 'lost' });
    const interrupted = { type: 'RequestInterruptedError', message: 'by an API server restart' };
    server.onRequest('/launch', ID, { status: 500, body: failed(ID, 'sky.launch', interrupted) });
    assert.deepEqual(await follow(sky), { kind: 'lost' });
  });

  it('goes on where the connection broke, without telling a line twice', async () => {
    const half = LAUNCH_STREAM.slice(0, LAUNCH_STREAM.length / 2);
    server.onRequest('/launch', ID, { body: succeeded(ID, 'sky.launch', null), printed: LAUNCH_STREAM });
    const whole: SkyLine[] = [];
    await sky.follow(ID, (line) => whole.push(line), UNHURRIED);
    let connections = 0;
    server.on(STREAM, async (_, response) => {
      connections += 1;
      if (connections === 3) return void response.end(LAUNCH_STREAM);
      response.write(half);
      await until(() => lines.length > 5);
      response.destroy();
    });
    assert.deepEqual(await follow(await find({ firstPause: 1 })), { kind: 'succeeded' });
    assert.equal(connections, 3);
    assert.deepEqual(lines, whole);
  });

  it('starts a server that stays away, and finds the request lost', async () => {
    const patient = await find({ firstPause: 1, longestPause: 2, startAfter: 10, giveUpAfter: 60_000 });
    server.on(STREAM, (_, response) => json(response, 404, { detail: `Request '${ID}' not found` }));
    await server.close();
    command(`case "$*" in "api start") while [ ! -e "$HOME/up" ]; do sleep 0.02; done; exit 0;; esac`);
    const following = follow(patient);
    await until(() => home.said().length > 0);
    await server.open();
    home.command('../up', '');
    assert.deepEqual(await following, { kind: 'lost' });
    assert.deepEqual(home.said(), ['api start']);
  });

  it('gives up when the server stays away, and ends with its signal', async () => {
    await server.close();
    command(answers('"api start"', '', 1, 'RuntimeError: no\n'));
    const impatient = await find({ firstPause: 1, longestPause: 2, startAfter: 5, giveUpAfter: 30 });
    await assert.rejects(follow(impatient), UnavailableError);
    assert.deepEqual(home.said(), ['api start']);
    const abort = new AbortController();
    const following = follow(await find({ firstPause: 60_000 }), abort.signal);
    abort.abort(new Error('enough'));
    await assert.rejects(following, /enough/);
  });

  it('asks again for one that outlives its stream', async () => {
    let waits = 0;
    server.on(STREAM, (_, response) => void response.end('a line\n'));
    server.on(`GET /api/get?request_id=${ID}`, (_, response) => {
      waits += 1;
      if (waits > 1) json(response, 200, succeeded(ID, 'sky.stop', null));
    });
    assert.deepEqual(await follow(await find({ wait: 50 })), { kind: 'succeeded' });
    assert.deepEqual(
      lines.map((line) => line.text),
      ['a line'],
    );
  });

  it('goes by the command line where REST is refused', async () => {
    const rows = [{ request_id: ID, name: 'sky.launch', status: 'FAILED', cluster_name: NAME }];
    command(
      answers(`"api logs ${ID}"`, 'Looking\n', 1, 'sky.exceptions.NoCloudAccessError: Cloud access is not set up.\n'),
      answers('"api status -o json -a"', `${JSON.stringify(rows, undefined, 2)}\n`),
    );
    assert.deepEqual(await follow(sky), {
      kind: 'failed',
      type: 'NoCloudAccessError',
      message: 'Cloud access is not set up.',
    });
    assert.deepEqual(lines.map((line) => line.text).at(0), 'Looking');
  });
});

describe('the SSH entry and the offers', () => {
  it('come from SkyPilot', async () => {
    command(answers('"status carapace-node"', 'Clusters\n'));
    await sky.writeSshEntry(NAME, UNHURRIED);
    assert.deepEqual(home.said(), ['status carapace-node']);
    server.onRequest('/list_accelerators', ID, { body: succeeded(ID, 'sky.list_accelerators', {}) });
    assert.deepEqual(await sky.offers({ clouds: ['AWS'], cpus: '4+', memory: '16+' }, UNHURRIED), []);
    assert.equal(server.received.at(-1)?.path, `/api/get?request_id=${ID}`);
    assert.ok(sky.command === join(home.folder, 'bin', 'sky') && sky.canStop('AWS', false));
  });
});
