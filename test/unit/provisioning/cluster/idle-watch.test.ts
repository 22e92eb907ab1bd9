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
  let watch: IdleWatch;
  beforeEach(() => {
    one = openCluster();
    answer = IDLE;
    asked = 0;
    const run = () => {
      asked += 1;
      if (answer instanceof Error) return Promise.reject(answer);
      return Promise.resolve({ exitCode: 0, stdout: Buffer.from(answer), stderr: '' });
    };
    const vaults = new Vaults({ stateFolder: one.test.folder });
    const files = new ServerFiles({ vaults, log: SILENT, shell: () => ({ run }) });
    const { records } = one.part;
    const access = new SkyAccess(one.sky.finder);
    const { engine, service } = one;
    watch = new IdleWatch({ records, engine, service, access, files, timing: TIMING, log: SILENT });
    records.put(runningRow());
    one.sky.setRecord(UP);
  });
  afterEach(() => one.dispose());

  /** Judges every minute until `minutes` after it came up; the minute in which an operation began. */
  async function minutes(from: number, to: number): Promise<number | undefined> {
    for (let minute = from; minute <= to; minute += 1) {
      await watch.check(CAME_UP + minute * MINUTE, never);
      const [operation] = one.test.store.operations.all();
      if (operation === undefined) continue;
      await one.ended(operation.id);
      return minute;
    }
    return undefined;
  }

  it('is stopped at the limit, announced before', async () => {
    assert.equal(await minutes(1, 26), undefined);
    assert.equal(one.row().stops_at, new Date(CAME_UP + 30 * MINUTE).toISOString());
    assert.match(one.test.told().at(-1)?.message ?? '', /Nobody works with the server: it stops at/);
    assert.equal(await minutes(27, 40), 30);
    assert.equal(one.row().status, 'stopped');
    assert.equal(one.row().note, 'The server was stopped: nobody had worked with it for 30 minutes.');
    assert.match(one.test.store.operations.all()[0]?.title ?? '', /nobody works with it$/);
  });

  it('goes on while a job runs on it', async () => {
    answer = BUSY;
    assert.equal(await minutes(1, 100), undefined);
    answer = IDLE;
    assert.equal(await minutes(101, 140), 130);
  });

  it('goes on when somebody comes back', async () => {
    assert.equal(await minutes(1, 28), undefined);
    assert.ok(one.row().stops_at);
    one.part.records.change({ activity_at: new Date(CAME_UP + 28 * MINUTE).toISOString() });
    assert.equal(await minutes(29, 57), undefined);
    assert.equal(await minutes(58, 70), 58);
  });

  it('goes on where nobody can look for jobs: SkyPilot’s own autostop remains', async () => {
    answer = new Error('no route');
    assert.equal(await minutes(1, 60), undefined);
  });

  it('is destroyed where its cloud cannot stop it, and its files are kept', async () => {
    one.part.records.change({ use_spot: true });
    one.sky.setRecord({ ...UP, useSpot: true });
    assert.equal(await minutes(1, 40), 30);
    assert.equal(one.row().status, 'no_server');
    assert.equal(one.sky.count('down'), 1);
  });

  it('is not asked for jobs while somebody types, nor without a limit, nor when Carapace did not launch it', async () => {
    one.part.records.change({ activity_at: new Date(CAME_UP + 10 * MINUTE).toISOString() });
    await watch.check(CAME_UP + 10 * MINUTE + 5_000, never);
    for (const config of [{ autostop_minutes: 0 }, {}]) {
      one.part.records.change({ config });
      assert.equal(await minutes(11, 200), undefined);
    }
    assert.equal(asked, 0);
  });
});
