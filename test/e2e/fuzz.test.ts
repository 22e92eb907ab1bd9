/** Requests and frames that nobody should send: no process dies, nothing outside a workspace is seen, all refusals are typed. */
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { BROKEN_FRAMES, FuzzTerminal, fuzzedFrames, rudeFrames } from '../support/fuzz/frames.ts';
import { fuzzedBytes } from '../support/fuzz/bytes.ts';
import { CANARY, Judge } from '../support/fuzz/judge.ts';
import { fuzzedRequests, type FuzzedRequest, type World } from '../support/fuzz/requests.ts';
import { FuzzClient, judgeBytes, sendBytes, type Place } from '../support/fuzz/send.ts';
import {
  AGENT_TOKEN,
  createSeat,
  createWorker,
  endAgent,
  removeWorker,
  startAgent,
  type TestAgent,
} from './agent-harness.ts';
import { call, succeeded, TestState, type TestControlPlane } from './control-plane-harness.ts';
import { IS_FULL } from './cluster-harness.ts';

/** Of requests over all services together, and of frames. */
const COUNT = IS_FULL ? 100_000 : 10_000;
/** The same in each usual run: a new one finds new things, and is for those who look for them. */
const SEED = Number(process.env['CARAPACE_FUZZ_SEED'] ?? (IS_FULL ? Math.floor(Math.random() * 2 ** 31) : 20_261_121));
const CONNECTIONS = 12;
const BATCH = 500;
const SEAT = 'ws-fuzz';

/** More than this a process may not have at the end, in MiB: at rest they have 60 to 120. */
const MAX_MEMORY = 512;

function memoryOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  assert.ok(kilobytes !== undefined, `process ${pid} is gone`);
  return Number(kilobytes) / 1024;
}

/** Which process it is: a later one with the same number began at another time. */
function identityOf(pid: number): string {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
  return `${pid} since ${fields[19] ?? ''}`;
}

/** Runs work for each value, a few at once. */
async function forEach<T>(values: readonly T[], atOnce: number, work: (value: T) => Promise<void>): Promise<void> {
  const left = values.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const value of left) await work(value);
    }),
  );
}

function describeRequest({ method, target, headers, body }: FuzzedRequest): string {
  const text = body?.toString('latin1', 0, 200) ?? '';
  return `${method} ${target.slice(0, 300)} ${JSON.stringify(headers).slice(0, 300)} ${text} (seed ${SEED})`;
}

describe(`${COUNT} fuzzed requests and as many terminal frames, by the seed ${SEED}`, function () {
  this.timeout(IS_FULL ? 1_800_000 : 300_000);
  const worker = createWorker();
  const state = new TestState();
  const judge = new Judge();
  let agent: TestAgent;
  let controlPlane: TestControlPlane;
  let processes: ReadonlyMap<string, number>;
  let identities: ReadonlyMap<string, string>;
  let outside: string;
  let home: string;
  let round = 0;

  before(async () => {
    [agent, controlPlane] = await Promise.all([startAgent(worker, { args: ['--log-level', 'info'] }), state.serve()]);
    await createSeat(agent, SEAT, 1);
    const seat = join(worker.state, 'seats', SEAT, '1');
    home = join(seat, 'home');
    outside = join(worker.base, 'outside');
    mkdirSync(outside);
    for (const folder of [outside, seat]) {
      for (const name of [CANARY.name, CANARY.hidden])
        writeFileSync(join(folder, name), CANARY.content, { mode: 0o600 });
    }
    const { server } = JSON.parse(readFileSync(join(seat, 'state.json'), 'utf8')) as { server: { pid: number } };
    processes = new Map([
      ['control plane', controlPlane.file.pid],
      ['agent', agent.child.pid ?? 0],
      ['seat', server.pid],
    ]);
    identities = new Map([...processes].map(([name, pid]) => [name, identityOf(pid)]));
  });
  after(async () => {
    await endAgent(agent);
    removeWorker(worker);
    await state.dispose();
  });

  /** What leads out is put in again, where something has removed it. */
  function layTraps(): void {
    const folder = join(home, 'sub');
    // A request may have made a file of it.
    if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) rmSync(folder, { force: true });
    mkdirSync(folder, { recursive: true });
    const links = {
      'link-out': outside,
      'link-file': join(outside, CANARY.name),
      'link-up': '..',
      'sub/link-root': '/',
    };
    for (const [name, target] of Object.entries(links)) {
      const path = join(home, name);
      rmSync(path, { recursive: true, force: true });
      symlinkSync(target, path);
    }
  }

  function requireNothingOutside(): void {
    for (const folder of [outside, join(home, '..')]) {
      assert.equal(readFileSync(join(folder, CANARY.name), 'utf8'), CANARY.content);
    }
    assert.deepEqual(readdirSync(outside), [CANARY.name, CANARY.hidden]);
    // A log that has grown large makes way for a new one.
    const beside = readdirSync(join(home, '..')).filter((name) => name !== 'workspace-old.log');
    assert.deepEqual(beside.sort(), [CANARY.name, CANARY.hidden, 'home', 'state.json', 'workspace.log']);
  }

  async function fuzz(place: Place, world: World, share: number): Promise<void> {
    const client = new FuzzClient(place, CONNECTIONS);
    try {
      for (let left = Math.ceil(COUNT * share); left > 0; left -= BATCH) {
        layTraps();
        const requests = fc.sample(fuzzedRequests(world), { seed: SEED + round++, numRuns: Math.min(left, BATCH) });
        await forEach(requests, CONNECTIONS, async (request) => {
          const what = describeRequest(request);
          const answer = await client.send(request).catch((error: unknown) => {
            throw new Error(`${what} was not answered`, { cause: error });
          });
          judge.judge(answer, what);
        });
        requireNothingOutside();
      }
    } finally {
      client.close();
    }
  }

  async function fuzzBytes(places: readonly Place[], share: number): Promise<void> {
    const all = fc.sample(fuzzedBytes, { seed: SEED + round++, numRuns: Math.ceil(COUNT * share) });
    await forEach([...all.entries()], CONNECTIONS, async ([index, bytes]) => {
      const place = places[index % places.length];
      assert.ok(place);
      judgeBytes(
        judge,
        await sendBytes(place, bytes),
        `${JSON.stringify(bytes.toString('latin1', 0, 400))} (seed ${SEED})`,
      );
    });
  }

  const agentPlace = (): Place => ({ port: agent.port });
  const controlPlanePlace = (): Place => ({ port: Number(new URL(controlPlane.file.url).port) });
  const socket = (name: string): Place => ({ socketPath: join(worker.sockets, `${SEAT}-1`, `${name}.sock`) });
  const fileTargets = ['files/{}', 'files/{}', 'files/{}', 'files', 'archive', 'watch', 'exec', 'health', '{}'];
  const fileWorld = {
    words: ['sub', 'file.txt', 'link-out', 'link-file', 'link-up', '/', '..', 'sub/link-root/tmp'],
    bodies: [
      { content: 'eA==', encoding: 'base64' },
      { command: ['true'], cwd: 'sub' },
    ],
  };

  it('reach the control plane', async () => {
    const { client, file } = controlPlane;
    const { workshop, operation } = await client.createWorkshop({ name: 'Fuzzed', seats: 1, start: false });
    if (operation !== null) await succeeded(client, operation);
    const document = (await (await fetch(`${file.url}/api/openapi.json`)).json()) as { paths: object };
    const templates = Object.keys(document.paths)
      // Each of these would look for SkyPilot in a login shell, which takes its time.
      .filter((path) => !['/api/cluster/check', '/api/cluster/vaults'].includes(path))
      .map((path) => path.replaceAll(/\{\w+\}/g, '{}'));
    const world: World = {
      templates,
      words: [workshop.id, '1', '2', 'ws-nowhere1', operation?.id ?? 'op-nowhere1'],
      tokens: [file.token, file.token, file.token, '', 'wrong', 'a.b.c'],
      bodies: [
        { name: 'x', seats: 2, start: false },
        { code: workshop.code, name: 'Ada' },
        { role: 'learner' },
        { expires_in_minutes: 10 },
        { minutes: 10 },
        { name: 'carapace-node', cloud: 'aws', vaults: { public: '/tmp' } },
        {},
      ],
    };
    await fuzz(controlPlanePlace(), world, 0.3);
  });

  it('reach the agent', async () => {
    const templates = [
      '/vms',
      '/vms/{}/{}',
      '/vms/{}/{}/reset',
      '/proxy/{}/{}/{}',
      '/info',
      '/metrics',
      '/health',
      '/{}',
    ];
    const words = ['ws-nowhere1', '1', '500', '0', '-1', '1e2', 'health', 'terminal'];
    const bodies = [{ workshop_id: 'ws-nowhere1', seat_id: 3 }, { revoke_tokens: true }];
    await fuzz(
      agentPlace(),
      { templates, words, tokens: [AGENT_TOKEN, AGENT_TOKEN, '', 'wrong', 'a.b.c'], bodies },
      0.2,
    );
  });

  it('reach the files of a seat, through the agent and directly', async () => {
    const proxied = fileTargets.map((target) => `/proxy/${SEAT}/1/${target}`);
    await fuzz(agentPlace(), { ...fileWorld, templates: proxied, tokens: [AGENT_TOKEN] }, 0.25);
    const direct = fileTargets.map((target) => `/${target}`);
    await fuzz(socket('files'), { ...fileWorld, templates: direct, tokens: [''] }, 0.2);
  });

  it('are no HTTP at all', async () => {
    await fuzzBytes([controlPlanePlace(), agentPlace(), socket('files'), socket('terminal')], 0.05);
  });

  it('are frames of a terminal', async () => {
    const terminal = new FuzzTerminal(`${agent.url.replace('http', 'ws')}/proxy/${SEAT}/1/terminal`, AGENT_TOKEN);
    await terminal.begin();
    for (let left = COUNT; left > 0; left -= BATCH) {
      const frames = fc.sample(fuzzedFrames, { seed: SEED + round++, numRuns: Math.min(left, BATCH) });
      const rude = fc.sample(rudeFrames, { seed: SEED + round++, numRuns: 1 });
      await terminal.send(frames, true);
      await terminal.send(rude, left % (2 * BATCH) === 0);
      await terminal.send(frames.slice(0, 50), false);
    }
    const upgrade = [
      `GET /proxy/${SEAT}/1/terminal HTTP/1.1`,
      'Host: a',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: carapace.tty.v1',
      `Authorization: Bearer ${AGENT_TOKEN}`,
      '',
      '',
    ].join('\r\n');
    for (const frame of BROKEN_FRAMES) await sendBytes(agentPlace(), Buffer.concat([Buffer.from(upgrade), frame]));
  });

  it('end no process, see nothing outside, and leave all as fast and small as it was', async () => {
    requireNothingOutside();
    for (const [name, pid] of processes)
      assert.equal(identityOf(pid), identities.get(name), `${name} is the same process`);
    assert.equal((await call(controlPlane, 'GET', '/api/workshops')).status, 200);
    const health = await fetch(`${agent.url}/proxy/${SEAT}/1/health`, {
      headers: { authorization: `Bearer ${AGENT_TOKEN}` },
    });
    assert.equal(health.status, 200);
    const logs = [controlPlane.log(), agent.log(), readFileSync(join(home, '../workspace.log'), 'utf8')];
    for (const log of logs) {
      assert.ok(!/"level":"(?:fatal|error)"/.test(log), /^.*"level":"(?:fatal|error)".*$/m.exec(log)?.[0]);
      assert.ok(!log.includes(AGENT_TOKEN) && !log.includes(CANARY.content), 'no log has a secret');
    }
    const memory = [...processes].map(([name, pid]) => `${name} ${memoryOf(pid).toFixed(0)} MiB`);
    console.log(`      answers: ${judge.summary}; ${memory.join(', ')}`);
    for (const [name, pid] of processes) assert.ok(memoryOf(pid) < MAX_MEMORY, `${name}: ${memory.join(', ')}`);
    // A service that refuses everything would pass all of the above.
    for (const status of [200, 201, 204, 400, 401, 403, 404, 405, 409]) {
      assert.ok((judge.statuses.get(status) ?? 0) > 0, `there was no ${status}: ${judge.summary}`);
    }
  });
});
