/** kill -9 of the control plane of this machine: who finds the next one, and where; and who is sent nothing. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type * as vscode from 'vscode';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { ensureControlPlane } from '../../src/client/daemon.ts';
import { LearnerFollower } from '../../src/client/learner/learner-follower.ts';
import { REASON, UnreachableError } from '../../src/client/unreachable.ts';
import { isAlive } from '../../src/lib/process-identity.ts';
import type { DaemonFile } from '../../src/protocol/daemon.ts';
import { UnauthorizedError } from '../../src/protocol/errors.ts';
import { localSource } from '../../src/providers/connection-source.ts';
import { ControlPlaneService } from '../../src/providers/control-plane-service.ts';
import { OperationRunner } from '../../src/providers/operation-runner.ts';
import { Pause } from '../../src/providers/pause.ts';
import { watchConnection } from '../../src/providers/watch-connection.ts';
import { freePort, occupy } from '../support/free-port.ts';
import { fakeVscode } from '../unit/providers/fake-vscode.ts';
import { t } from '../unit/providers/fixtures.ts';
import { isRunning, until } from './control-plane-harness.ts';
import { VersionedHome } from './daemon-harness.ts';

/** Where a control plane dies while it makes a workshop. */
const DYING = { CARAPACE_CRASH_AT: 'seat.create:before' };
const silent = { info: () => undefined, warn: () => undefined };

describe('a control plane that was killed', function () {
  this.timeout(120_000);
  let home: VersionedHome;
  beforeEach(() => {
    home = new VersionedHome();
  });
  afterEach(() => home.dispose());

  async function killed(): Promise<DaemonFile> {
    const file = home.daemonFile()!;
    process.kill(file.pid, 'SIGKILL');
    await until('it is dead', () => (isAlive(file) ? undefined : true));
    return file;
  }

  describe('in the background', () => {
    it('is followed at its port by one with another token, and open pages and links find that', async () => {
      await home.expect('workshop', 'create', 'Kept', '--seats', '2', '--wait');
      const { url, token } = home.daemonFile()!;
      const [workshop] = await new ControlPlaneClient({ url, token }).listWorkshops();
      const open = new ControlPlaneClient({ url, token: '' });
      const joined = await open.join({ code: workshop!.code, name: 'Ada' });
      const learner = new ControlPlaneClient({ url, token: joined.learner_token });
      const page = new LearnerFollower({
        learnerToken: joined.learner_token,
        connect: () => Promise.resolve(learner),
        pause: new Pause(),
        changed: () => undefined,
        dropped: () => undefined,
        t,
      });
      try {
        page.start();
        await until('the page is connected', () => (page.status.kind === 'joined' ? true : undefined));
        const before = await killed();
        await until('the page has lost it', () => (page.status.kind === 'stale' ? true : undefined));
        await home.expect('workshop', 'list');
        const after = home.daemonFile()!;
        assert.notEqual(after.pid, before.pid);
        assert.equal(after.url, before.url);
        assert.notEqual(after.token, before.token);
        await until('the page is connected again', () => (page.status.kind === 'joined' ? true : undefined));
        assert.equal((await page.ask((client) => client.learnerAccess())).endpoint, joined.endpoint);
      } finally {
        page.dispose();
      }
      const { code } = workshop!;
      const again = await open.join({ code, name: 'Ada', rejoin_code: joined.rejoin_code });
      assert.deepEqual([again.seat, again.learner_token], [joined.seat, joined.learner_token]);
      assert.match(await (await fetch(`${url}/join`)).text(), /<html/);
      await assert.rejects(new ControlPlaneClient({ url, token }).listWorkshops(), UnauthorizedError);
    });

    it('is followed elsewhere where its port is taken, and whoever has taken that is sent nothing', async () => {
      await home.expect('workshop', 'create', 'Kept', '--seats', '1', '--no-start');
      const client = new ControlPlaneClient(
        await ensureControlPlane({ stateFolder: home.folder, program: home.program }),
      );
      await client.listWorkshops();
      const before = await killed();
      const sent: string[] = [];
      const other = await occupy(before.url, sent);
      try {
        await assert.rejects(client.listWorkshops(), (error) => {
          return error instanceof UnreachableError && error.reason === REASON.ended;
        });
        assert.match(await home.expect('workshop', 'list'), /Kept/);
        const after = home.daemonFile()!;
        assert.notEqual(after.url, before.url);
        assert.notEqual(after.token, before.token);
        assert.match(await home.expect('workshop', 'list'), /Kept/);
        assert.equal(home.daemonFile()?.pid, after.pid);
        assert.deepEqual(sent, []);
      } finally {
        other.close();
        other.closeAllConnections();
      }
    });
  });

  describe('that a person had started', () => {
    let port: number;
    let started: ChildProcess[];
    beforeEach(async () => {
      port = await freePort();
      started = [];
    });
    afterEach(() => {
      for (const child of started) if (isRunning(child)) child.kill('SIGKILL');
    });

    async function serve(environment: Record<string, string> = {}): Promise<ChildProcess> {
      const env = { ...home.environment, ...environment };
      const words = [home.program, 'serve', '--port', String(port)];
      const child = spawn(process.execPath, words, { env, stdio: 'ignore' });
      started.push(child);
      await until('it serves', () => {
        assert.ok(isRunning(child), 'another one holds the state folder');
        return home.daemonFile()?.pid === child.pid ? true : undefined;
      });
      return child;
    }

    it('is waited for by a command, which goes on with the next one at the same port', async () => {
      const dying = await serve(DYING);
      const death = once(dying, 'close');
      const creating = home.run(['workshop', 'create', 'Kept', '--seats', '1', '--wait']);
      assert.deepEqual(await death, [null, 'SIGKILL']);
      await serve();
      const { code, stderr } = await creating;
      assert.equal(code, 0, stderr);
    });

    it('is waited for by a window, which starts none in its place, and goes on with the next one', async () => {
      const dying = await serve(DYING);
      const death = once(dying, 'close');
      let ensured = 0;
      const source = localSource(home.folder, home.program);
      const counting = { ...source, ensure: (signal: AbortSignal) => ((ensured += 1), source.ensure(signal)) };
      const service = new ControlPlaneService({
        changed: new fakeVscode.EventEmitter<void>(),
        source: () => counting,
        connect: (connection) => new ControlPlaneClient(connection),
        log: silent,
        t,
      });
      const runner = new OperationRunner(fakeWindow, service, silent);
      const watching = watchConnection(fakeWindow, service, home.folder);
      try {
        service.start();
        await service.connected();
        const before = ensured;
        const creating = runner.run('Creating', (client) => client.createWorkshop({ name: 'Kept', seats: 1 }));
        assert.deepEqual(await death, [null, 'SIGKILL']);
        await until('the window shows that none runs', () => (service.status.kind === 'asleep' ? true : undefined));
        await serve();
        assert.equal((await creating).status, 'ok');
        assert.equal(ensured, before);
      } finally {
        watching.dispose();
        runner.dispose();
        service.dispose();
      }
    });
  });
});

const token: unknown = {
  isCancellationRequested: false,
  onCancellationRequested: () => ({ dispose: () => undefined }),
};
const noEvents = () => ({ dispose: () => undefined });

/** What a window needs of VS Code to run an operation. */
const fakeWindow = {
  ...fakeVscode,
  window: {
    withProgress: (
      _options: vscode.ProgressOptions,
      task: (progress: vscode.Progress<unknown>, one: unknown) => Promise<unknown>,
    ) => task({ report: () => undefined }, token),
    onDidChangeWindowState: noEvents,
  },
  workspace: { onDidChangeConfiguration: noEvents },
} as unknown as typeof vscode;
