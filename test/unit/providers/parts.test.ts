import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import type * as vscode from 'vscode';
import type { SecretStorage } from 'vscode';
import type { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import type { SeatFiles } from '../../../src/client/seat-files.ts';
import { InvalidInputError, UnauthorizedError, UnavailableError } from '../../../src/protocol/errors.ts';
import { configuredSource } from '../../../src/providers/connection-source.ts';
import { Disposer } from '../../../src/providers/disposer.ts';
import { abandonable, debounce } from '../../../src/providers/events.ts';
import { Pause } from '../../../src/providers/pause.ts';
import { SeatAccess } from '../../../src/providers/seat-access.ts';
import { Secrets } from '../../../src/providers/secrets.ts';
import { watchConnection } from '../../../src/providers/watch-connection.ts';
import { fakeVscode } from './fake-vscode.ts';
import { t } from './fixtures.ts';

const quiet = { warn: () => undefined };
const signal = new AbortController().signal;

/** A key store, or one that fails as on a system without a keyring. */
function storage(works = true): SecretStorage & { kept: Map<string, string> } {
  const kept = new Map<string, string>();
  const run = <T>(work: () => T) => (works ? Promise.resolve(work()) : Promise.reject(new Error('no keyring')));
  const store = {
    kept,
    get: (key: string) => run(() => kept.get(key)),
    store: (key: string, value: string) => run(() => void kept.set(key, value)),
    delete: (key: string) => run(() => void kept.delete(key)),
    keys: () => run(() => [...kept.keys()]),
    onDidChange: () => new Disposer(),
  };
  return store;
}

describe('secrets', () => {
  it('are in the key store', async () => {
    const store = storage();
    const secrets = new Secrets(store, quiet, assert.ifError.bind(undefined, 'warned'));
    await secrets.store('key', 'secret');
    assert.equal(store.kept.get('key'), 'secret');
    assert.equal(await secrets.get('key'), 'secret');
    await secrets.delete('key');
    assert.equal(await secrets.get('key'), undefined);
  });

  it('are in memory where it fails, with one word to the user, and in no log', async () => {
    let warnings = 0;
    const log: string[] = [];
    const secrets = new Secrets(storage(false), { warn: (line) => log.push(line) }, () => (warnings += 1));
    await secrets.store('one', 'secret');
    await secrets.store('other', 'secret');
    assert.equal(await secrets.get('one'), 'secret');
    assert.equal(warnings, 1);
    assert.ok(log.length > 0 && !log.join().includes('secret'));
    await secrets.delete('one');
    assert.equal(await secrets.get('one'), undefined);
  });
});

describe('secrets in a key store that works again', () => {
  it('are the ones that were stored last', async () => {
    const working = storage();
    let isLocked = true;
    const store = (key: string, value: string) =>
      isLocked ? Promise.reject(new Error('locked')) : working.store(key, value);
    const secrets = new Secrets({ ...working, store }, quiet, () => undefined);
    await secrets.store('key', 'earlier');
    isLocked = false;
    await secrets.store('key', 'later');
    assert.equal(await secrets.get('key'), 'later');
  });
});

describe('a control plane from the settings', () => {
  function source(url: string, answers: (string | undefined)[]) {
    const secrets = new Secrets(storage(), quiet, () => undefined);
    return configuredSource({ url, secrets, askToken: () => Promise.resolve(answers.shift()), t });
  }

  it('has its token asked for once', async () => {
    const configured = source('https://class.example.org/', [' secret ']);
    assert.deepEqual(await configured.find(signal), { connection: undefined, because: 'locked' });
    const connection = { url: 'https://class.example.org', token: 'secret' };
    assert.deepEqual(await configured.ensure(signal), connection);
    assert.deepEqual(await configured.ensure(signal), connection);
    assert.deepEqual(await configured.find(signal), { connection });
    await configured.refused(connection);
    assert.deepEqual(await configured.find(signal), { connection: undefined, because: 'locked' });
  });

  it('is left alone by somebody who gives no token', async () => {
    await assert.rejects(source('https://class.example.org', [undefined]).ensure(signal), { name: 'AbortError' });
  });

  it('gets no token over plain HTTP but on this machine', async () => {
    for (const url of [
      'http://class.example.org',
      'ftp://127.0.0.1',
      'class.example.org',
      'http://127.0.0.1.evil.org',
    ]) {
      await assert.rejects(source(url, ['secret']).find(signal), InvalidInputError, url);
    }
    for (const url of ['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080']) {
      assert.equal((await source(url, ['secret']).ensure(signal)).url, url);
    }
  });
});

describe('ways into seats', () => {
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

  function setUp() {
    let tokens = 0;
    let failure: Error | undefined;
    let endpoint = 'http://127.0.0.1:9090';
    const client = {
      access: () => Promise.resolve({ endpoint, token: `token-${++tokens}`, expires_at: inAnHour() }),
    } as unknown as ControlPlaneClient;
    const access = new SeatAccess({
      client: () => (failure === undefined ? Promise.resolve(client) : Promise.reject(failure)),
      endpoint: () => endpoint,
    });
    return {
      access,
      tokens: () => tokens,
      fail: (error: Error) => (failure = error),
      moveTo: (address: string) => (endpoint = address),
    };
  }

  it('are kept while they are good', async () => {
    const { access, tokens, moveTo } = setUp();
    const used: SeatFiles[] = [];
    const work = (files: SeatFiles) => Promise.resolve(used.push(files));
    await access.withFiles('ws-one', 1, work);
    await access.withFiles('ws-one', 1, work);
    assert.equal(used[0], used[1]);
    await access.withFiles('ws-one', 2, work);
    assert.equal(tokens(), 2);
    moveTo('http://127.0.0.1:9091');
    await access.withFiles('ws-one', 1, work);
    assert.equal(tokens(), 3);
  });

  it('are renewed once where the seat refuses the token', async () => {
    const { access, tokens } = setUp();
    await access.withFiles('ws-one', 1, () => Promise.resolve());
    let refusals = 0;
    const refuse = () => Promise.reject(new UnauthorizedError(`refusal ${++refusals}`));
    await assert.rejects(access.withFiles('ws-one', 1, refuse), /refusal 2/);
    assert.equal(tokens(), 2);
  });

  it('are not used for a second write where the first may have happened', async () => {
    const { access } = setUp();
    await access.withFiles('ws-one', 1, () => Promise.resolve());
    let writes = 0;
    const write = () => Promise.reject(new UnavailableError(`write ${++writes}`));
    await assert.rejects(access.withFiles('ws-one', 1, write), /write 1/);
  });

  it('survive a control plane that is away', async () => {
    const { access, fail } = setUp();
    const first = await access.access('ws-one', 1, signal);
    fail(new UnavailableError('Gone.'));
    assert.equal((await access.access('ws-one', 1, signal)).token, first.token);
    await assert.rejects(access.access('ws-one', 2, signal), UnavailableError);
  });
});

describe('ways into seats that were joined', () => {
  it("are the learner's own, beside the teacher's", async () => {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const access = new SeatAccess({
      client: () =>
        Promise.resolve({
          access: () => Promise.resolve({ endpoint: 'http://127.0.0.1:9090', token: 'instructor', expires_at }),
        } as unknown as ControlPlaneClient),
      endpoint: () => 'http://127.0.0.1:9090',
      joined: (workshop, seat) =>
        Promise.resolve(
          workshop === 'ws-one' && seat === 2
            ? () => Promise.resolve({ endpoint: 'http://127.0.0.1:9090', token: 'learner', expires_at })
            : undefined,
        ),
    });
    assert.equal((await access.access('ws-one', 2, signal)).token, 'learner');
    assert.equal((await access.access('ws-one', 1, signal)).token, 'instructor');
    assert.equal((await access.access('ws-two', 2, signal)).token, 'instructor');
  });

  it('are not waited for by somebody who has given up, where it is not known yet whose they are', async () => {
    const access = new SeatAccess({
      client: () => Promise.reject(new Error('nobody is asked')),
      endpoint: () => null,
      joined: () => Promise.withResolvers<undefined>().promise,
    });
    await assert.rejects(access.access('ws-one', 1, AbortSignal.abort(new Error('enough'))), /enough/);
  });
});

describe('the watch for a control plane', () => {
  it('tells when one appears, also where its folder comes later, and not of anything else', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'carapace-watch-'));
    const folder = join(parent, 'home');
    const changed = new fakeVscode.EventEmitter<undefined>();
    let pokes = 0;
    let poked = Promise.withResolvers<undefined>();
    const service = {
      status: { kind: 'absent' as const },
      onDidChange: changed.event as unknown as vscode.Event<void>,
      poke: () => {
        pokes += 1;
        poked.resolve(undefined);
      },
    };
    const watching = watchConnection(quietVscode(), service, folder);
    try {
      assert.equal(pokes, 0);
      mkdirSync(folder);
      changed.fire(undefined);
      assert.equal(pokes, 1);
      poked = Promise.withResolvers();
      writeFileSync(join(folder, 'other.json'), '{}');
      writeFileSync(join(folder, 'daemon.json'), '{}');
      await poked.promise;
    } finally {
      watching.dispose();
      rmSync(parent, { recursive: true });
    }
  });
});

/** Windows and settings that never change. */
function quietVscode(): Parameters<typeof watchConnection>[0] {
  const never = () => new Disposer();
  const quiet: unknown = { window: { onDidChangeWindowState: never }, workspace: { onDidChangeConfiguration: never } };
  return quiet as Parameters<typeof watchConnection>[0];
}

describe('small parts', () => {
  it('dispose what was added, the latest first, and what comes late at once', () => {
    const disposed: number[] = [];
    const disposer = new Disposer();
    for (const number of [1, 2]) disposer.add({ dispose: () => disposed.push(number) });
    disposer.dispose();
    disposer.add({ dispose: () => disposed.push(3) });
    disposer.dispose();
    assert.deepEqual(disposed, [2, 1, 3]);
  });

  it('do once what is asked for several times', async () => {
    let calls = 0;
    const done = Promise.withResolvers<undefined>();
    const call = debounce(() => {
      calls += 1;
      done.resolve(undefined);
    }, 1);
    call();
    call();
    await done.promise;
    assert.equal(calls, 1);
  });

  it('end a pause by a poke, also by one that came before', async () => {
    const pause = new Pause();
    pause.poke();
    assert.equal(await pause.wait(undefined, signal), true);
    const waiting = pause.wait(undefined, signal);
    pause.poke();
    assert.equal(await waiting, true);
    assert.equal(await pause.wait(1, signal), false);
    assert.equal(await pause.wait(undefined, AbortSignal.abort()), false);
  });

  it('let a caller give up on a promise', async () => {
    const never = new Promise<never>(() => undefined);
    await assert.rejects(abandonable(never, AbortSignal.abort()), { name: 'AbortError' });
    assert.equal(await abandonable(Promise.resolve(1), signal), 1);
    assert.equal(await abandonable(Promise.resolve(1), undefined), 1);
  });
});
