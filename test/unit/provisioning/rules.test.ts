import assert from 'node:assert/strict';
import { InvalidInputError } from '../../../src/protocol/errors.ts';
import { isLoopback, namesLoopback, namesSite } from '../../../src/provisioning/http/host-check.ts';
import { crashPointOf } from '../../../src/provisioning/operations/crash-point.ts';
import { supersedes } from '../../../src/provisioning/operations/handler.ts';
import { inParallel, within } from '../../../src/provisioning/operations/abort.ts';
import { readTiming, TIMING_VARIABLE } from '../../../src/provisioning/settings.ts';
import { isOver } from '../../../src/provisioning/workshop/expiry.ts';
import { workshopRow } from './fixtures.ts';

describe('the rules of the control plane', () => {
  it('know the names of this machine', () => {
    for (const host of ['127.0.0.1', '127.0.0.1:8080', 'localhost:1', 'LOCALHOST', '[::1]:80', '[::1]']) {
      assert.equal(namesLoopback(host), true, host);
    }
    for (const host of [undefined, '', 'example.org', 'localhost.example.org', '127.0.0.1.nip.io:80', '10.0.0.1']) {
      assert.equal(namesLoopback(host), false, String(host));
    }
    for (const host of ['127.0.0.1', '::1', 'localhost']) assert.equal(isLoopback(host), true, host);
    for (const host of ['0.0.0.0', '::', '192.168.1.1', 'example.org', '']) assert.equal(isLoopback(host), false, host);
  });

  it('know a server for others by its name and by any address', () => {
    const url = 'https://class.example.org:8443';
    for (const host of [
      'class.example.org:8443',
      'CLASS.example.org',
      '192.0.2.1:8443',
      '[2001:db8::1]:1',
      'localhost',
    ]) {
      assert.equal(namesSite(host, url), true, host);
    }
    for (const host of [
      undefined,
      '',
      'example.org',
      'evil.example:8443',
      '192.0.2.1.nip.io',
      'class.example.org.evil',
    ]) {
      assert.equal(namesSite(host, url), false, String(host));
    }
  });

  it('end a workshop after its time, where it runs or holds seats', () => {
    const expires_at = '2026-01-01T12:00:00.000Z';
    const noon = Date.parse(expires_at);
    assert.equal(isOver(workshopRow({ expires_at }), true, noon - 1), false);
    assert.equal(isOver(workshopRow({ expires_at }), true, noon), true);
    assert.equal(isOver(workshopRow({ expires_at, status: 'error' }), true, noon), true);
    assert.equal(isOver(workshopRow({ expires_at, status: 'error' }), false, noon), false);
    assert.equal(isOver(workshopRow({ expires_at, status: 'stopped' }), false, noon), false);
    assert.equal(isOver(workshopRow({ expires_at, status: 'provisioning' }), true, noon), false);
  });

  it('let deletion supersede everything, and a repair be superseded by what a person asks', () => {
    assert.ok(supersedes('workshop.delete', 'workshop.create'));
    assert.ok(supersedes('workshop.stop', 'workshop.repair'));
    assert.ok(!supersedes('workshop.stop', 'workshop.create'));
    assert.ok(!supersedes('workshop.delete', 'workshop.delete'));
  });

  it('take time limits from the environment and from the caller, and no others', () => {
    const environment = { [TIMING_VARIABLE]: '{"seatMs":7,"stopMs":8}' };
    const timing = readTiming(environment, { stopMs: 9 });
    assert.deepEqual([timing.seatMs, timing.stopMs, timing.deleteMs], [7, 9, 180_000]);
    for (const wrong of ['{', '[]', '{"seatMs":0}', '{"secondsMs":1}', '{"seatMs":"1"}']) {
      assert.throws(() => readTiming({ [TIMING_VARIABLE]: wrong }), InvalidInputError, wrong);
    }
  });

  it('crash only where they are told to', () => {
    const nowhere = crashPointOf({});
    nowhere('begin', 'before');
    const elsewhere = crashPointOf({ CARAPACE_CRASH_AT: 'seat.create:after:3' });
    elsewhere('seat.create', 'before');
    elsewhere('seat.create', 'after');
    elsewhere('seat.create', 'after');
  });

  it('do so much at once and no more, and go on after a failure only where they are told to', async () => {
    let now = 0;
    let most = 0;
    const begun: number[] = [];
    const work = async (item: number): Promise<void> => {
      begun.push(item);
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      if (item === 4) throw new Error('four');
    };
    await inParallel([1, 2, 3], { limit: 2, keepGoing: false }, work);
    assert.equal(most, 2);
    begun.length = 0;
    const items = [1, 2, 3, 4, 5, 6, 7, 8];
    await assert.rejects(inParallel(items, { limit: 2, keepGoing: false }, work), /four/);
    assert.ok(begun.length <= 5, `begun: ${begun.join()}`);
    assert.equal(now, 0, 'what has begun has come to its end');
    begun.length = 0;
    await assert.rejects(inParallel(items, { limit: 2, keepGoing: true }, work), /four/);
    assert.deepEqual(begun, items);
  });

  it('tell a time limit from a cancelling', async () => {
    const forever = (signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    await assert.rejects(within(5, 'too late', new AbortController().signal, forever), /too late/);
    const controller = new AbortController();
    const cancelled = within(60_000, 'too late', controller.signal, forever);
    controller.abort(new Error('cancelled'));
    await assert.rejects(cancelled, /cancelled/);
  });
});
