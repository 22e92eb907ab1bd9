import assert from 'node:assert/strict';
import { headlessTerminal } from '../../../src/workspace/terminal/headless.ts';

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
});
