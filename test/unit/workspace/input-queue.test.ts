import assert from 'node:assert/strict';
import { InputQueue } from '../../../src/workspace/terminal/input-queue.ts';
import { until } from './support.ts';

describe('the input queue of a terminal', () => {
  it('keeps the order and tells each sender what was taken, through busy times and partial writes', async () => {
    const written: Buffer[] = [];
    let call = 0;
    const queue = new InputQueue((bytes, offset, length) => {
      call++;
      if (call % 3 === 0) return 0;
      const taken = Math.min(length, 1 + (call % 7));
      written.push(Buffer.from(bytes.subarray(offset, offset + taken)));
      return taken;
    });
    const taken = { a: 0, b: 0 };
    const [a, b] = [Buffer.from('a'.repeat(60)), Buffer.from('b'.repeat(40))];
    queue.push(a, (count) => (taken.a += count));
    queue.push(b, (count) => (taken.b += count));
    await until(() => queue.queuedBytes === 0, 'an empty queue');
    assert.equal(Buffer.concat(written).toString(), `${a.toString()}${b.toString()}`);
    assert.deepEqual(taken, { a: 60, b: 40 });
  });

  it('counts what waits', () => {
    const queue = new InputQueue(() => 0);
    queue.push(Buffer.alloc(10), () => assert.fail('nothing was taken'));
    queue.push(Buffer.alloc(5), () => assert.fail('nothing was taken'));
    assert.equal(queue.queuedBytes, 15);
    queue.close();
    assert.equal(queue.queuedBytes, 0);
  });

  it('does not spin while nothing is taken', async () => {
    let calls = 0;
    const queue = new InputQueue(() => {
      calls++;
      return 0;
    });
    queue.push(Buffer.from('x'), () => assert.fail('nothing was taken'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    queue.close();
    assert.ok(calls > 1 && calls < 20, `${calls} calls`);
  });

  it('takes nothing any more once the terminal is gone', () => {
    let calls = 0;
    const queue = new InputQueue(() => {
      calls++;
      return undefined;
    });
    queue.push(Buffer.from('x'), () => assert.fail('nothing was taken'));
    queue.push(Buffer.from('y'), () => assert.fail('nothing was taken'));
    assert.equal(calls, 1);
    assert.equal(queue.queuedBytes, 0);
  });
});
