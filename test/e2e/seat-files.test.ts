/** The files of a real seat through a real agent: watched, archived, large, many, and with any name. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Header } from 'tar';
import { downloadFolder, uploadFolder } from '../../src/cli/seat-copy-folder.ts';
import { SeatFiles } from '../../src/client/seat-files.ts';
import { ConflictError, InvalidInputError, NotFoundError, type CarapaceError } from '../../src/protocol/errors.ts';
import type { WatchEvent } from '../../src/protocol/files.ts';
import {
  call,
  createSeat,
  createWorker,
  endAgent,
  processesOf,
  removeWorker,
  seatToken,
  startAgent,
  until,
  type TestAgent,
  type Worker,
} from './agent-harness.ts';

const MIB = 1024 * 1024;
const LARGE_BYTES = 100 * MIB;
const WARM_UP_BYTES = 16 * MIB;
/** How much a process may need more while a large file passes through it. */
const FLAT_BYTES = 64 * MIB;

/** Any name that a file can have. */
const names = fc
  .array(fc.constantFrom('a', 'B', ' ', '#', '%', '😀', '\n', 'é', '"', "'", '\\', '?', '&', '=', '+', ';', '%2e'), {
    minLength: 1,
    maxLength: 10,
  })
  .map((letters) => letters.join(''));

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

/** What a client of the watch is told, noted while it goes on. */
class Watching {
  readonly events: WatchEvent[] = [];
  readonly #gone = new AbortController();
  ended: unknown;

  constructor(files: SeatFiles, path = '') {
    void this.#read(files, path);
  }

  async #read(files: SeatFiles, path: string): Promise<void> {
    try {
      for await (const event of files.watch(path, { signal: this.#gone.signal })) this.events.push(event);
    } catch (error) {
      this.ended = error;
    }
  }

  has(type: WatchEvent['type'], path?: string): boolean {
    return this.events.some((event) => event.type === type && (event.type === 'reset' || event.path === path));
  }

  async tells(type: WatchEvent['type'], path?: string): Promise<void> {
    await until(`${type} ${JSON.stringify(path)} is told`, () => (this.has(type, path) ? true : undefined));
  }

  leave(): void {
    this.#gone.abort(new Error('left'));
  }
}

describe('the files of a seat', function () {
  this.timeout(300_000);
  let worker: Worker;
  let agent: TestAgent;
  let files: SeatFiles;
  let home: string;

  before(async () => {
    worker = createWorker();
    agent = await startAgent(worker);
    await createSeat(agent, 'ws-f', 1);
    files = await clientOf(1);
    home = homeOf(1);
  });

  after(async () => {
    await endAgent(agent, 'SIGKILL');
    removeWorker(worker);
  });

  async function clientOf(seat: number): Promise<SeatFiles> {
    const token = await seatToken('ws-f', seat);
    const access = { endpoint: agent.url, token, expires_at: '2035-01-01T00:00:00Z' };
    return new SeatFiles({ access, workshopId: 'ws-f', seat });
  }

  /** The workspace server of a seat. */
  function serverOf(seat: number): number {
    const line = processesOf(worker).find((each) => {
      const words = each.split('\0');
      return each.includes('workspace.cjs') && words.some((word) => word.includes(`/ws-f/${seat}/`));
    });
    assert.ok(line !== undefined, processesOf(worker).join('\n'));
    return parseInt(line, 10);
  }

  function homeOf(seat: number): string {
    const words = readFileSync(`/proc/${serverOf(seat)}/cmdline`, 'utf8').split('\0');
    return words[words.indexOf('--root') + 1]!;
  }

  /** Runs something, and answers how much more memory the agent and the seat's server needed meanwhile, in bytes. */
  async function growth(work: () => Promise<void>): Promise<{ agent: number; seat: number }> {
    const pids = { agent: agent.child.pid!, seat: serverOf(1) };
    const before = { agent: memoryOf(pids.agent, 'VmRSS'), seat: memoryOf(pids.seat, 'VmRSS') };
    for (const pid of Object.values(pids)) writeFileSync(`/proc/${pid}/clear_refs`, '5');
    await work();
    return { agent: memoryOf(pids.agent, 'VmHWM') - before.agent, seat: memoryOf(pids.seat, 'VmHWM') - before.seat };
  }

  function requireFlat(what: string, grown: { agent: number; seat: number }): void {
    const text = `${what}: agent +${mib(grown.agent)}, seat +${mib(grown.seat)}`;
    console.log(`      ${text}`);
    assert.ok(grown.agent < FLAT_BYTES && grown.seat < FLAT_BYTES, text);
  }

  it('passes 100 MB in and out with flat memory, as a file and as an archive', async () => {
    let sent = '';
    let received = '';
    // Code and the first garbage are not what is measured.
    await files.writeFrom(
      'large.bin',
      largeFile(() => undefined, WARM_UP_BYTES),
    );
    await files.readTo(
      'large.bin',
      digesting(() => undefined),
    );
    const upload = await growth(async () => {
      const source = largeFile((digest) => (sent = digest));
      await files.writeFrom('large.bin', source);
    });
    requireFlat('100 MB in', upload);
    const download = await growth(async () => {
      await files.readTo(
        'large.bin',
        digesting((digest) => (received = digest)),
      );
    });
    requireFlat('100 MB out', download);
    assert.equal(received, sent);
    const archive = new PassThrough();
    const through = await growth(async () => {
      // Out of the seat and into it again at the same time.
      await Promise.all([
        files.archiveTo('large.bin', archive),
        files.archiveFrom('unpacked', archive, { overwrite: false }),
      ]);
    });
    requireFlat('100 MB as an archive, out and in', through);
    await files.readTo(
      'unpacked/large.bin',
      digesting((digest) => (received = digest)),
    );
    assert.equal(received, sent);
    await files.remove('large.bin');
    await files.remove('unpacked');
  });

  it('lists, watches and archives a folder of 10,000 entries', async () => {
    const folder = join(home, 'many');
    mkdirSync(folder);
    for (let index = 0; index < 10_000; index++) writeFileSync(join(folder, `file-${index}`), '');
    const started = performance.now();
    assert.equal((await files.list('many')).length, 10_000);
    console.log(`      10,000 entries listed in ${(performance.now() - started).toFixed(0)} ms`);
    const watching = new Watching(files, 'many');
    await watching.tells('reset');
    await files.write('many/file-777', Buffer.from('x'));
    await watching.tells('changed', 'many/file-777');
    const archive = new PassThrough();
    await Promise.all([files.archiveTo('many', archive), files.archiveFrom('many-too', archive, { overwrite: false })]);
    assert.equal((await files.list('many-too')).length, 10_000);
    watching.leave();
    await files.remove('many');
    await files.remove('many-too');
  });

  it('answers for what is absent at once, with a typed error', async () => {
    const started = performance.now();
    for (let index = 0; index < 300; index++) {
      await assert.rejects(files.stat(`.vscode/settings-${index}.json`), NotFoundError);
    }
    console.log(`      an absent file told in ${((performance.now() - started) / 300).toFixed(1)} ms`);
  });

  it('takes any name in every call', async () => {
    const watching = new Watching(files);
    await watching.tells('reset');
    await fc.assert(
      fc.asyncProperty(names, names, names, async (folder, first, second) => {
        const top = `any-${folder}`;
        const path = `${top}/${first}`;
        const bytes = Buffer.from(path);
        await files.write(path, bytes);
        await watching.tells('created', path);
        assert.deepEqual(Buffer.from((await files.read(path)).bytes), bytes);
        assert.deepEqual(readFileSync(join(home, top, first)), bytes);
        const { file } = await files.stat(path);
        assert.deepEqual([file.name, file.path, file.size], [first, path, bytes.length]);
        assert.deepEqual(
          (await files.list(top)).map((entry) => entry.name),
          [first],
        );
        await files.copy(path, `${top}/copied/${second}`, { overwrite: false });
        await files.move(`${top}/copied/${second}`, `${top}/moved ${second}`, { overwrite: false });
        await watching.tells('created', `${top}/moved ${second}`);
        const archive = new PassThrough();
        await Promise.all([
          files.archiveTo(top, archive),
          files.archiveFrom(`${top}-unpacked`, archive, { overwrite: false }),
        ]);
        assert.deepEqual(readdirSync(join(home, `${top}-unpacked`)).sort(), readdirSync(join(home, top)).sort());
        await files.remove(`${top}-unpacked`);
        await files.remove(top);
        await watching.tells('deleted', top);
        watching.events.length = 0;
      }),
      { numRuns: 30, endOnFailure: true },
    );
    watching.leave();
  });

  it('tells of changes at once, and ends in the seat when the client leaves', async () => {
    await createSeat(agent, 'ws-f', 2);
    const [other, pid] = [await clientOf(2), serverOf(2)];
    const watching = new Watching(other);
    await watching.tells('reset');
    assert.ok(inotifyWatches(pid) > 0);
    const root = homeOf(2);
    let slowest = 0;
    for (let index = 0; index < 10; index++) {
      const started = performance.now();
      writeFileSync(join(root, `f${index}`), '');
      await watching.tells('created', `f${index}`);
      slowest = Math.max(slowest, performance.now() - started);
    }
    console.log(`      a change is told after ${slowest.toFixed(0)} ms at most`);
    watching.leave();
    await until('the seat watches nothing any more', () => (inotifyWatches(pid) === 0 ? true : undefined));
  });

  it('ends a watch when its seat is reset, with a typed error', async () => {
    await createSeat(agent, 'ws-f', 3);
    const watching = new Watching(await clientOf(3));
    await watching.tells('reset');
    assert.equal((await call(agent, 'POST', '/vms/ws-f/3/reset')).status, 200);
    await until('the watch has ended', () => watching.ended);
    assert.equal((watching.ended as CarapaceError).code, 'UNAVAILABLE');
    const again = new Watching(await clientOf(3));
    await again.tells('reset');
    again.leave();
  });

  it('refuses with typed errors through the agent', async () => {
    const cases: [string, string, number, string][] = [
      ['GET', '/watch?path=..', 403, 'FORBIDDEN'],
      ['GET', '/watch?path=nowhere', 404, 'NOT_FOUND'],
      ['POST', '/watch', 405, 'INVALID_INPUT'],
      ['GET', '/watch/x', 404, 'NOT_FOUND'],
      ['GET', '/archive?path=nowhere', 404, 'NOT_FOUND'],
      ['GET', '/archive/x', 404, 'NOT_FOUND'],
      ['PUT', '/archive?path=../x', 403, 'FORBIDDEN'],
      ['PUT', '/archive?path=x', 400, 'INVALID_INPUT'],
    ];
    for (const [method, path, status, code] of cases) {
      const answer = await call(agent, method, `/proxy/ws-f/1${path}`);
      assert.deepEqual([answer.status, answer.body.error.code], [status, code], `${method} ${path}`);
    }
    await assert.rejects(files.archiveFrom('x', Readable.from(['no archive']), { overwrite: true }), InvalidInputError);
    assert.equal((await call(agent, 'GET', '/proxy/ws-f/1/watch', undefined, await seatToken('ws-f', 2))).status, 403);
  });

  it('lets its refusal of an upload arrive, also where the client reads only once it has sent everything', async () => {
    await files.write('taken', Buffer.from('x'));
    const piece = Buffer.alloc(MIB / 16);
    const count = 48;
    const { hostname, port } = new URL(agent.url);
    const socket = connect(Number(port), hostname).pause();
    const broken = once(socket, 'error').then(([error]) => Promise.reject(error as Error));
    const head = [
      'PUT /proxy/ws-f/1/files/taken HTTP/1.1',
      'host: agent',
      `authorization: Bearer ${await seatToken('ws-f', 1)}`,
      'if-none-match: *',
      `content-length: ${count * piece.length}`,
      'connection: close',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    for (let sent = 0; sent < count; sent += 1) {
      await Promise.race([broken, sleep(5)]);
      socket.write(piece);
    }
    const [answer] = (await Promise.race([broken, once(socket.resume(), 'data')])) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 412 /);
    broken.catch(() => undefined);
    socket.destroy();
  });

  it('leaves nothing of an archive whose client goes away in the middle', async () => {
    const token = await seatToken('ws-f', 1);
    const sent = request(`${agent.url}/proxy/ws-f/1/archive?path=broken`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'transfer-encoding': 'chunked' },
    });
    sent.on('error', () => undefined);
    const archive = archiveOf(['a', 'x'.repeat(1000)], ['b', Math.random().toString().repeat(100_000)]);
    sent.write(archive.subarray(0, archive.length - 100));
    await until('the seat has begun', () => (readdirSync(home).includes('broken') ? true : undefined));
    sent.destroy();
    await until('nothing is left', () => (readdirSync(home).includes('broken') ? undefined : true));
  });

  describe('copied as folders', () => {
    let local: string;
    const { signal } = new AbortController();
    beforeEach(() => (local = mkdtempSync(join(tmpdir(), 'seat-files-local-'))));
    afterEach(() => rmSync(local, { recursive: true, force: true }));

    it('come in and go out whole, and join what is there', async () => {
      const from = join(local, 'from');
      mkdirSync(join(from, 'deep', 'empty'), { recursive: true });
      writeFileSync(join(from, 'deep', 'odd #1 100% 💥\n.txt'), 'odd');
      symlinkSync('deep', join(from, 'link'));
      await uploadFolder(files, from, 'copied', signal);
      await uploadFolder(files, from, 'copied', signal);
      await files.write('copied/more', Buffer.from('more'));
      const to = join(local, 'to');
      mkdirSync(join(to, 'deep'), { recursive: true });
      writeFileSync(join(to, 'deep', 'kept'), 'kept');
      await downloadFolder(files, 'copied', to, signal);
      assert.deepEqual(readdirSync(to).sort(), ['deep', 'link', 'more']);
      assert.deepEqual(readdirSync(join(to, 'deep')).sort(), ['empty', 'kept', 'odd #1 100% 💥\n.txt']);
      assert.deepEqual(readdirSync(local).sort(), ['from', 'to']);
      const again = files.archiveFrom('copied', Readable.from([archiveOf(['more', 'x'])]), { overwrite: false });
      await assert.rejects(again, (error) => error instanceof ConflictError && error.message.includes('"copied/more"'));
    });

    it('end with what went wrong on this side', async () => {
      await assert.rejects(uploadFolder(files, join(local, 'missing'), 'never', signal), /ENOENT/);
      await assert.rejects(files.stat('never'), NotFoundError);
      const gone = AbortSignal.abort(new Error('interrupted'));
      await assert.rejects(uploadFolder(files, local, 'never', gone), /interrupted/);
      await assert.rejects(downloadFolder(files, '', join(local, 'to'), gone), /interrupted/);
      assert.deepEqual(readdirSync(local), []);
    });

    it('are refused where the seat sends what leads out of the target', async () => {
      let archive: Buffer = archiveOf();
      const hostile = createServer((_request, response) => response.end(archive));
      await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve));
      const { port } = hostile.address() as AddressInfo;
      try {
        const access = { endpoint: `http://127.0.0.1:${port}`, token: 't', expires_at: '2035-01-01T00:00:00Z' };
        const seat = new SeatFiles({ access, workshopId: 'ws-f', seat: 1 });
        const bad: Buffer[] = [
          archiveOf(['good', 'good'], ['../evil', 'x']),
          archiveOf(['/tmp/seat-files-evil', 'x']),
          archiveOf({ path: 'link', type: 'SymbolicLink', linkpath: '..' }, ['link/evil', 'x']),
          archiveOf({ path: 'hard', type: 'Link', linkpath: '/etc/passwd' }),
          archiveOf(['good', 'x'.repeat(10_000)]).subarray(0, 50),
        ];
        for (archive of bad) {
          await assert.rejects(downloadFolder(seat, 'x', join(local, 'to'), signal), InvalidInputError);
          assert.deepEqual(readdirSync(local), [], 'nothing is left');
        }
      } finally {
        hostile.closeAllConnections();
        hostile.close();
      }
    });
  });
});

type Data = Exclude<NonNullable<ConstructorParameters<typeof Header>[0]>, Buffer>;

/** A tar.gz file with exactly these entries, whatever they are. */
function archiveOf(...entries: (readonly [path: string, content: string] | Data)[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const [data, content] =
      'path' in entry ? [entry, ''] : [{ path: (entry as [string, string])[0] }, (entry as [string, string])[1]];
    const head = Buffer.alloc(512);
    new Header({ type: 'File', mode: 0o644, ...data, size: content.length }).encode(head);
    const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
    body.write(content);
    return [head, body];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

/** Bytes that do not compress, at the pace of whoever reads them. */
function largeFile(done: (digest: string) => void, bytes = LARGE_BYTES): Readable {
  const hash = createHash('sha256');
  function* chunks(): Generator<Buffer> {
    for (let sent = 0; sent < bytes; sent += 65_536) {
      const chunk = randomBytes(65_536);
      hash.update(chunk);
      yield chunk;
    }
    done(hash.digest('hex'));
  }
  return Readable.from(chunks());
}

function digesting(done: (digest: string) => void): Writable {
  const hash = createHash('sha256');
  return new Writable({
    write: (chunk: Buffer, _encoding, next) => {
      hash.update(chunk);
      next();
    },
    final: (next) => {
      done(hash.digest('hex'));
      next();
    },
  });
}

function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** How many folders a process watches. */
function inotifyWatches(pid: number): number {
  return readdirSync(`/proc/${pid}/fdinfo`)
    .map((fd) => {
      try {
        return readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').split('\n');
      } catch {
        return [];
      }
    })
    .flat()
    .filter((line) => line.startsWith('inotify ')).length;
}
