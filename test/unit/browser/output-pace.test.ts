import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { MAX_UNSEEN_BYTES, OutputPace } from '../../../src/browser/seat/output-pace.ts';

function setUp() {
  const drawn: (() => void)[] = [];
  const page = { hidden: false };
  const pace = new OutputPace(
    (_output, done) => drawn.push(done),
    () => page.hidden,
  );
  const draw = (): void => drawn.splice(0).forEach((done) => done());
  const told: string[] = [];
  const give = (name: string, bytes: number): void => {
    pace.show(new Uint8Array(bytes));
    pace.whenShown(() => told.push(name));
  };
  return { pace, page, draw, told, give };
}

describe('output on its way to the screen', () => {
  it('counts when it is drawn, in its order', () => {
    const { draw, told, give } = setUp();
    give('a', 10);
    give('b', 10);
    assert.deepEqual(told, []);
    draw();
    assert.deepEqual(told, ['a', 'b']);
  });

  it('counts when it has come where nobody looks, also what came before, and once', () => {
    const { pace, page, draw, told, give } = setUp();
    give('before', 10);
    page.hidden = true;
    pace.visibilityChanged();
    give('hidden', 10);
    assert.deepEqual(told, ['before', 'hidden']);
    page.hidden = false;
    pace.visibilityChanged();
    draw();
    assert.deepEqual(told, ['before', 'hidden']);
  });

  it('is held back there, too, before it is more than a page can hold', () => {
    const { page, draw, told, give } = setUp();
    page.hidden = true;
    give('much', MAX_UNSEEN_BYTES - 1);
    give('more', 1);
    assert.deepEqual(told, ['much']);
    draw();
    give('again', 1);
    assert.deepEqual(told, ['much', 'more', 'again']);
  });
});
