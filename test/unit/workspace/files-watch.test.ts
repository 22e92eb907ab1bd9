/** GET /watch: what happens below a folder, told once, under the right name, within bounds. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { errorOf, FilesHarness } from './files-harness.ts';
import { ask, startWorkspace, until, type TestWorkspace } from './support.ts';
import { TestWatch } from './watching.ts';

/** Longer than events are gathered: what has not been told by then is not told. */
const QUIET_MS = 400;

/** How many of these folders this process watches with inotify; fdinfo names them by their inodes (proc(5)). */
function kernelWatches(folders: readonly string[]): number {
  const inodes = new Set(folders.map((folder) => statSync(folder).ino.toString(16)));
  return readdirSync('/proc/self/fdinfo')
    .map((name) => {
      try {
        return readFileSync(`/proc/self/fdinfo/${name}`, 'utf8').split('\n');
      } catch {
        return [];
      }
    })
    .flat()
    .filter((line) => inodes.has(/^inotify .*\bino:([0-9a-f]+)/.exec(line)?.[1] ?? '')).length;
}

describe('watching files', () => {
  const files = new FilesHarness();
  const opened: TestWatch[] = [];

  afterEach(() => {
    for (const watch of opened.splice(0)) watch.close();
  });

  async function watch(path = '', workspace: TestWorkspace = files.workspace): Promise<TestWatch> {
    const opening = await TestWatch.open(workspace, path);
    opened.push(opening);
    return opening;
  }

  /** The answer to somebody who asks for a watch and leaves. */
  async function statusOfWatch(): Promise<number | undefined> {
    const sent = request({ socketPath: files.workspace.filesSocket, path: '/watch', agent: false }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    sent.on('error', () => undefined).destroy();
    return response.statusCode;
  }

  it('tells of files made, changed, renamed and deleted, at any depth', async () => {
    mkdirSync(files.inRoot('a', 'b', 'c'), { recursive: true });
    const watching = await watch();
    const deep = files.inRoot('a', 'b', 'c', 'deep.txt');
    writeFileSync(deep, '1');
    assert.deepEqual(await watching.tells('created a/b/c/deep.txt'), ['created a/b/c/deep.txt']);
    appendFileSync(deep, '2');
    assert.deepEqual(await watching.tells('changed a/b/c/deep.txt'), ['changed a/b/c/deep.txt']);
    chmodSync(deep, 0o600);
    assert.deepEqual(await watching.tells('changed a/b/c/deep.txt'), ['changed a/b/c/deep.txt']);
    renameSync(deep, files.inRoot('a', 'moved.txt'));
    const renamed = await watching.tells('deleted a/b/c/deep.txt', 'created a/moved.txt');
    assert.equal(renamed.length, 2);
    rmSync(files.inRoot('a', 'moved.txt'));
    assert.deepEqual(await watching.tells('deleted a/moved.txt'), ['deleted a/moved.txt']);
  });

  it('tells paths relative to the workspace for a watched folder in it, and nothing beside it', async () => {
    mkdirSync(files.inRoot('in', 'x'), { recursive: true });
    const watching = await watch('in');
    writeFileSync(files.inRoot('beside'), '');
    writeFileSync(files.inRoot('in', 'x', 'one'), '');
    assert.deepEqual(await watching.tells('created in/x/one'), ['created in/x/one']);
  });

  it('tells each entry of a new folder, also what was in it before it could be watched', async () => {
    const watching = await watch();
    mkdirSync(files.inRoot('new', 'deeper'), { recursive: true });
    writeFileSync(files.inRoot('new', 'deeper', 'first'), '');
    await watching.tells('created new', 'created new/deeper', 'created new/deeper/first');
    writeFileSync(files.inRoot('new', 'deeper', 'second'), '');
    await watching.tells('created new/deeper/second');
    renameSync(files.inRoot('new'), files.inRoot('old'));
    const told = await watching.tells('deleted new', 'created old', 'created old/deeper/second');
    assert.ok(!told.includes('deleted new/deeper'), told.join());
    writeFileSync(files.inRoot('old', 'deeper', 'third'), '');
    assert.deepEqual(await watching.tells('created old/deeper/third'), ['created old/deeper/third']);
  });

  it('tells of a folder that another has taken the name of', async () => {
    mkdirSync(files.inRoot('one'));
    mkdirSync(files.inRoot('two'));
    writeFileSync(files.inRoot('two', 'inside'), '');
    const watching = await watch();
    rmSync(files.inRoot('one'), { recursive: true });
    renameSync(files.inRoot('two'), files.inRoot('one'));
    await watching.tells('deleted one', 'created one', 'created one/inside', 'deleted two');
    writeFileSync(files.inRoot('one', 'later'), '');
    await watching.tells('created one/later');
  });

  it('tells an atomic write as one change, and never our temporary names', async () => {
    const watching = await watch();
    assert.equal((await files.put('/files/made.txt', 'a'.repeat(300_000))).status, 201);
    await watching.tells('created made.txt');
    assert.equal((await files.put('/files/made.txt', 'b')).status, 204);
    assert.deepEqual(await watching.tells('changed made.txt'), ['changed made.txt']);
    mkdirSync(files.inRoot('tree', 'sub'), { recursive: true });
    await watching.tells('created tree/sub');
    assert.equal((await files.call('POST', '/files/tree?op=copy&to=copy')).status, 201);
    assert.equal((await files.call('POST', '/files/tree?op=copy&to=copy&overwrite=true')).status, 200);
    await watching.tells('created copy', 'created copy/sub');
    await sleep(QUIET_MS);
    assert.ok(!watching.told.some((text) => text.includes('unfinished')), watching.told.join());
  });

  it('follows no link', async () => {
    mkdirSync(files.inRoot('real'));
    symlinkSync(files.workspace.outside, files.inRoot('out'));
    symlinkSync('real', files.inRoot('link'));
    const watching = await watch();
    writeFileSync(join(files.workspace.outside, 'secret'), '');
    symlinkSync(files.workspace.outside, files.inRoot('later'));
    writeFileSync(join(files.workspace.outside, 'secret2'), '');
    writeFileSync(files.inRoot('real', 'x'), '');
    await watching.tells('created later', 'created real/x');
    await sleep(QUIET_MS);
    assert.deepEqual(watching.told, []);
    await files.refused('GET', '/watch?path=out', 403, 'FORBIDDEN');
  });

  it('refuses what is no folder, and what leads out', async () => {
    writeFileSync(files.inRoot('file'), '');
    await files.refused('GET', '/watch?path=nowhere', 404, 'NOT_FOUND');
    await files.refused('GET', '/watch?path=file', 409, 'CONFLICT');
    await files.refused('GET', '/watch?path=../outside', 403, 'FORBIDDEN');
    await files.refused('GET', '/watch?path=%ff', 400, 'INVALID_INPUT');
    await files.refused('GET', '/watch?other=1', 400, 'INVALID_INPUT');
    await files.refused('POST', '/watch', 405, 'INVALID_INPUT');
  });

  it('tells that the folder itself went, and ends', async () => {
    mkdirSync(files.inRoot('gone', 'below'), { recursive: true });
    const watching = await watch('gone/below');
    renameSync(files.inRoot('gone'), files.inRoot('elsewhere'));
    // Nothing tells of a folder above: the next event finds out.
    writeFileSync(files.inRoot('elsewhere', 'below', 'x'), '');
    await watching.tells('deleted gone/below');
    await until(() => watching.ended, 'the end of the stream');
  });

  it('tells under the right name whatever the name is', async () => {
    const watching = await watch();
    const name = fc
      .array(fc.constantFrom('a', ' ', '#', '%', '😀', '\n', 'é', '"', '\\', '?', '&', '\r', '%41'), {
        minLength: 1,
        maxLength: 12,
      })
      .map((letters) => letters.join(''))
      .filter((text) => !['.', '..'].includes(text));
    await fc.assert(
      fc.asyncProperty(name, name, async (folder, file) => {
        mkdirSync(files.inRoot(folder));
        await watching.tells(`created ${folder}`);
        writeFileSync(files.inRoot(folder, file), '');
        await watching.tells(`created ${folder}/${file}`);
        rmSync(files.inRoot(folder), { recursive: true });
        await watching.tells(`deleted ${folder}`);
      }),
      { numRuns: 25 },
    );
  });

  it('leaves a client that follows the events with what is really there', async () => {
    const watching = await watch();
    const known = new Set<string>();
    const names = ['a', 'b', 'c'];
    const path = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 });
    const step = fc.record({ what: fc.constantFrom('file', 'folder', 'remove', 'move'), path, to: path });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        for (const each of steps) apply(files.inRoot(), each);
        writeFileSync(files.inRoot('end'), '');
        await until(() => watching.told.includes('created end'), 'the last event');
        rmSync(files.inRoot('end'));
        await until(() => watching.told.includes('deleted end'), 'the end is gone');
        await until(() => follows(watching, known, files.inRoot()), 'the same on both sides');
      }),
      { numRuns: 25, endOnFailure: true },
    );
  }).timeout(120_000);

  it('takes thousands of entries at once, and says reset where events may have been lost', async () => {
    const watching = await watch();
    mkdirSync(files.inRoot('node_modules'));
    for (let index = 0; index < 10_000; index++) writeFileSync(files.inRoot('node_modules', `m${index}`), '');
    await watching.tells('reset');
    for (let told = -1; told !== watching.events.length;) {
      told = watching.events.length;
      await sleep(2 * QUIET_MS);
    }
    watching.events.length = 0;
    writeFileSync(files.inRoot('node_modules', 'm5'), 'x');
    assert.deepEqual(await watching.tells('changed node_modules/m5'), ['changed node_modules/m5']);
  }).timeout(120_000);

  it('ends its watches in the kernel when the last client leaves', async () => {
    const folders = [files.inRoot()];
    for (let index = 0; index < 50; index++) {
      mkdirSync(files.inRoot(`d${index}`, 'e'), { recursive: true });
      folders.push(files.inRoot(`d${index}`), files.inRoot(`d${index}`, 'e'));
    }
    const one = await watch();
    const two = await watch();
    assert.equal(kernelWatches(folders), 101);
    one.close();
    writeFileSync(files.inRoot('d1', 'x'), '');
    await two.tells('created d1/x');
    two.close();
    await until(() => kernelWatches(folders) === 0, 'no watch is left');
  });

  it('bounds the watches of a seat', async () => {
    for (let index = 0; index < 16; index++) await watch();
    const refused = await files.refused('GET', '/watch', 503, 'NO_CAPACITY');
    assert.match(errorOf(refused).message, /16 watches/);
    opened[0]!.close();
    // Its end has to reach the server.
    let last: number | undefined;
    do last = await statusOfWatch();
    while (last === 503);
    assert.equal(last, 200);
  });

  it('has bounds on folders and entries, told when the watch is asked for', async () => {
    const bounded = await startWorkspace(undefined, { watchBounds: { folders: 10, entries: 50 } });
    try {
      for (let index = 0; index < 9; index++) mkdirSync(join(bounded.root, `d${index}`));
      const watching = await watch('', bounded);
      mkdirSync(join(bounded.root, 'one-more'));
      await until(() => watching.ended, 'the stream ends');
      const refused = await ask(bounded, 'GET', '/watch');
      assert.deepEqual([refused.status, errorOf(refused).code], [413, 'TOO_LARGE']);
      assert.match(errorOf(refused).message, /at most 10 folders/);
      rmSync(join(bounded.root, 'one-more'), { recursive: true });
      const again = await watch('', bounded);
      writeFileSync(join(bounded.root, 'x'), '');
      await again.tells('created x');
      for (let index = 0; index < 51; index++) writeFileSync(join(bounded.root, `f${index}`), '');
      await until(() => again.ended, 'the stream ends');
      assert.match(errorOf(await ask(bounded, 'GET', '/watch')).message, /at most 50 entries/);
    } finally {
      await bounded.stop();
    }
  });

  it('says so when the system watches as much as it can', async function () {
    // Not everybody may make namespaces.
    if (spawnSync('unshare', ['-U', '-r', 'true']).status !== 0) this.skip();
    const { root, outside } = files.workspace;
    for (let index = 0; index < 30; index++) mkdirSync(join(root, `d${index}`));
    // A namespace of its own has limits of its own.
    const script = 'echo 20 > /proc/sys/user/max_inotify_watches && exec "$@"';
    const [terminal, socket] = [join(outside, 't.sock'), join(outside, 'f.sock')];
    const server = [resolve('src/workspace/main.ts'), '--root', root, '--terminal-socket', terminal];
    const words = ['-U', '-r', 'sh', '-c', script, 'sh', process.execPath, ...server, '--files-socket', socket];
    const child = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'ignore'] });
    let log = '';
    child.stdout.on('data', (chunk) => (log += String(chunk)));
    try {
      await until(() => log.includes('listening'), 'the server listens');
      const limited = { ...files.workspace, filesSocket: socket };
      const refused = await ask(limited, 'GET', '/watch');
      assert.deepEqual([refused.status, errorOf(refused).code], [503, 'NO_CAPACITY']);
      assert.match(errorOf(refused).message, /max_user_watches/);
      // What was taken for it is given back.
      const smaller = await watch('d1', limited);
      writeFileSync(join(root, 'd1', 'x'), '');
      await smaller.tells('created d1/x');
    } finally {
      child.kill('SIGKILL');
    }
  }).timeout(120_000);

  it('keeps little for a client that takes nothing, and tells it reset', async () => {
    const watching = await watch();
    watching.response.pause();
    const { socket } = watching.response;
    socket.pause();
    const name = 'n'.repeat(200);
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 1_500; index++) writeFileSync(files.inRoot(`${name}-${index}`), String(round));
      await sleep(150);
    }
    assert.ok(statSync(files.inRoot(`${name}-1`)).isFile());
    watching.events.length = 0;
    socket.resume();
    watching.response.resume();
    await watching.tells('reset');
  }).timeout(120_000);
});

interface Step {
  readonly what: string;
  readonly path: readonly string[];
  readonly to: readonly string[];
}

/** Does something that may not be possible. */
function apply(root: string, step: Step): void {
  const path = join(root, ...step.path);
  try {
    if (step.what === 'file') writeFileSync(path, String(Math.random()));
    else if (step.what === 'folder') mkdirSync(path, { recursive: true });
    else if (step.what === 'move') renameSync(path, join(root, ...step.to));
    else rmSync(path, { recursive: true });
  } catch {
    // Nothing is there, or something else is.
  }
}

/** Applies what was told, and compares. */
function follows(watching: TestWatch, known: Set<string>, root: string): boolean {
  for (const event of watching.events.splice(0)) {
    if (event.type === 'created') known.add(event.path);
    else if (event.type === 'deleted') {
      for (const path of known) if (path === event.path || path.startsWith(`${event.path}/`)) known.delete(path);
    }
  }
  const there = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return JSON.stringify(there) === JSON.stringify([...known].sort());
}
