import assert from 'node:assert/strict';
import { kernelRandomBytes } from '../../../src/workspace/kernel-random.ts';

describe('random bytes of the kernel', () => {
  it('are as many as asked for, and never the same', () => {
    for (const count of [0, 1, 16, 100_000]) assert.equal(kernelRandomBytes(count).length, count);
    const seen = new Set(Array.from({ length: 1000 }, () => kernelRandomBytes(16).toString('hex')));
    assert.equal(seen.size, 1000);
    // Every byte is filled: sixteen bits of a hundred thousand bytes are not all zero in any place.
    assert.ok(!kernelRandomBytes(100_000).includes(Buffer.alloc(8)));
  });
});
