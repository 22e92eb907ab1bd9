import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { SharedTask } from '../../../../../src/agent/vmm/machine/shared-task.ts';

describe('a task that several need', () => {
  const never = new AbortController().signal;

  it('is done once, for all who came meanwhile, and anew for who comes later', async () => {
    const shared = new SharedTask<number>();
    let count = 0;
    const task = async (): Promise<number> => {
      await sleep(10);
      return (count += 1);
    };
    const run = (): Promise<number> => shared.run('a', task, never);
    assert.deepEqual(
      await Promise.all([run(), run(), run(), shared.run('b', () => Promise.resolve(9), never)]),
      [1, 1, 1, 9],
    );
    assert.equal(await run(), 2);
  });

  it('tells its error to all, and can be tried again', async () => {
    const shared = new SharedTask<number>();
    const failing = (): Promise<number> => Promise.reject(new Error('No.'));
    const both = await Promise.allSettled([shared.run('a', failing, never), shared.run('a', failing, never)]);
    assert.deepEqual(
      both.map((outcome) => outcome.status),
      ['rejected', 'rejected'],
    );
    assert.equal(await shared.run('a', () => Promise.resolve(1), never), 1);
  });

  it('goes on for the others when one has given up', async () => {
    const shared = new SharedTask<number>();
    const stop = new AbortController();
    const task = (signal: AbortSignal): Promise<number> => sleep(30, 1, { signal });
    const impatient = shared.run('a', task, stop.signal);
    const patient = shared.run('a', task, never);
    await sleep(5);
    stop.abort(new Error('Enough.'));
    await assert.rejects(impatient, /Enough/);
    assert.equal(await patient, 1);
  });

  it('is ended when nobody waits any more, cleans up before the last one goes, and begins anew for who comes then', async () => {
    const shared = new SharedTask<number>();
    const steps: string[] = [];
    const task = async (signal: AbortSignal): Promise<number> => {
      steps.push('begin');
      await sleep(20, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) return 1;
      await sleep(20);
      steps.push('clean');
      throw new Error('Ended.');
    };
    const stops = [new AbortController(), new AbortController()];
    const waiting = stops.map(({ signal }) => shared.run('a', task, signal));
    await sleep(5);
    for (const stop of stops) stop.abort(new Error('Enough.'));
    await sleep(0);
    const next = shared.run('a', task, never);
    const outcomes = await Promise.allSettled(waiting);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['rejected', 'rejected'],
    );
    assert.equal(await next, 1);
    assert.deepEqual(steps, ['begin', 'clean', 'begin']);
    await assert.rejects(shared.run('a', task, stops[0]!.signal), /Enough/);
    assert.equal(steps.length, 3);
  });
});
