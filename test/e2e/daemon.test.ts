/** The control plane that nobody starts by hand: its version, its end, and several that start it at once. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { ensureControlPlane, serveLog } from '../../src/client/daemon.ts';
import { isAlive } from '../../src/lib/process-identity.ts';
import { OLD_VERSION, OWN_VERSION, VersionedHome } from './daemon-harness.ts';
import { TestState, until } from './control-plane-harness.ts';

/** Idle control planes end after this time here. */
const IDLE_MS = 1_500;
const SOON_IDLE = { CARAPACE_TIMING: JSON.stringify({ idleExitMs: IDLE_MS }) };

describe('a control plane in the background', function () {
  this.timeout(240_000);
  let home: VersionedHome;
  beforeEach(() => {
    home = new VersionedHome();
  });
  afterEach(() => home.dispose());

  /** Those that find the folder held end a second later. */
  const onlyOne = () => until('one is left', () => (home.controlPlanes().length === 1 ? true : undefined));

  describe('of an earlier version', () => {
    let old: string;
    beforeEach(() => {
      old = home.makeProgram('old', { version: OLD_VERSION });
    });

    it('makes way when nothing runs, and its store goes on; it does not come back for an earlier client', async () => {
      const made = await home.runProgram(old, ['workshop', 'create', 'Kept', '--seats', '1', '--no-start']);
      assert.equal(made.code, 0, made.stderr);
      const before = home.daemonFile()!;
      assert.equal(before.version, OLD_VERSION);
      const { code, stdout, stderr } = await home.run(['workshop', 'list']);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, /Kept/);
      const now = home.daemonFile()!;
      assert.equal(now.version, OWN_VERSION);
      await until('the old one has ended', () => (isAlive(before) ? undefined : true));
      const again = await home.runProgram(old, ['workshop', 'list']);
      assert.deepEqual([again.code, again.stderr], [0, '']);
      assert.equal(home.daemonFile()?.pid, now.pid);
      await onlyOne();
    });

    it('is used and told of while a workshop runs, and makes way after it', async () => {
      const made = await home.runProgram(old, ['workshop', 'create', 'Busy', '--seats', '1', '--wait']);
      assert.equal(made.code, 0, made.stderr);
      const { pid } = home.daemonFile()!;
      const used = await home.run(['workshop', 'list']);
      assert.equal(used.code, 0);
      assert.equal(
        used.stderr,
        `carapace: the control plane that runs is of version ${OLD_VERSION}, and this is ${OWN_VERSION}. ` +
          'It is used as it is while something runs, and replaced by the first command after that.\n',
      );
      assert.equal(home.daemonFile()?.pid, pid);
      const json = await home.run(['workshop', 'list', '--json']);
      assert.equal(json.stderr, '');
      const deleted = await home.run(['workshop', 'delete', 'Busy', '--yes', '--wait']);
      assert.equal(deleted.code, 0, deleted.stderr);
      const after = await home.run(['workshop', 'list']);
      assert.equal(after.stderr, '');
      assert.notEqual(home.daemonFile()?.pid, pid);
      assert.equal(home.daemonFile()?.version, OWN_VERSION);
    });

    it('is left alone where a person has started it', async () => {
      const child = spawn(process.execPath, [old, 'serve', '--port', '0'], { env: home.environment, stdio: 'ignore' });
      await until('it serves', () => (home.daemonFile()?.pid === child.pid ? true : undefined));
      const { code, stderr } = await home.run(['workshop', 'list']);
      assert.equal(code, 0);
      assert.match(stderr, /was started by hand, so it is used as it is: end it and start it again to renew it\.\n$/);
      assert.equal(home.daemonFile()?.pid, child.pid);
    });

    it('is replaced once by many who find it at the same moment', async () => {
      await home.runProgram(old, ['workshop', 'list']);
      const all = await Promise.all(Array.from({ length: 4 }, () => home.run(['workshop', 'list'])));
      for (const { code, stderr } of all) assert.deepEqual([code, stderr], [0, '']);
      assert.equal(home.daemonFile()?.version, OWN_VERSION);
      await onlyOne();
    });
  });

  describe('that nobody needs', () => {
    it('ends by itself, and the next command starts it again', async () => {
      // Late enough that it is there when the command that started it has ended, also on a slow machine.
      const idle = { CARAPACE_TIMING: JSON.stringify({ idleExitMs: 5_000 }) };
      const first = await home.run(['workshop', 'list'], '', idle);
      assert.equal(first.code, 0, first.stderr);
      const before = home.daemonFile()!;
      assert.equal(before.background, true);
      await until('it has ended', () => (isAlive(before) ? undefined : true));
      assert.equal(home.daemonFile(), undefined);
      assert.match(readFileSync(serveLog(home.folder), 'utf8'), /"because":"idle"/);
      const second = await home.run(['workshop', 'list'], '', idle);
      assert.deepEqual([second.code, second.stderr], [0, '']);
      assert.notEqual(home.daemonFile()?.pid, before.pid);
    });

    it('stays for a workshop, and for a stream of events; not for a workshop that is stopped', async () => {
      const made = await home.run(['workshop', 'create', 'Live', '--seats', '1', '--wait'], '', SOON_IDLE);
      assert.equal(made.code, 0, made.stderr);
      const file = home.daemonFile()!;
      await sleep(3 * IDLE_MS);
      assert.ok(isAlive(file), 'it stays for the workshop');
      const leaving = new AbortController();
      const opened = Promise.withResolvers<undefined>();
      const client = new ControlPlaneClient(file);
      const reading = (async () => {
        const options = { signal: leaving.signal, onOpen: () => opened.resolve(undefined) };
        for await (const { id } of client.events(options)) assert.ok(id >= 0);
      })();
      await opened.promise;
      const stopped = await home.run(['workshop', 'stop', 'Live', '--wait']);
      assert.equal(stopped.code, 0, stopped.stderr);
      await sleep(3 * IDLE_MS);
      assert.ok(isAlive(file), 'it stays for the reader');
      leaving.abort();
      await assert.rejects(reading);
      await until('it has ended', () => (isAlive(file) ? undefined : true));
    });

    it('answers or is replaced, but loses nobody who comes while it ends', async () => {
      const timing = process.env['CARAPACE_TIMING'];
      // Long enough that it does not end between finding it and asking it, also on a machine that lets both wait.
      process.env['CARAPACE_TIMING'] = JSON.stringify({ idleExitMs: 1_000 });
      const pids = new Set<number>();
      const rounds = 15;
      try {
        for (let round = 0; round < rounds; round += 1) {
          const found = await ensureControlPlane({ stateFolder: home.folder, program: home.program });
          await new ControlPlaneClient(found).createWorkshop({ name: `Round ${round}`, seats: 1, start: false });
          pids.add(home.daemonFile()?.pid ?? 0);
          await sleep(900 + 20 * round);
        }
        const found = await ensureControlPlane({ stateFolder: home.folder, program: home.program });
        assert.equal((await new ControlPlaneClient(found).listWorkshops()).length, rounds);
        assert.ok(pids.size > 1, 'it has ended in between');
      } finally {
        if (timing === undefined) delete process.env['CARAPACE_TIMING'];
        else process.env['CARAPACE_TIMING'] = timing;
      }
    });
  });

  it('is one, however many commands start it at the same moment', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => home.run(['workshop', 'list'])));
    for (const { code, stderr } of all) assert.deepEqual([code, stderr], [0, '']);
    await onlyOne();
  });
});

describe('two control planes of one state folder', function () {
  this.timeout(120_000);
  let state: TestState;
  beforeEach(() => {
    state = new TestState();
  });
  afterEach(() => state.dispose());

  it('started at the same moment: one serves, the other says why it does not', async () => {
    const both = [state.spawn(), state.spawn()];
    const ends = both.map(({ child }) => once(child, 'close'));
    await until('one serves', () => (state.daemonFile() === undefined ? undefined : true));
    const [code] = (await Promise.race(ends)) as [number];
    assert.equal(code, 3);
    const ended = both.find(({ child }) => child.exitCode !== null)!;
    assert.match(ended.log(), /carapace: Another control plane holds .*store\.db\. Use that one, or end it first\./);
    const file = state.daemonFile()!;
    assert.ok(both.some(({ child }) => child.pid === file.pid && child.exitCode === null));
    await new ControlPlaneClient(file).listWorkshops();
  });
});
