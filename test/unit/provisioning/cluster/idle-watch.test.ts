import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { IdleWatch } from '../../../../src/provisioning/cluster/idle-watch.ts';
import { ServerFiles } from '../../../../src/provisioning/cluster/server-files.ts';
import { SkyAccess } from '../../../../src/provisioning/cluster/sky-access.ts';
import { Vaults } from '../../../../src/provisioning/cluster/vaults/vaults.ts';
import { SILENT, TIMING } from '../fixtures.ts';
import { openCluster, runningRow, type TestCluster } from './fixtures.ts';
import { UP } from './stub-sky.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const CAME_UP = UP.launchedAt! * 1000;
const never = new AbortController().signal;

/** What the server says: no job, or one. See judgeLook. */
const SAMPLE = '100.0 1\n';
const IDLE = ['', '0 1000 100\n', SAMPLE, '102.0 1\n', '', '', ''].join('carapace-part\n');
const BUSY = IDLE.replace('0 1000 100', '1 1000 100');

describe('a server that nobody works with', () => {
  let one: TestCluster;
  let answer: string | Error;
  let asked: number;
  /** How long the server takes to answer. */
  let lookMs: number;
  let watch: IdleWatch;
  let start: () => void;
  /** Steady clock, of an origin of its own, and the time of day: ms. */
  let steady: number;
  let date: number;
  beforeEach(() => {
    one = openCluster();
    answer = IDLE;
    asked = 0;
    lookMs = 0;
    const run = () => {
      asked += 1;
      pass(lookMs);
      if (answer instanceof Error) return Promise.reject(answer);
      return Promise.resolve({ exitCode: 0, stdout: Buffer.from(answer), stderr: '' });
    };
    const vaults = new Vaults({ stateFolder: one.test.folder });
    const files = new ServerFiles({ vaults, log: SILENT, shell: () => ({ run }) });
    const { records } = one.part;
    const access = new SkyAccess(one.sky.finder);
    const { engine, service } = one;
    const clock = () => ({ steady, date });
    start = () => {
      watch = new IdleWatch({ records, engine, service, access, files, timing: TIMING, log: SILENT, clock });
    };
    [steady, date] = [5_000, CAME_UP];
    start();
    records.put(runningRow());
    one.sky.setRecord(UP);
  });
  afterEach(() => one.dispose());

  function pass(ms: number): void {
    steady += ms;
    date += ms;
  }

  /** Judges once; whether an operation began, which has ended then. */
  async function check(): Promise<boolean> {
    await watch.check(never);
    const [operation] = one.test.store.operations.all();
    if (operation !== undefined) await one.ended(operation.id);
    return operation !== undefined;
  }

  /** Judges after each of so many minutes; how many had passed when an operation began. */
  async function minutes(count: number): Promise<number | undefined> {
    for (let minute = 1; minute <= count; minute += 1) {
      pass(MINUTE);
      if (await check()) return minute;
    }
    return undefined;
  }

  it('is stopped at the limit, announced before', async () => {
    assert.equal(await minutes(26), undefined);
    assert.equal(one.row().stops_at, new Date(CAME_UP + 30 * MINUTE).toISOString());
    assert.match(one.test.told().at(-1)?.message ?? '', /Nobody works with the server: it stops at/);
    assert.equal(await minutes(10), 4);
    assert.equal(one.row().status, 'stopped');
    assert.equal(one.row().note, 'The server was stopped: nobody had worked with it for 30 minutes.');
    assert.match(one.test.store.operations.all()[0]?.title ?? '', /nobody works with it$/);
  });

  it('goes on while a job runs on it', async () => {
    answer = BUSY;
    assert.equal(await minutes(100), undefined);
    answer = IDLE;
    assert.equal(await minutes(40), 30);
  });

  it('goes on when somebody comes back', async () => {
    assert.equal(await minutes(28), undefined);
    assert.ok(one.row().stops_at);
    one.part.records.change({ activity_at: new Date(date).toISOString() });
    assert.equal(await minutes(40), 30);
  });

  it('goes on where nobody can look for jobs: SkyPilot’s own autostop remains', async () => {
    answer = new Error('no route');
    assert.equal(await minutes(60), undefined);
  });

  it('is tried to be stopped again half an hour after that has failed, unless somebody works', async () => {
    one.sky.outcomes.set('stop', { kind: 'failed', type: 'RuntimeError', message: 'the cloud said no' });
    assert.equal(await minutes(40), 30);
    assert.equal(one.row().status, 'error');
    assert.equal(one.sky.count('stop'), 1);
    const stops = async (count: number): Promise<number> => {
      // What the last one has left is known by the next observation.
      await one.part.observer.observe(one.sky, true, never);
      for (let minute = 1; minute <= count; minute += 1) {
        const before = one.test.store.operations.all().length;
        pass(MINUTE);
        await watch.check(never);
        const operations = one.test.store.operations.all();
        if (operations.length > before) {
          for (const { id } of operations) await one.ended(id);
          return minute;
        }
      }
      return NaN;
    };
    assert.equal(await stops(60), 32, 'with two minutes of warning');
    one.part.records.change({ activity_at: new Date(date).toISOString() });
    one.sky.outcomes.delete('stop');
    assert.equal(await stops(29), NaN);
    assert.equal(await stops(40), 1);
    assert.equal(one.row().status, 'stopped');
  });

  it('is destroyed where its cloud cannot stop it, and its files are kept', async () => {
    one.part.records.change({ use_spot: true });
    one.sky.setRecord({ ...UP, useSpot: true });
    assert.equal(await minutes(40), 30);
    assert.equal(one.row().status, 'no_server');
    assert.equal(one.sky.count('down'), 1);
  });

  it('is not asked for jobs while somebody types, nor without a limit, nor when Carapace did not launch it', async () => {
    pass(10 * MINUTE);
    one.part.records.change({ activity_at: new Date(date).toISOString() });
    pass(5_000);
    await watch.check(never);
    for (const config of [{ autostop_minutes: 0 }, {}]) {
      one.part.records.change({ config });
      assert.equal(await minutes(200), undefined);
    }
    assert.equal(asked, 0);
  });

  it('is announced again where the limit was changed after the announcement', async () => {
    assert.equal(await minutes(29), undefined);
    const { config } = one.row();
    one.part.records.change({ config: { ...config, autostop_minutes: 10 }, stops_at: null });
    assert.equal(await minutes(1), undefined);
    assert.equal(one.row().stops_at, new Date(date + 2 * MINUTE).toISOString());
    assert.equal(await minutes(10), 2);
  });

  describe('when the clock is set', () => {
    it('is stopped no sooner for a jump ahead, and the time that is told goes along', async () => {
      assert.equal(await minutes(5), undefined);
      date += 8 * HOUR;
      assert.equal(await minutes(21), undefined);
      assert.equal(one.row().stops_at, new Date(CAME_UP + 8 * HOUR + 30 * MINUTE).toISOString());
      date += HOUR;
      assert.equal(await minutes(1), undefined);
      assert.equal(one.row().stops_at, new Date(CAME_UP + 9 * HOUR + 30 * MINUTE).toISOString());
      assert.equal(await minutes(10), 3);
    });

    it('is stopped no later for a jump back', async () => {
      assert.equal(await minutes(5), undefined);
      date -= 2 * HOUR;
      assert.equal(await minutes(40), 25);
    });

    it('hears of work whose time is before that of the launch', async () => {
      assert.equal(await minutes(20), undefined);
      date -= 2 * HOUR;
      one.part.records.change({ activity_at: new Date(date).toISOString() });
      // When it was is not known: it counts from the next look on.
      assert.equal(await minutes(40), 31);
    });
  });

  describe('when nobody looked for a while', () => {
    // A steady clock stands still in a sleep on Linux, and goes on elsewhere.
    for (const [what, isCounted] of [
      ['stands still', false],
      ['goes on', true],
    ] as const) {
      it(`counts none of a sleep in which the steady clock ${what}, and announces the stop again after it`, async () => {
        assert.equal(await minutes(28), undefined);
        assert.ok(one.row().stops_at);
        date += 8 * HOUR;
        if (isCounted) steady += 8 * HOUR;
        assert.equal(await minutes(1), undefined);
        assert.equal(one.row().stops_at, new Date(date + 2 * MINUTE).toISOString());
        assert.equal(await minutes(10), 2);
      });
    }

    it('is stopped at the announced time where looks take longer than the time between them', async () => {
      lookMs = 3 * MINUTE;
      assert.equal(await minutes(40), 30);
    });

    it('begins anew with the control plane: a job may have run without it', async () => {
      assert.equal(await minutes(28), undefined);
      pass(10 * HOUR);
      start();
      assert.equal(await check(), false);
      assert.equal(one.row().stops_at, null);
      assert.equal(await minutes(40), 29);
    });
  });
});
