import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../../src/lib/log.ts';
import {
  ConflictError,
  NoCapacityError,
  NotFoundError,
  TimedOutError,
  UnavailableError,
} from '../../../src/protocol/errors.ts';
import { KeyedQueue } from '../../../src/agent/seats/keyed-queue.ts';
import { SeatRegistry } from '../../../src/agent/seats/seat-registry.ts';
import type { RunningSeat, SeatKey, VmDriver } from '../../../src/agent/vmm/driver.ts';

const KEY: SeatKey = { workshopId: 'ws-a', seatId: 1 };

/** A driver whose seats are ready when `finish` is called, and that writes down what it was asked for. */
class SlowDriver implements VmDriver {
  readonly runtime = 'process';
  readonly accelerated = false;
  capacity = 2;
  readonly calls: string[] = [];
  finish: () => void = () => undefined;
  failDestroy = false;
  runs = false;
  /** What an earlier agent left. */
  left: RunningSeat[] = [];

  versions(): Record<string, string> {
    return {};
  }

  probe(): Promise<void> {
    return Promise.resolve();
  }

  adopt(): Promise<RunningSeat[]> {
    return Promise.resolve(this.left);
  }

  create(key: SeatKey, _limits: object, signal: AbortSignal): Promise<RunningSeat> {
    return this.#make('create', key, signal);
  }

  reset(key: SeatKey, signal: AbortSignal): Promise<RunningSeat> {
    return this.#make('reset', key, signal);
  }

  destroy(key: SeatKey): Promise<void> {
    this.calls.push(`destroy ${key.seatId}`);
    return this.failDestroy ? Promise.reject(new UnavailableError('It still runs.')) : Promise.resolve();
  }

  isRunning(): boolean {
    return this.runs;
  }

  lastWords(): Promise<string> {
    this.calls.push('last words');
    return Promise.resolve('Kernel panic');
  }

  #make(what: string, key: SeatKey, signal: AbortSignal): Promise<RunningSeat> {
    this.calls.push(`${what} ${key.seatId}`);
    const nowhere = { socketPath: '/nowhere' };
    const made = { key, ip: null, terminal: nowhere, files: nowhere, fromSnapshot: false };
    return new Promise((resolve, reject) => {
      this.finish = () => resolve({ ...made, startedInMs: 5, createdAt: '2026-01-01T00:00:00Z' });
      signal.addEventListener('abort', () => {
        this.calls.push('aborted');
        reject(signal.reason as Error);
      });
    });
  }
}

describe('the seats of a worker', () => {
  let driver: SlowDriver;
  let seats: SeatRegistry;

  beforeEach(() => {
    driver = new SlowDriver();
    seats = new SeatRegistry({ driver, log: createLog('test', 'silent') });
  });

  async function createReady(key = KEY): Promise<void> {
    const created = seats.create(key, {});
    await sleep(1);
    driver.finish();
    await created;
  }

  it('are booting, then ready, and not made twice', async () => {
    const created = seats.create(KEY, {});
    assert.equal(seats.get(KEY).status, 'booting');
    assert.throws(() => seats.ready(KEY), UnavailableError);
    await assert.rejects(seats.create(KEY, {}), ConflictError);
    await sleep(1);
    driver.finish();
    assert.deepEqual([(await created).status, (await created).started_in_ms], ['ready', 5]);
    assert.equal(seats.ready(KEY).key, KEY);
    await assert.rejects(seats.create(KEY, {}), ConflictError);
  });

  it('are no more than the worker holds, those that are being made included', async () => {
    const first = seats.create(KEY, {});
    const second = seats.create({ ...KEY, workshopId: 'ws-b' }, {});
    await assert.rejects(seats.create({ ...KEY, seatId: 3 }, {}), NoCapacityError);
    await seats.remove(KEY, { keepFiles: false });
    await assert.rejects(first, ConflictError);
    assert.deepEqual(
      seats.list().map((vm) => vm.workshop_id),
      ['ws-b'],
    );
    await createReady({ ...KEY, seatId: 3 });
    await seats.remove({ ...KEY, workshopId: 'ws-b' }, { keepFiles: false });
    await assert.rejects(second, ConflictError);
  });

  it('that are deleted while they are being made are ended first, then removed', async () => {
    const created = seats.create(KEY, {});
    await sleep(1);
    const removed = seats.remove(KEY, { keepFiles: false });
    await assert.rejects(created, ConflictError);
    await removed;
    assert.deepEqual(driver.calls, ['create 1', 'aborted', 'destroy 1']);
    assert.throws(() => seats.get(KEY), NotFoundError);
    await seats.remove(KEY, { keepFiles: false });
  });

  it('that do not answer in time are gone again, with the time in the error', async () => {
    seats = new SeatRegistry({ driver, log: createLog('test', 'silent'), seatTimeoutMs: 20 });
    await assert.rejects(
      seats.create(KEY, {}),
      (error) => error instanceof TimedOutError && error.message.includes('0.02 s'),
    );
    assert.equal(seats.size, 0);
  });

  it('that fail in a reset are unhealthy and can be reset again', async () => {
    await createReady();
    const reset = seats.reset(KEY);
    await sleep(1);
    assert.equal(seats.get(KEY).status, 'resetting');
    assert.throws(() => seats.ready(KEY), UnavailableError);
    await seats.close();
    await assert.rejects(reset, UnavailableError);
    assert.equal(seats.get(KEY).status, 'unhealthy');
    await assert.rejects(seats.reset({ ...KEY, seatId: 2 }), NotFoundError);
  });

  it('that cannot be removed stay to be seen, and can be removed later', async () => {
    await createReady();
    driver.failDestroy = true;
    await assert.rejects(seats.remove(KEY, { keepFiles: false }), UnavailableError);
    assert.equal(seats.get(KEY).status, 'unhealthy');
    driver.failDestroy = false;
    const reset = seats.reset(KEY);
    await sleep(1);
    driver.finish();
    assert.equal((await reset).status, 'ready');
    await seats.remove(KEY, { keepFiles: false });
    assert.equal(seats.size, 0);
  });

  it('are unhealthy as soon as they are found dead', async () => {
    await createReady();
    await seats.checkHealth(new AbortController().signal);
    assert.equal(seats.get(KEY).status, 'unhealthy');
  });

  it('are unhealthy soon after they have ended, though others answer slowly, with their last words in the log', async () => {
    await createReady();
    driver.runs = true;
    seats.noticeEnded();
    assert.equal(seats.get(KEY).status, 'ready');
    driver.runs = false;
    seats.noticeEnded();
    assert.equal(seats.get(KEY).status, 'unhealthy');
    seats.noticeEnded();
    assert.deepEqual(
      driver.calls.filter((call) => call === 'last words'),
      ['last words'],
    );
  });

  it('of an earlier agent whose reset was interrupted are reset again by themselves', async () => {
    const nowhere = { socketPath: '/nowhere' };
    const times = { startedInMs: 1, createdAt: '2026-01-01T00:00:00Z' };
    const before = { ip: null, terminal: nowhere, files: nowhere, fromSnapshot: false, ...times };
    driver.left = [
      { ...before, key: KEY, interrupted: true },
      { ...before, key: { ...KEY, seatId: 2 } },
    ];
    await seats.adopt(new AbortController().signal);
    await sleep(1);
    assert.deepEqual(
      seats.list().map((vm) => vm.status),
      ['resetting', 'unhealthy'],
    );
    driver.finish();
    await sleep(1);
    assert.equal(seats.get(KEY).status, 'ready');
    assert.equal(driver.calls.filter((call) => call.startsWith('reset')).length, 1);
  });

  it('are as many as the driver can hold at the time', async () => {
    driver.capacity = 0;
    await assert.rejects(seats.create(KEY, {}), NoCapacityError);
    driver.capacity = 1;
    await createReady();
  });

  it('tell once that they are gone, also when they were unhealthy before, and are another one after a reset', async () => {
    await createReady();
    const gone = seats.gone(KEY);
    driver.runs = true;
    // Its servers do not answer: it may only be busy.
    for (let look = 0; look < 2; look += 1) await seats.checkHealth(new AbortController().signal);
    assert.deepEqual([seats.get(KEY).status, gone.aborted], ['unhealthy', false]);
    driver.runs = false;
    await seats.checkHealth(new AbortController().signal);
    assert.ok(gone.aborted && gone.reason instanceof UnavailableError);
    const reset = seats.reset(KEY);
    await sleep(1);
    driver.finish();
    await reset;
    const next = seats.gone(KEY);
    assert.equal(next.aborted, false);
    await seats.remove(KEY, { keepFiles: true });
    assert.equal(next.aborted, true);
    assert.throws(() => seats.gone(KEY), NotFoundError);
  });

  it('count their open terminals', async () => {
    await createReady();
    const release = seats.countConnection(KEY);
    assert.equal(seats.get(KEY).connections, 1);
    release();
    assert.equal(seats.get(KEY).connections, 0);
  });
});

describe('a queue by keys', () => {
  it('runs tasks of a key one after the other, past failures, and of other keys at once', async () => {
    const queue = new KeyedQueue();
    const steps: string[] = [];
    const task =
      (name: string, fails = false) =>
      async () => {
        steps.push(`${name} begins`);
        await sleep(5);
        steps.push(`${name} ends`);
        if (fails) throw new Error(name);
      };
    const first = queue.run('k', task('a', true));
    const others = [queue.run('k', task('b')), queue.run('other', task('c'))];
    await assert.rejects(first, /a/);
    await Promise.all(others);
    const ofK = steps.filter((step) => !step.startsWith('c'));
    assert.deepEqual(ofK, ['a begins', 'a ends', 'b begins', 'b ends']);
    assert.ok(steps.indexOf('c begins') < steps.indexOf('a ends'));
  });
});
