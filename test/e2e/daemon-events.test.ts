/** Several windows and the command line on one control plane: one truth, over cuts, dead lines and new starts. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { Connection } from '../../src/client/connection.ts';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { UnavailableError } from '../../src/protocol/errors.ts';
import type { NumberedEvent } from '../../src/protocol/event.ts';
import type { Operation } from '../../src/protocol/operation.ts';
import { localSource, type ConnectionSource } from '../../src/providers/connection-source.ts';
import { ControlPlaneService } from '../../src/providers/control-plane-service.ts';
import { nextEvent } from '../../src/providers/events.ts';
import { staleMessage, type ConnectionKind } from '../../src/providers/model/connection-status.ts';
import { EMPTY_STATE, operationsOf, withEvent, workshopsOf } from '../../src/providers/model/state.ts';
import { watchConnection } from '../../src/providers/watch-connection.ts';
import { DeadLine } from '../fakes/dead-line.ts';
import { ResetProxy, type Cut } from '../fakes/reset-proxy.ts';
import { fakeVscode } from '../unit/providers/fake-vscode.ts';
import { t } from '../unit/providers/fixtures.ts';
import { end, TestState, type TestControlPlane } from './control-plane-harness.ts';
import { OLD_VERSION, OWN_VERSION, VersionedHome } from './daemon-harness.ts';

/** How long a slow machine may take for what comes at once on another. */
const TRUTH_MS = 30_000;
/** A window says that it is out of date after half a minute; as long again for a slow machine. */
const STALE_MS = 60_000;

/** The extension's service as a window has it. */
class Window {
  readonly service: ControlPlaneService;
  /** What each connection was asked to go on after. */
  readonly lastEventIds: (number | undefined)[] = [];
  readonly #parts: { dispose(): void }[] = [];

  constructor(source: ConnectionSource) {
    const { lastEventIds } = this;
    class Recording extends ControlPlaneClient {
      override events(options: Parameters<ControlPlaneClient['events']>[0]) {
        lastEventIds.push(options.lastEventId);
        return super.events(options);
      }
    }
    this.service = new ControlPlaneService({
      changed: new fakeVscode.EventEmitter<void>(),
      source: () => source,
      connect: (connection) => new Recording(connection),
      log: { info: () => undefined, warn: () => undefined },
      t,
    });
    this.#parts.push(this.service);
    this.service.start();
  }

  /** Looks for new control planes in the state folder. */
  watch(stateFolder: string): void {
    const silent = () => ({ dispose: () => undefined });
    const vs = { window: { onDidChangeWindowState: silent }, workspace: { onDidChangeConfiguration: silent } };
    const part: unknown = vs;
    this.#parts.push(watchConnection(part as Parameters<typeof watchConnection>[0], this.service, stateFolder));
  }

  get names(): string {
    return workshopsOf(this.service.state)
      .map(({ name }) => name)
      .join(' ');
  }

  async shows(names: string, withinMs: number): Promise<void> {
    await this.until(`it shows "${names}"`, () => this.names === names, withinMs);
  }

  async is(kind: ConnectionKind, withinMs: number): Promise<void> {
    await this.until(`it is ${kind}`, () => this.service.status.kind === kind, withinMs);
  }

  async until(what: string, condition: () => boolean, withinMs: number): Promise<void> {
    const deadline = AbortSignal.timeout(withinMs);
    while (!condition()) {
      const told = await nextEvent(this.service.onDidChange, deadline).then(
        () => true,
        () => false,
      );
      const now = `it is ${this.service.status.kind} and shows "${this.names}"`;
      assert.ok(told || condition(), `not within ${withinMs / 1000} s: ${what}; ${now}`);
    }
  }

  dispose(): void {
    for (const part of this.#parts) part.dispose();
  }
}

const hasEnded = ({ status }: Operation): boolean => status !== 'running';

/** A control plane at an address, as the settings name it. */
function at(connection: Connection): ConnectionSource {
  return {
    find: () => Promise.resolve({ connection }),
    ensure: () => Promise.resolve(connection),
    refused: () => Promise.resolve(),
  };
}

describe('several windows and the command line', function () {
  this.timeout(300_000);
  let home: VersionedHome;
  let windows: Window[];
  beforeEach(() => {
    home = new VersionedHome();
    windows = [];
  });
  afterEach(async () => {
    for (const window of windows) window.dispose();
    await home.dispose();
  });

  function open(source: ConnectionSource): Window {
    const window = new Window(source);
    windows.push(window);
    return window;
  }

  it('show one truth at once, whoever changed it', async () => {
    await home.expect('workshop', 'list');
    const [one, other] = [1, 2].map(() => open(localSource(home.folder, home.program))) as [Window, Window];
    await Promise.all([one.is('live', TRUTH_MS), other.is('live', TRUTH_MS)]);
    await home.expect('workshop', 'create', 'By-command', '--seats', '1', '--no-start');
    await Promise.all([one.shows('By-command', TRUTH_MS), other.shows('By-command', TRUTH_MS)]);
    const client = await one.service.client();
    const { workshop } = await client.createWorkshop({ name: 'By-window', seats: 1, start: false });
    await Promise.all([one.shows('By-command By-window', TRUTH_MS), other.shows('By-command By-window', TRUTH_MS)]);
    assert.match(await home.expect('workshop', 'list'), /By-window/);
    await client.deleteWorkshop(workshop.id);
    await Promise.all([one.shows('By-command', TRUTH_MS), other.shows('By-command', TRUTH_MS)]);
    assert.doesNotMatch(await home.expect('workshop', 'list'), /By-window/);
    // Told by the streams that they had all the while, and not found by asking anew.
    assert.deepEqual([one.lastEventIds.length, other.lastEventIds.length], [1, 1]);
  });

  it('come back by themselves when the control plane was killed and another one started', async () => {
    await home.expect('workshop', 'create', 'Kept', '--seats', '1', '--no-start');
    const both = [1, 2].map(() => open(localSource(home.folder, home.program)));
    for (const window of both) window.watch(home.folder);
    for (const window of both) await window.shows('Kept', TRUTH_MS);
    process.kill(home.daemonFile()!.pid, 'SIGKILL');
    for (const window of both) {
      await window.is('asleep', STALE_MS);
      assert.equal(window.names, 'Kept');
      assert.match(staleMessage(window.service.status, Date.now(), t) ?? '', /Carapace is not running\. Shown is the/);
    }
    await home.expect('workshop', 'create', 'New', '--seats', '1', '--no-start');
    for (const window of both) await window.shows('Kept New', TRUTH_MS);
    for (const window of both) await window.is('live', TRUTH_MS);
  });

  it('use an older control plane while something runs, know it, and go on with the next one after that', async () => {
    const old = home.makeProgram('old', { version: OLD_VERSION });
    const made = await home.runProgram(old, ['workshop', 'create', 'Busy', '--seats', '1', '--wait']);
    assert.equal(made.code, 0, made.stderr);
    await home.runProgram(old, ['workshop', 'create', 'Kept', '--seats', '1', '--no-start']);
    const before = home.daemonFile();
    const both = [1, 2].map(() => open(localSource(home.folder, home.program, OWN_VERSION)));
    for (const window of both) {
      window.watch(home.folder);
      await window.shows('Busy Kept', TRUTH_MS);
      await window.is('live', TRUTH_MS);
      assert.deepEqual(window.service.outdated, { version: OLD_VERSION, background: true });
      window.service.renew();
    }
    const [first] = both as [Window, Window];
    const client = await first.service.client();
    await client.deleteWorkshop(workshopsOf(first.service.state)[0]?.id ?? '');
    for (const window of both) await window.shows('Kept', STALE_MS);
    await first.until('nothing runs', () => operationsOf(first.service.state).every(hasEnded), STALE_MS);
    for (const window of both) window.service.renew();
    for (const window of both) {
      await window.until('it has the new one', () => window.service.outdated === undefined, STALE_MS);
      await window.is('live', STALE_MS);
      assert.equal(window.names, 'Kept');
    }
    assert.notEqual(home.daemonFile()?.pid, before?.pid);
    assert.equal(home.daemonFile()?.version, OWN_VERSION);
  });

  it('go on after the last event when the connection was reset, without a word', async () => {
    await home.expect('workshop', 'list');
    const { url, token } = home.daemonFile()!;
    const line = new DeadLine(Number(new URL(url).port));
    try {
      const window = open(at({ url: await line.listen(), token }));
      await window.is('live', TRUTH_MS);
      await home.expect('workshop', 'create', 'Before', '--seats', '1', '--no-start');
      await window.shows('Before', TRUTH_MS);
      // A connection that has been steady is mended at once.
      await sleep(5_500);
      line.cut();
      await home.expect('workshop', 'create', 'After', '--seats', '1', '--no-start');
      await window.shows('Before After', TRUTH_MS);
      assert.equal(window.lastEventIds.length, 2);
      assert.ok((window.lastEventIds[1] ?? 0) > 0);
    } finally {
      await line.close();
    }
  });

  it('say within half a minute that what they show may be old, when the line is dead, and then come back', async () => {
    await home.expect('workshop', 'create', 'Before', '--seats', '1', '--no-start');
    const { url, token } = home.daemonFile()!;
    const line = new DeadLine(Number(new URL(url).port));
    try {
      const window = open(at({ url: await line.listen(), token }));
      await window.shows('Before', TRUTH_MS);
      await window.is('live', TRUTH_MS);
      line.die();
      await window.until('it says that it is stale', () => window.service.status.kind !== 'live', STALE_MS);
      assert.equal(window.names, 'Before');
      assert.match(
        staleMessage(window.service.status, Date.now(), t) ?? '',
        /^The connection was lost at \d\d:\d\d\. Shown is the last known state; trying again\.$/,
      );
      await home.expect('workshop', 'create', 'Meanwhile', '--seats', '1', '--no-start');
      line.revive();
      await window.shows('Before Meanwhile', STALE_MS);
      await window.is('live', STALE_MS);
    } finally {
      await line.close();
    }
  });
});

describe('the stream of events', function () {
  this.timeout(60_000);
  let state: TestState;
  beforeEach(() => {
    state = new TestState();
  });
  afterEach(() => state.dispose());

  const create = async (client: ControlPlaneClient, count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1)
      await client.createWorkshop({ name: `Workshop ${index}`, seats: 2, start: false });
  };

  /** The events after `lastEventId` up to number `upTo`, over as many connections as that takes. */
  async function follow(connection: Connection, lastEventId: number, upTo: number): Promise<NumberedEvent[]> {
    const client = new ControlPlaneClient(connection);
    const told: NumberedEvent[] = [];
    const signal = AbortSignal.timeout(30_000);
    for (let place = lastEventId; place < upTo;) {
      try {
        for await (const event of client.events({ lastEventId: place, signal })) {
          told.push(event);
          place = event.id;
          if (place >= upTo) break;
        }
      } catch (error) {
        signal.throwIfAborted();
        assert.ok(error instanceof UnavailableError, String(error));
      }
    }
    return told;
  }

  const newest = async ({ client }: TestControlPlane): Promise<number> => {
    const leaving = new AbortController();
    for await (const { id } of client.events({ signal: leaving.signal })) if (id > 0) return id;
    return 0;
  };

  it('goes on after the last event over many cuts: none is lost, none is told twice', async () => {
    const controlPlane = await state.serve();
    await create(controlPlane.client, 1);
    const first = await newest(controlPlane);
    await create(controlPlane.client, 40);
    const last = await newest(controlPlane);
    const whole = await follow(controlPlane.file, first, last);
    assert.ok(whole.length >= 40);
    // The head of an answer has some 200 bytes, an event some 600: cut in the head, within events, and late.
    const cuts: Cut[] = Array.from({ length: 24 }, (_, index) => ({ direction: 'down', offset: 20 + index * 397 }));
    const proxy = new ResetProxy({
      target: { host: '127.0.0.1', port: Number(new URL(controlPlane.file.url).port) },
      cuts,
    });
    const url = `http://127.0.0.1:${await proxy.listen()}`;
    try {
      const pieces = await follow({ url, token: controlPlane.file.token }, first, last);
      assert.deepEqual(pieces, whole);
      assert.ok(proxy.cutsMade >= 5, `${proxy.cutsMade} cuts`);
    } finally {
      await proxy.close();
    }
  });

  it('tells everything anew where the last event is not kept any more, or never was', async () => {
    const before = await state.serve();
    await create(before.client, 3);
    const last = await newest(before);
    await end(before);
    const store = new DatabaseSync(join(state.home, 'store.db'));
    store.prepare('DELETE FROM events WHERE id < ?').run(last);
    store.close();
    const controlPlane = await state.serve();
    for (const lastEventId of [1, last + 1_000]) {
      const leaving = new AbortController();
      const told: NumberedEvent[] = [];
      for await (const event of controlPlane.client.events({ lastEventId, signal: leaving.signal })) {
        told.push(event);
        if (event.id > 0) break;
      }
      assert.equal(told[0]?.event.type, 'reset');
      assert.ok(told.slice(0, -1).every(({ id }) => id === 0));
      const shown = told.map(({ event }) => event).reduce(withEvent, EMPTY_STATE);
      assert.deepEqual(workshopsOf(shown), await controlPlane.client.listWorkshops());
      assert.equal(shown.seats.size, 6);
      assert.deepEqual(shown.cluster, await controlPlane.client.getCluster());
    }
    // One that is kept is followed by nothing but what comes after it.
    await create(controlPlane.client, 1);
    const [next] = await follow(controlPlane.file, last, last + 1);
    assert.notEqual(next?.event.type, 'reset');
  });
});
