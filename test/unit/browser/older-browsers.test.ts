import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { anySignal, canParse, isWellFormed, reflect, withResolvers } from '../../../src/browser/older-browsers.ts';

describe('what older browsers do not have', () => {
  it('gives the ways to settle a promise', async () => {
    const good = withResolvers<number>();
    good.resolve(1);
    assert.equal(await good.promise, 1);
    const bad = withResolvers<number>();
    bad.reject(new Error('no'));
    await assert.rejects(bad.promise, /no/);
  });

  it('ends with the first of several signals, for its reason, and once', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const signal = anySignal([one.signal, other.signal]);
    let ends = 0;
    signal.addEventListener('abort', () => (ends += 1));
    assert.equal(signal.aborted, false);
    other.abort('other');
    one.abort('one');
    assert.equal(signal.reason, 'other');
    assert.equal(ends, 1);
  });

  it('has ended where one of the signals has', () => {
    const later = new AbortController();
    const signal = anySignal([AbortSignal.abort('before'), later.signal]);
    later.abort('later');
    assert.equal(signal.reason, 'before');
    assert.equal(anySignal([]).aborted, false);
  });

  it('knows addresses and well-formed texts as newer ones do', () => {
    for (const url of ['', 'x', 'http://', 'https://a.example/join#b', 'vscode:x', 'http://[::1]:1'])
      assert.equal(canParse(url), URL.canParse(url), url);
    assert.equal(canParse('/a', 'http://b'), true);
    const unit = fc.constantFrom('a', 'ä', '😀', '\ud83d', '\ude00', '\ud800', '\udfff');
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 6 }), (units) => {
        const text = units.join('');
        assert.equal(isWellFormed.call(text), text.isWellFormed());
      }),
    );
  });

  it('keeps a property of an element as its attribute', () => {
    class Fake {
      readonly attributes = new Map<string, string>();
      getAttribute = (name: string): string | null => this.attributes.get(name) ?? null;
      setAttribute = (name: string, value: string): unknown => this.attributes.set(name, value);
      removeAttribute = (name: string): unknown => this.attributes.delete(name);
    }
    reflect(Fake.prototype, 'ariaLabel', 'aria-label');
    const fake = new Fake() as Fake & { ariaLabel: string | null };
    assert.equal(fake.ariaLabel, null);
    fake.ariaLabel = 'a name';
    assert.equal(fake.getAttribute('aria-label'), 'a name');
    fake.ariaLabel = null;
    assert.equal(fake.attributes.size, 0);
    reflect(Fake.prototype, 'ariaLabel', 'role');
    fake.ariaLabel = 'kept';
    assert.deepEqual([...fake.attributes], [['aria-label', 'kept']], 'what is there is left as it is');
  });
});
