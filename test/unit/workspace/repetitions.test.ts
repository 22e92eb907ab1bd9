import assert from 'node:assert/strict';
import { headlessTerminal, MAX_CELL_LENGTH } from '../../../src/workspace/terminal/headless.ts';

/** Long on a busy machine; without the bound each takes minutes to hours. */
const DEADLINE_MS = 2_000;

describe('the screen that is kept of a terminal', () => {
  for (const final of ['b', 'L', 'M', 'S', 'T', 'I', 'Z']) {
    it(`takes an absurd number of repetitions of ${final} for as many as the screen has room for`, () => {
      const screens = [99_999_999, final === 'b' ? 80 * 24 : 80].map((count) => {
        const terminal = headlessTerminal(80, 24, 100);
        const begun = performance.now();
        terminal._core._inputHandler.parse(Buffer.from(`one\r\ntwo\r\nthree\u001b[2;2H\u001b[${count}${final}.`));
        assert.ok(performance.now() - begun < DEADLINE_MS);
        const lines = Array.from({ length: 24 }, (_, row) =>
          terminal.buffer.active.getLine(terminal.buffer.active.baseY + row)?.translateToString(true),
        );
        terminal.dispose();
        return lines;
      });
      assert.deepEqual(screens[0], screens[1]);
    });
  }

  it('takes a flood of marks on one character for as many as anybody sees', () => {
    const terminal = headlessTerminal(80, 24, 100);
    const marks = Buffer.from('\u0301'.repeat(10_000));
    terminal._core._inputHandler.parse(Buffer.concat([Buffer.from('e'), marks, Buffer.from('\u{1F44D}\u200d!')]));
    const line = terminal.buffer.active.getLine(0);
    assert.equal(line?.getCell(0)?.getChars(), `e${'\u0301'.repeat(MAX_CELL_LENGTH - 1)}`);
    assert.equal(line.translateToString(true).slice(MAX_CELL_LENGTH), '\u{1F44D}\u200d!');
    terminal.dispose();
  });
});
