import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { ReplayFilter } from '../../../src/client/terminal/replay-filter.ts';

/** What vim asks a terminal when it starts, and others. */
const QUESTIONS = [
  '\x1b[c',
  '\x1b[>c',
  '\x1b[=0c',
  '\x1b[6n',
  '\x1b[?6n',
  '\x1b[5n',
  '\x1b[?12$p',
  '\x1b[4$p',
  '\x1b[18t',
  '\x1b[>0q',
  '\x1b[?u',
  '\x1b[1x',
  '\x1bP$qm\x1b\\',
  '\x1bP+q544e\x1b\\',
  '\x1b]10;?\x07',
  '\x1b]11;?\x1b\\',
  '\x1b]4;1;?\x07',
  '\x1b]52;c;?\x07',
  '\x1bZ',
];

/** What looks alike and is shown. */
const OTHERS = [
  'plain é€😀 text\r\n',
  '\x1b[31mred\x1b[0m',
  '\x1b[2J\x1b[H',
  '\x1b[?1049h',
  '\x1b[?25l',
  '\x1b[10;20H',
  '\x1b[22;0;0t',
  '\x1b]0;a title; really?\x07',
  '\x1b]8;;https://example.org/?\x1b\\link\x1b]8;;\x1b\\',
  '\x1b]10;#ffffff\x07',
  '\x1b(B',
  '\x1b7\x1b8',
];

/** Feeds a text, whose first bytes are a replay, in pieces of the given sizes. */
function shown(text: string, replayed: number, sizes: readonly number[]): string {
  const filter = new ReplayFilter(replayed);
  const bytes = Buffer.from(text);
  const out: Uint8Array[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    out.push(filter.take(bytes.subarray(at, at + size)));
    at += size;
  }
  return Buffer.concat(out).toString();
}

const everything = (text: string) => Buffer.byteLength(text);

describe('output that is shown again', () => {
  it('does not ask again what was answered', () => {
    for (const question of QUESTIONS) {
      assert.equal(shown(`a${question}b`, everything(`a${question}b`), [1_000]), 'ab', JSON.stringify(question));
    }
  });

  it('is the same in everything else', () => {
    for (const other of OTHERS) assert.equal(shown(other, everything(other), [1_000]), other, JSON.stringify(other));
  });

  it('may come in pieces of any size', () => {
    const parts = fc.array(fc.constantFrom(...QUESTIONS, ...OTHERS), { maxLength: 20 });
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    fc.assert(
      fc.property(parts, sizes, (chosen, cut) => {
        const expected = chosen.filter((part) => !QUESTIONS.includes(part)).join('');
        assert.equal(shown(chosen.join(''), everything(chosen.join('')), cut), expected);
      }),
    );
  });

  it('lets through what is asked afterwards, also where it began before', () => {
    const again = 'shown \x1b[c before ';
    const live = 'now \x1b[c and \x1b[6n';
    assert.equal(shown(again + live, everything(again), [7]), `shown  before ${live}`);
    assert.equal(shown('before \x1b[6n', everything('before \x1b['), [4]), 'before \x1b[6n');
  });

  it('ends, and holds nothing back then', () => {
    const filter = new ReplayFilter(3);
    assert.equal(Buffer.from(filter.take(Buffer.from('a\x1b'))).toString(), 'a');
    assert.equal(filter.isOver, false);
    assert.equal(Buffer.from(filter.take(Buffer.from('['))).toString(), '\x1b[');
    assert.equal(filter.isOver, true);
  });

  it('does not wait for ever for the end of a sequence', () => {
    const long = `\x1b]52;c;${'A'.repeat(5_000)}`;
    const filter = new ReplayFilter(10_000);
    assert.equal(Buffer.from(filter.take(Buffer.from(long))).toString(), long);
  });
});
