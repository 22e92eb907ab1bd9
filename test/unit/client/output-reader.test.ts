import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { OutputReader } from '../../../src/client/terminal/output-reader.ts';

function setUp(withRedraw = true) {
  const told: string[] = [];
  const reader = new OutputReader({
    onData: (bytes) => void told.push(Buffer.from(bytes).toString()),
    onSkipped: (bytes) => void told.push(`skipped ${bytes}`),
    ...(withRedraw && { onRedraw: ({ cols, rows }) => void told.push(`redraw ${cols}x${rows}`) }),
  });
  const ready = (offset: number, skipped: number, replayed = 0, first = true) =>
    reader.begin(
      { type: 'ready', session: 's', offset, input_offset: 0, cols: 80, rows: 24, replayed, skipped },
      first,
    );
  const redraw = (bytes: number) => reader.beginRedraw({ type: 'redraw', bytes, cols: 80, rows: 24 });
  const take = (text: string) => reader.take(Buffer.from(text));
  return { reader, told, ready, redraw, take };
}

describe('the reader of a terminal', () => {
  it('hands a redraw on as it is, and counts none of it', () => {
    const { reader, told, ready, redraw, take } = setUp();
    ready(0, 0);
    take('abc');
    ready(1000, 997);
    redraw(6);
    take('draw');
    assert.equal(reader.offset, 3);
    take('n!next');
    assert.equal(reader.offset, 1004);
    assert.deepEqual(told, ['abc', 'redraw 80x24', 'draw', 'n!', 'next']);
  });

  it('resets the terminal by itself where nobody else does', () => {
    const { told, ready, redraw, take } = setUp(false);
    ready(1000, 1000);
    redraw(2);
    take('ok');
    assert.deepEqual(told, ['\x1bc', 'ok']);
  });

  it('tells what was lost only where no redraw comes', () => {
    const { reader, told, ready, redraw, take } = setUp();
    ready(10, 10);
    take('from an old server');
    ready(100, 72, 0, false);
    reader.settle();
    reader.settle();
    ready(200, 100, 0, false);
    redraw(1);
    reader.settle();
    assert.deepEqual(told, ['skipped 10', 'from an old server', 'skipped 72', 'redraw 80x24']);
  });

  it('begins anew where a redraw was cut off', () => {
    const { reader, told, ready, redraw, take } = setUp();
    ready(500, 500);
    redraw(100);
    take('half');
    // The connection broke; the next one goes on before the gap, so that the seat draws again.
    assert.equal(reader.offset, undefined);
    ready(600, 600);
    redraw(7);
    assert.equal(reader.offset, undefined);
    ready(600, 600);
    redraw(5);
    take('whole');
    assert.equal(reader.offset, 600);
    assert.deepEqual(told, ['redraw 80x24', 'half', 'redraw 80x24', 'redraw 80x24', 'whole']);
  });

  it('leaves out questions of a replay, and none of a redraw', () => {
    const { told, ready, redraw, take } = setUp();
    ready(0, 0, 8);
    take('a\x1b[cb\x1b[6');
    take('n\x1b[c');
    ready(50, 40, 0, false);
    redraw(4);
    take('\x1b[6n');
    assert.equal(told.join('|'), 'ab\x1b[6|n\x1b[c|redraw 80x24|\x1b[6n');
  });
});
