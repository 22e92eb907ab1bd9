import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { SkyRecord } from '../../../../src/provisioning/cluster/sky/sky.ts';
import { launched, openCluster, runningRow, type TestCluster, type TestClusterOptions } from './fixtures.ts';
import { UP } from './stub-sky.ts';

const TIMING = { observeMs: 20, observeBusyMs: 5, observeQuietMs: 60_000, watchedMs: 60_000, idleCheckMs: 86_400_000 };

let one: TestCluster;
let ending: AbortController;
let running: Promise<void> | undefined;

function open(options: TestClusterOptions = {}): void {
  one = openCluster({ timing: TIMING, ...options });
}
function run(): void {
  running = one.part.observer.run(ending.signal);
}
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}
const soon = () => AbortSignal.timeout(5_000);

beforeEach(() => {
  ending = new AbortController();
  running = undefined;
  open();
});
afterEach(async () => {
  ending.abort();
  await running;
  await one.dispose();
});

describe('the observer', () => {
  it('asks nothing of SkyPilot where there is no server and nobody looks', async () => {
    run();
    await sleep(60);
    assert.deepEqual([one.sky.calls, one.sky.found], [[], 0]);
  });

  it('does not have SkyPilot’s server started to learn that there is none', async () => {
    one.sky.serving = false;
    one.service.get();
    run();
    await until(() => one.sky.count('serving?') > 2);
    assert.deepEqual(new Set(one.sky.calls), new Set(['serving?']));
  });

  it('goes on looking when the clock is set back', async () => {
    one.sky.serving = false;
    one.service.get();
    run();
    await until(() => one.sky.count('serving?') > 0);
    const ofDay = Date.now;
    Date.now = () => ofDay() - 3_600_000;
    try {
      const before = one.sky.count('serving?');
      const deadline = performance.now() + 5_000;
      await until(() => one.sky.count('serving?') > before + 2 || performance.now() > deadline);
      assert.ok(one.sky.count('serving?') > before + 2);
    } finally {
      Date.now = ofDay;
    }
  });

  it('finds a server that was launched elsewhere while somebody looks', async () => {
    run();
    one.service.get();
    await until(() => one.sky.count('serving?') > 0);
    one.sky.setRecord(UP);
    await until(() => one.part.records.find()?.status === 'running');
    await until(() => one.row().price_per_hour === 0.192);
    assert.match(one.row().note ?? '', /SkyPilot’s own command/);
    assert.deepEqual(one.row().config, {});
  });

  it('sees what happened behind our back, and tells it once', async () => {
    one.part.records.put(runningRow());
    one.sky.setRecord(UP);
    run();
    one.service.get();
    await until(() => one.sky.count('refresh') > 2);
    one.sky.record = { ...UP, status: 'STOPPED', ip: null };
    await until(() => one.row().status === 'stopped');
    one.sky.record = undefined;
    await until(() => one.row().status === 'no_server');
    const told = one.test.told().map(({ message }) => message);
    assert.equal(told.filter((message) => message.includes('is gone')).length, 1);
    assert.equal(told.filter((message) => message.includes('was stopped')).length, 1);
  });

  it('is content with a look now and then where nobody looks', async () => {
    one.part.records.put(runningRow());
    one.sky.setRecord(UP);
    run();
    await until(() => one.sky.count('refresh') === 1);
    await sleep(80);
    assert.equal(one.sky.count('refresh'), 1);
  });

  it('looks at once when somebody begins to look', async () => {
    open({ timing: { ...TIMING, observeMs: 1 } });
    one.part.records.put(runningRow());
    one.sky.setRecord(UP);
    run();
    await until(() => one.sky.count('refresh') === 1);
    await sleep(5);
    one.service.get();
    await until(() => one.sky.count('refresh') > 1);
  });

  it('keeps the state while SkyPilot cannot be reached, says so, and says when it can', async () => {
    one.part.records.put(runningRow({ observed_at: '2027-01-15T08:00:00.000Z' }));
    one.sky.setRecord(UP);
    one.sky.away = true;
    await assert.rejects(one.part.observer.observe(one.sky, true, soon()));
    const row = one.row();
    assert.deepEqual([row.status, row.observed_at], ['running', '2027-01-15T08:00:00.000Z']);
    assert.match(row.unreachable ?? '', /does not answer/);
    one.sky.away = false;
    await one.part.observer.observe(one.sky, true, soon());
    assert.equal(one.row().unreachable, null);
  });

  it('says that SkyPilot is not installed any more', async () => {
    one.part.records.put(runningRow());
    one.sky.installed = false;
    run();
    await until(() => one.row().unreachable !== null);
    assert.match(one.row().unreachable ?? '', /^SkyPilot not installed/);
    assert.equal(one.row().status, 'running');
  });

  it('does not let an old answer that comes late undo a newer one', async () => {
    one.part.records.put(runningRow());
    one.sky.setRecord(UP);
    const late = Promise.withResolvers<SkyRecord | undefined>();
    const status = one.sky.status.bind(one.sky);
    one.sky.status = () => late.promise;
    const old = one.part.observer.observe(one.sky, true, soon());
    await sleep(1);
    one.sky.status = status;
    one.sky.setRecord({ ...UP, status: 'STOPPED' });
    await one.part.observer.observe(one.sky, true, soon());
    late.resolve(UP);
    await old;
    assert.equal(one.row().status, 'stopped');
  });

  it('shows the way of an operation, and its result as soon as that is known', async () => {
    run();
    one.sky.held.add('launch');
    const { id } = await one.service.launch({});
    await until(() => one.sky.requests.size > 0);
    one.sky.setRecord({ ...UP, status: 'INIT', ip: null });
    await until(() => one.row().instance_type === UP.instanceType);
    assert.equal(one.row().status, 'provisioning');
    one.sky.end([...one.sky.requests.keys()][0]!, { kind: 'succeeded' });
    await one.ended(id);
    const states = one.test
      .told()
      .flatMap(({ resource }) => (resource !== undefined && 'cluster' in resource ? [resource.cluster.status] : []));
    assert.equal(states.at(-1), 'running');
    assert.equal(states.lastIndexOf('provisioning') < states.indexOf('running'), true, states.join(' '));
  });

  it('never shows a failure between two looks of which one is old', async () => {
    one.part.records.put(runningRow({ status: 'stopped' }));
    one.sky.setRecord({ ...UP, status: 'STOPPED' });
    const requests = one.sky.activeRequests.bind(one.sky);
    let asked = 0;
    // Somebody starts it elsewhere after the requests were read and before the status is.
    one.sky.activeRequests = async (name) => {
      asked += 1;
      const before = await requests(name);
      if (asked > 1) return before;
      one.sky.held.add('start');
      await one.sky.start(name);
      one.sky.setRecord({ ...UP, status: 'INIT' });
      return before;
    };
    await one.part.observer.observe(one.sky, true, soon());
    assert.equal(one.row().status, 'provisioning');
  });

  it('does not tell that it was heard again', async () => {
    await launched(one);
    const before = one.test.told().length;
    await one.part.observer.observe(one.sky, true, soon());
    assert.equal(one.test.told().length, before);
  });
});
