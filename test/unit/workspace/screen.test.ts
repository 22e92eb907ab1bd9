import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MAX_REDRAW_BYTES } from '../../../src/protocol/terminal.ts';
import { Ring } from '../../../src/workspace/terminal/ring.ts';
import { Screen } from '../../../src/workspace/terminal/screen.ts';
import { look, newScreen, show } from '../../support/terminal-screen.ts';

const COLS = 20;
const ROWS = 6;

/** A session's screen and an unbroken client's, which are told the same. */
class Pair {
  readonly ring = new Ring(1_048_576);
  readonly screen: Screen;
  readonly client;
  readonly cols: number;
  readonly rows: number;

  constructor(cols = COLS, rows = ROWS) {
    this.cols = cols;
    this.rows = rows;
    this.screen = new Screen(this.ring, cols, rows);
    this.client = newScreen(cols, rows);
  }

  tell(text: string | Uint8Array): this {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 65_536) {
      this.ring.append(bytes.subarray(at, at + 65_536));
      this.screen.outputChanged();
    }
    this.#show(bytes);
    return this;
  }

  /** @throws PreconditionFailure where xterm.js fails, as it does at a few sequences: see the test of those */
  #show(bytes: string | Uint8Array): void {
    try {
      show(this.client, bytes);
    } catch {
      throw new fc.PreconditionFailure();
    }
  }

  /** Another client's screen after a redraw, over whatever it showed before. */
  redrawn() {
    const redraw = this.screen.redraw();
    assert.ok(redraw !== undefined);
    const other = newScreen(redraw.cols, redraw.rows);
    show(other, '\x1b[41mdirt\x1b[2;3r\x1b[?1049h\x1b[?25l\x1b[?1000h\x1bc');
    show(other, redraw.bytes);
    return other;
  }

  /** @throws AssertionError where the two clients differ, also in what is shown next */
  check(next: string | Uint8Array = 'next\tx\r\nlines\x1b8saved'): void {
    const other = this.redrawn();
    assert.deepEqual(look(other), look(this.client));
    this.#show(next);
    show(other, next);
    assert.deepEqual(look(other), look(this.client));
    this.screen.dispose();
  }
}

const between = (least: number, most: number): fc.Arbitrary<number> => fc.integer({ min: least, max: most });
const sequence = (final: string, ...values: fc.Arbitrary<number>[]): fc.Arbitrary<string> =>
  fc.tuple(...values).map((numbers) => `\x1b[${numbers.join(';')}${final}`);

/** What programs tell a terminal. */
const output = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('a', 'words of text', '世界', 'e\u0301', '\u{1F44D}', 'x'.repeat(COLS), 'y'.repeat(33)),
  },
  { weight: 3, arbitrary: fc.constantFrom('\r\n', '\r\n\r\n\r\n', '\r', '\n', '\b', '\t', '\x1bM', '\x1bD', '\x1bE') },
  { weight: 2, arbitrary: sequence('H', between(1, ROWS), between(1, COLS)) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('0', '1', '2', '3', '4', '5', '7', '8', '9', '53', '31', '97', '42', '103', '39', '49')
      .map((code) => `\x1b[${code}m`),
  },
  fc.constantFrom('\x1b[38;5;200m', '\x1b[48;5;20m', '\x1b[38;2;1;2;3m', '\x1b[48;2;3;2;1m', '\x1b[1;45m'),
  sequence('K', between(0, 2)),
  sequence('J', between(0, 2)),
  fc
    .tuple(between(1, 5), fc.constantFrom('X', 'P', '@', 'L', 'M', 'S', 'T', 'A', 'B', 'C', 'D'))
    .map(([n, f]) => `\x1b[${n}${f}`),
  fc.constantFrom('\x1b[2;5r', '\x1b[3;4r', '\x1b[r', '\x1b7', '\x1b8', '\x1bH', '\x1b[3g', '\x1b[g'),
  fc.constantFrom('\x1b[?1049h', '\x1b[?1049l', '\x1b[?6h', '\x1b[?6l', '\x1b[4h', '\x1b[4l', '\x1b[?7l', '\x1b[?7h'),
  fc.constantFrom(
    '\x1b[?25l',
    '\x1b[?25h',
    '\x1b[?1h',
    '\x1b=',
    '\x1b[?2004h',
    '\x1b[?1004h',
    '\x1b[?45h',
    '\x1b[4 q',
    '\x1b[5 q',
  ),
  fc.constantFrom(
    '\x1b[?1000h',
    '\x1b[?1002h',
    '\x1b[?1003h',
    '\x1b[?1003l',
    '\x1b[?1006h',
    '\x1b[?1016h',
    '\x1b]0;title\x07',
  ),
  fc.constantFrom(
    '\x1b(0',
    '\x1b(B',
    '\x1b)0',
    '\x0e',
    '\x0f',
    '\x1b]8;;https://example.com/\x1b\\link\x1b]8;;\x1b\\',
    '\x1b[!p',
  ),
);

describe('the screen of a session', function () {
  this.timeout(120_000);
  it('is drawn again as an unbroken client shows it, with all that comes next', () => {
    fc.assert(
      fc.property(fc.array(output, { maxLength: 60 }), (pieces) => new Pair().tell(pieces.join('')).check()),
      { numRuns: 400 },
    );
  });

  it('goes on with what comes next, also where it was drawn in the midst of a sequence or a character', () => {
    const cuts: readonly (readonly [string, string])[] = [
      ['abc\x1b', '[1mx'],
      ['abc\x1b[3', '1mred'],
      ['abc\x1b[38;2;1;', '2;3mcolored'],
      ['\x1b]2;a tit', 'le\x07x'],
      ['\x1b]8;;https://example', '.com/\x1b\\link\x1b]8;;\x1b\\'],
      ['\x1b(', '0qqq'],
      // A mark or a joiner on the last character, and its repetition.
      ['abce', '\u0301x'],
      ['\x1b[1;31me', '\u0301x'],
      ['\x1b]8;;https://example.com/\x1b\\e', '\u0301x'],
      ['\x1b[3;5r\x1b[?6h\r\ne', '\u0301x'],
      [`${'x'.repeat(COLS - 1)}e`, '\u0301x'],
      [`${'x'.repeat(COLS - 2)}👩`, '\u200d👩x'],
      ['世', '\x1b[3bx'],
      ['a世b\x1b[4h\x1b[1;2He', '\u0301x'],
      [`${'x'.repeat(COLS - 1)}y\x1b[4h\x1b[1;9H世`, '\u0301x'],
      // What has no room at the end steps back onto the half of what is there.
      [`\x1b[?7l${'x'.repeat(COLS - 2)}世界`, 'x'],
      [`\x1b[?7l${'x'.repeat(COLS - 2)}世界\x1b[1ma`, 'x'],
      [`\x1b[1;19H${'x'.repeat(COLS)}\x1b[?7l世界`, 'x'],
      [`\x1b[?7l${'x'.repeat(COLS - 2)}世界a`, 'x'],
      [`\x1b[?7l${'x'.repeat(COLS - 2)}世\x1b[1m界a\r\nb`, 'x'],
    ];
    for (const [before, after] of cuts) new Pair().tell(before).check(after);
    const letters = Buffer.from('é世👍');
    for (const cut of letters.keys()) new Pair().tell(letters.subarray(0, cut)).check(letters.subarray(cut));
    fc.assert(
      fc.property(fc.array(output, { maxLength: 20 }), between(0, 200), (pieces, at) => {
        const bytes = Buffer.from(pieces.join(''));
        new Pair().tell(bytes.subarray(0, at)).check(bytes.subarray(at));
      }),
      { numRuns: 400 },
    );
  });

  it('has characters as wide as VS Code shows them, and the cursor behind them', () => {
    // Columns: an emoji two, also each of those that make one together; what joins them and what accents a letter none.
    const widths: Readonly<Record<string, number>> = {
      '👍': 2,
      '👍🏽': 4,
      '👩‍👩‍👧': 6,
      '🇵🇱': 2,
      '❤️': 1,
      '⌚': 2,
      世界: 4,
      가: 2,
      'e\u0301': 1,
      'a\u200db': 2,
    };
    for (const [text, width] of Object.entries(widths)) {
      const pair = new Pair().tell(text);
      assert.equal(pair.redrawn().buffer.active.cursorX, width, text);
      pair.check();
      // At the end of a line, and where one is overwritten, erased or pushed aside by halves.
      for (const start of ['x'.repeat(COLS - 1), 'x'.repeat(COLS - width), `${text}\x1b[1;2H`, 'x\r\n'.repeat(ROWS)])
        new Pair().tell(start + text).check();
      for (const edit of ['x', '\x1b[X', '\x1b[P', '\x1b[@', '\x1b[K', '\x1b[1K', '\b'])
        for (const column of [1, 2, 3]) new Pair().tell(`a${text}b\x1b[1;${column}H${edit}`).check();
    }
  });

  it('brings back what editors and pagers set', () => {
    const vim =
      '\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[?1006;1002h\x1b[1;5r\x1b]2;file - VIM\x07\x1b[44m\x1b[2J\x1b[m\x1b[3;4Hx\x1b[?25l';
    new Pair().tell(`$ vim\r\n${vim}`).check();
    new Pair().tell(`$ vim\r\n${vim}`).check('\x1b[?1049l$ back');
    new Pair().tell(`$ vim\r\n\x1b[1;4;32m${vim}`).check('\x1b[?1049l$ back');
  });

  it('has the kinds of underlines and their colors', () => {
    new Pair().tell('\x1b[21mdouble\x1b[4:3;58;5;9mcurly\x1b[58;2;1;2;3mred\x1b[m\x1b[4mplain').check('');
  });

  it('has the lines that have scrolled away, a thousand of them', () => {
    const pair = new Pair();
    for (let line = 0; line < 3000; line++) pair.tell(`\x1b[3${line % 8}mline ${line}\r\n`);
    assert.equal(pair.client.buffer.normal.baseY, 1000);
    pair.check();
  });

  it('shows after a flood of plain text what a client shows that has read all of it', () => {
    const flood = fc.record({
      before: fc.array(output, { maxLength: 10 }),
      line: fc.constantFrom('y', 'a longer line of text that wraps around', 'tab\there', ''),
      end: fc.constantFrom('\r\n', '\n', '\n\r\n'),
      after: fc.array(output, { maxLength: 10 }),
    });
    fc.assert(
      fc.property(flood, ({ before, line, end, after }) => {
        const text = (line + end).repeat(Math.ceil(300_000 / (line.length + end.length)));
        new Pair()
          .tell(before.join(''))
          .tell(`${text}${after.join('')}`)
          .check();
      }),
      { numRuns: 12 },
    );
  });

  it('follows the size of the terminal', () => {
    const pair = new Pair();
    pair.tell('a long line that will wrap otherwise\r\nshort\r\n');
    pair.screen.resize(30, 10);
    pair.client.resize(30, 10);
    pair.tell('more').check();
  });

  it('goes on after a sequence at which xterm.js fails', () => {
    const pair = new Pair();
    pair.ring.append(Buffer.from(`\x1b[${ROWS};1H${'x'.repeat(COLS)}\x1b[1J`));
    assert.doesNotThrow(() => pair.screen.redraw());
    show(pair.client, '\x1b[2J\x1b[Hafter');
    pair.ring.append(Buffer.from('\x1b[2J\x1b[Hafter'));
    assert.deepEqual(look(pair.redrawn()), look(pair.client));
    pair.screen.dispose();
  });

  it('leaves the scrollback out where it would be more than a redraw may have', () => {
    const pair = new Pair(160, 40);
    let text = '';
    for (let cell = 0; cell < 160 * 1100; cell++) text += `\x1b[38;2;${cell % 256};${cell % 255};${cell % 254}mx`;
    pair.tell(text);
    const bytes = pair.screen.redraw()?.bytes.length ?? 0;
    assert.ok(bytes > 0 && bytes <= MAX_REDRAW_BYTES, String(bytes));
    assert.deepEqual(
      look(pair.redrawn(), false).slice(1, 41).map(withoutNumber),
      look(pair.client, false).slice(1, 41).map(withoutNumber),
    );
    pair.screen.dispose();
  });
});

function withoutNumber(line: string): string {
  return line.slice(5);
}
