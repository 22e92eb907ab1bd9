import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Ring } from '../../../src/workspace/terminal/ring.ts';

describe('the ring of a session', () => {
  it('has exactly the last bytes of everything that was written', () => {
    const chunk = fc.uint8Array({ maxLength: 70 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(chunk, { maxLength: 40 }), (limit, chunks) => {
        const ring = new Ring(limit);
        for (const each of chunks) ring.append(each);
        const all = Buffer.concat(chunks);
        assert.equal(ring.end, all.length);
        assert.equal(ring.start, Math.max(0, all.length - limit));
        assert.deepEqual(ring.slice(ring.start, ring.end), all.subarray(ring.start));
      }),
    );
  });

  it('grows beyond its first memory without losing anything', () => {
    const ring = new Ring(100_000);
    const all = Buffer.alloc(90_000, 0).map((_, index) => index % 251);
    for (let at = 0; at < all.length; at += 7000) ring.append(all.subarray(at, at + 7000));
    assert.deepEqual(ring.slice(0, all.length), Buffer.from(all));
  });

  it('gives copies, which later output does not change', () => {
    const ring = new Ring(4);
    ring.append(Buffer.from('abcd'));
    const copy = ring.slice(0, 4);
    ring.append(Buffer.from('efgh'));
    assert.equal(copy.toString(), 'abcd');
  });

  it('refuses bytes that it does not have', () => {
    const ring = new Ring(4);
    ring.append(Buffer.from('abcdef'));
    for (const [from, to] of [
      [1, 4],
      [2, 7],
      [5, 4],
    ] as const)
      assert.throws(() => ring.slice(from, to), RangeError);
  });
});
