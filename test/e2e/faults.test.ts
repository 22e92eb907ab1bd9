/** What a person reads when the machine has a fault, and that nothing is lost over it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, it } from 'mocha';
import { isAlive } from '../../src/lib/process-identity.ts';
import { daemonFileSchema, type DaemonFile } from '../../src/protocol/daemon.ts';
import { untilIdle } from '../support/memory.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { processesNaming } from '../support/processes.ts';
import { TestState, until } from './control-plane-harness.ts';
import { VersionedHome } from './daemon-harness.ts';
import { CARAPACE, type Ran } from './cli-harness.ts';

interface ListedWorkshop {
  readonly id: string;
  readonly name: string;
  readonly code: string;
  readonly status: string;
  readonly error: { readonly message: string } | null;
}

/** A home on a small disk of its own. */
class DiskHome {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-disk-')));
  #disk: SmallDisk | undefined;

  async mount(kilobytes: number, readOnly = false): Promise<SmallDisk> {
    this.#disk = await SmallDisk.mount({ folder: this.folder, kilobytes, readOnly });
    return this.#disk;
  }

  get disk(): SmallDisk {
    assert.ok(this.#disk);
    return this.#disk;
  }

  async run(...words: string[]): Promise<Ran> {
    const [program = '', ...args] = this.disk.command([CARAPACE, ...words]);
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: this.folder,
      CARAPACE_HOME: this.folder,
      IMAGES_DIR: '/nowhere',
    };
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'close') as Promise<[number | null]>;
    const [stdout, stderr] = await Promise.all(
      [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray() as Promise<string[]>),
    );
    const [code] = await ended;
    return { code: code ?? -1, stdout: stdout?.join('') ?? '', stderr: stderr?.join('') ?? '' };
  }

  async expect(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...words);
    assert.equal(code, 0, `carapace ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  get daemonFile(): DaemonFile {
    return daemonFileSchema.parse(JSON.parse(readFileSync(this.disk.path('daemon.json'), 'utf8')));
  }

  /** What the control plane has logged, as far as there was room. */
  get log(): string {
    return readFileSync(this.disk.path('logs/serve.log'), 'utf8');
  }

  async workshops(): Promise<ListedWorkshop[]> {
    const answer = JSON.parse(await this.expect('workshop', 'list', '--json')) as { workshops: ListedWorkshop[] };
    return answer.workshops;
  }

  /** Ends the control plane with what it runs. */
  async dispose(): Promise<void> {
    for (const { pid } of processesNaming(this.folder).filter(({ command }) => !command.startsWith('sleep'))) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await this.#disk?.dispose();
    await until('nothing runs any more', () => (processesNaming(this.folder).length === 0 ? true : undefined));
    rmSync(this.folder, { recursive: true });
  }
}

describe('a disk that is full', function () {
  this.timeout(240_000);
  let home: DiskHome;
  before(function () {
    if (!SmallDisk.isPossible()) this.skip();
  });
  beforeEach(async () => {
    home = new DiskHome();
    await home.mount(4_096);
  });
  afterEach(() => home.dispose());

  it('is named when the control plane starts, which starts as soon as there is room', async () => {
    home.disk.fill();
    const refused = await home.run('workshop', 'list');
    assert.deepEqual(
      [refused.code, refused.stderr],
      [1, `carapace: Carapace cannot start: the disk of ${home.folder} is full. Make room on it and try again.\n`],
    );
    home.disk.free();
    assert.deepEqual(await home.workshops(), []);
  });

  it('is named by all that has to be written; what runs is told and goes on, and all works once there is room', async () => {
    await home.expect('workshop', 'create', 'One', '--seats', '2', '--wait');
    const controlPlane = home.daemonFile;
    const [one] = await home.workshops();
    const code = one?.code ?? '';
    const joined = JSON.parse(await home.expect('join', code, '--json', '--name', 'Alice')) as { seat: number };
    home.disk.fill();

    const full =
      /^carapace: The disk that holds .*store\.db is full\. Make room on it and try again\. \(request .*\)\n$/;
    const created = await home.run('workshop', 'create', 'Two', '--seats', '1', '--no-start');
    assert.equal(created.code, 1);
    assert.match(created.stderr, full);
    const stopped = await home.run('workshop', 'stop', 'One');
    assert.equal(stopped.code, 1);
    assert.match(stopped.stderr, full);
    // Somebody new is refused; who has a seat comes back to it, for nothing has to be written.
    const api = await fetch(`${controlPlane.url}/api/join`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code, name: 'Bob', rejoin_code: 'bobs-own-code-bobs-own-code' }),
    });
    assert.equal(api.status, 507);
    assert.match(((await api.json()) as { error: { message: string } }).error.message, /store\.db is full\. Make room/);
    const again = JSON.parse(await home.expect('join', code, '--json', '--name', 'Alice')) as { seat: number };
    assert.equal(again.seat, joined.seat);

    assert.deepEqual(
      (await home.workshops()).map(({ name, status }) => `${name} ${status}`),
      ['One running'],
    );
    assert.equal(await home.expect('seat', 'exec', 'One', '1', '--', 'echo', 'at work'), 'at work\n');
    const written = await home.run('seat', 'exec', 'One', '1', '--', 'sh', '-c', 'echo text >kept.txt');
    assert.notEqual(written.code, 0);
    assert.ok(isAlive(controlPlane), 'the control plane lives');

    home.disk.free();
    await home.expect('seat', 'exec', 'One', '1', '--', 'sh', '-c', 'echo text >kept.txt');
    await home.expect('workshop', 'create', 'Two', '--seats', '1', '--no-start');
    await home.expect('workshop', 'stop', 'One', '--wait');
    await home.expect('workshop', 'start', 'One', '--wait');
    assert.equal(await home.expect('seat', 'exec', 'One', '1', '--', 'cat', 'kept.txt'), 'text\n');
    assert.ok(isAlive(controlPlane), 'it is the same control plane');
    assert.deepEqual(
      (await home.workshops()).map(({ name, status }) => `${name} ${status}`),
      ['One running', 'Two created'],
    );
  });

  it('ends what is under way with a sentence, leaves nothing half made, and lets it be done again', async () => {
    await home.expect('workshop', 'create', 'Half', '--seats', '2', '--no-start');
    await home.expect('workshop', 'start', 'Half', '--no-wait');
    home.disk.fill();
    // It has given up once the agent that it had started is gone and it has nothing more to do.
    const { pid } = home.daemonFile;
    do await untilIdle(pid);
    while (processesNaming(home.folder).some(({ command }) => command.includes('agent.cjs')));
    // Its end is recorded as soon as there is room, and not before.
    assert.deepEqual(
      (await home.workshops()).map(({ status }) => status),
      ['provisioning'],
    );
    home.disk.free();
    const half = await until('it has ended', async () => (await home.workshops()).find(({ error }) => error !== null));
    assert.equal(half.status, 'error');
    assert.match(home.log, /the end of an operation cannot be recorded/, 'the lines of the log have waited, too');
    assert.match(
      half.error?.message ?? '',
      /store\.db is full\. Make room on it and try again\. No seat of it is left\. Start the workshop again or delete it\.$/,
    );
    await home.expect('workshop', 'start', 'Half', '--wait');
    assert.equal(await home.expect('seat', 'exec', 'Half', '2', '--', 'echo', 'made'), 'made\n');
  });

  it('is named by `carapace join` before a seat is taken', async () => {
    await home.expect('workshop', 'create', 'One', '--seats', '1', '--wait');
    const [one] = await home.workshops();
    home.disk.fill();
    const refused = await home.run('join', one?.code ?? '');
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /^carapace: The code that leads back to the seat cannot be kept in .*joined: the disk is full\. Make room on it and join again\.\n$/,
    );
    home.disk.free();
    const joined = JSON.parse(await home.expect('join', one?.code ?? '', '--json')) as { seat: number };
    assert.equal(joined.seat, 1);
  });
});

describe('a home that cannot be written', function () {
  this.timeout(60_000);
  let home: DiskHome;
  before(function () {
    if (!SmallDisk.isPossible()) this.skip();
  });
  beforeEach(() => {
    home = new DiskHome();
  });
  afterEach(() => home.dispose());

  it('is named, with what to do', async () => {
    await home.mount(1_024, true);
    const started = await home.run('workshop', 'list');
    assert.deepEqual(
      [started.code, started.stderr],
      [
        1,
        `carapace: Carapace cannot keep its state in ${home.folder} (EROFS). ` +
          'Make it a folder that you may write to, or set CARAPACE_HOME to another one.\n',
      ],
    );
    const served = await home.run('serve', '--port', '0');
    assert.equal(served.code, 1);
    const said = served.stderr.split('\n').find((line) => line.startsWith('carapace: ')) ?? served.stderr;
    assert.match(said, /^carapace: The s(tate folder|tore) .* cannot be (used|read and written)/);
    // A question that needs no control plane is answered.
    const status = await home.run('status');
    assert.equal(status.code, 0);
    assert.match(status.stdout, /No control plane runs/);
  });
});

describe('a port that is taken', function () {
  this.timeout(60_000);
  let state: TestState;
  beforeEach(() => {
    state = new TestState();
  });
  afterEach(() => state.dispose());

  it('is named, with what to do, and nothing is left', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      const ended = await state.runToEnd(['--port', String(port)]);
      assert.equal(ended.code, 1);
      assert.ok(
        ended.output.includes(
          `carapace: Port ${port} of 127.0.0.1 is taken by another program. Choose another with --port, or 0 for a free one.\n`,
        ),
        ended.output,
      );
      assert.equal(state.daemonFile(), undefined);
    } finally {
      other.close();
    }
    assert.ok((await state.serve()).file.url);
  });
});

/** Moves the clock that programs see by what a file says, in minutes. Timers go on as they are. */
const MOVED_CLOCK = (file: string): string => `{
  const { readFileSync } = require('node:fs');
  const RealDate = Date;
  const moved = () => { try { return Number(readFileSync(${JSON.stringify(file)}, 'utf8')) * 60_000; } catch { return 0; } };
  globalThis.Date = class Date extends RealDate {
    constructor(...parts) { if (parts.length === 0) super(RealDate.now() + moved()); else super(...parts); }
    static now() { return RealDate.now() + moved(); }
  };
}
`;

describe('a clock that jumps', function () {
  this.timeout(180_000);
  let home: VersionedHome;
  let program: string;
  beforeEach(() => {
    home = new VersionedHome();
    program = home.makeProgram('moved', { preamble: MOVED_CLOCK(join(home.folder, 'minutes')) });
  });
  afterEach(() => home.dispose());

  const moveClock = (minutes: number): void => writeFileSync(join(home.folder, 'minutes'), String(minutes));

  async function run(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await home.runProgram(program, words);
    assert.equal(code, 0, `carapace ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  const list = async (): Promise<ListedWorkshop[]> =>
    (JSON.parse(await run('workshop', 'list', '--json')) as { workshops: ListedWorkshop[] }).workshops;

  async function join_(code: string, name: string): Promise<{ seat: number; token: string; endpoint: string }> {
    const homeOfLearner = join(home.folder, name);
    mkdirSync(homeOfLearner, { recursive: true });
    const { url } = home.daemonFile()!;
    const words = ['join', `${url}/join#${code}`, '--json', '--name', name];
    const joined = await home.runProgram(program, words, { CARAPACE_HOME: homeOfLearner });
    assert.equal(joined.code, 0, joined.stderr);
    return JSON.parse(joined.stdout) as { seat: number; token: string; endpoint: string };
  }

  async function opens(seat: { seat: number; token: string; endpoint: string }, workshop: string): Promise<number> {
    const answer = await fetch(`${seat.endpoint}/proxy/${workshop}/${seat.seat}/files`, {
      headers: { authorization: `Bearer ${seat.token}` },
    });
    return answer.status;
  }

  it('by two hours, forward and back, changes nothing for a class that goes on for four', async () => {
    moveClock(0);
    await run('workshop', 'create', 'Class', '--seats', '4', '--wait');
    const { pid } = home.daemonFile()!;
    const [workshop] = await list();
    const [id, code] = [workshop?.id ?? '', workshop?.code ?? ''];
    const first = await join_(code, 'Alice');
    assert.equal(await opens(first, id), 200);
    for (const [minutes, name] of [
      [120, 'Bob'],
      [-120, 'Carol'],
    ] as const) {
      moveClock(minutes);
      // The control plane looks at the clock by itself every five seconds.
      await run('seat', 'exec', 'Class', '1', '--', 'sleep', '6');
      assert.equal(await opens(first, id), 200, `${minutes}: the token from before`);
      const next = await join_(code, name);
      assert.equal(await opens(next, id), 200, `${minutes}: a new token`);
      assert.equal((await join_(code, 'Alice')).seat, first.seat, `${minutes}: coming back`);
      assert.deepEqual(
        (await list()).map(({ status }) => status),
        ['running'],
      );
      await run('seat', 'reset', 'Class', '4', '--yes', '--wait');
    }
    assert.equal(home.daemonFile()?.pid, pid);
    moveClock(0);
    await run('workshop', 'stop', 'Class', '--wait');
    await run('workshop', 'start', 'Class', '--wait');
    const last = await join_(code, 'Alice');
    assert.deepEqual([last.seat, await opens(last, id)], [first.seat, 200]);
    // The agent's clock has moved all the while, too: a token ends after twelve hours.
    moveClock(13 * 60);
    assert.equal(await opens(last, id), 401);
  });

  it('past the end of a class stops it, and loses nothing of it', async () => {
    moveClock(0);
    await run('workshop', 'create', 'Class', '--seats', '1', '--wait');
    await run('seat', 'exec', 'Class', '1', '--', 'sh', '-c', 'echo text >kept.txt');
    moveClock(300);
    await until('it is stopped', async () => ((await list())[0]?.status === 'stopped' ? true : undefined));
    moveClock(0);
    await run('workshop', 'start', 'Class', '--wait');
    assert.equal(await run('seat', 'exec', 'Class', '1', '--', 'cat', 'kept.txt'), 'text\n');
    assert.ok(existsSync(join(home.folder, 'store.db')));
  });
});
