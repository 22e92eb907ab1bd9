/** What a program can have its terminal remember: a seat's memory has to last for the whole class. */
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LinkBook, MAX_LINKS } from '../../../src/workspace/terminal/link-book.ts';
import { Ring } from '../../../src/workspace/terminal/ring.ts';
import { Screen } from '../../../src/workspace/terminal/screen.ts';
import { MAX_STRING_LENGTH } from '../../../src/workspace/terminal/string-bounds.ts';
import { newScreen, show } from '../../support/terminal-screen.ts';

const MIB = 1024 * 1024;
/** For the screen, and what the engine keeps for itself; without the bounds it is 19 MiB and more. */
const ALLOWED_BYTES = 3 * MIB;
const URI = 'https://example.org/';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Strings and objects: buffers, the ring's among them, are not what grows. */
function used(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** How much more memory is in use when a session has printed all the pieces, at its most. */
function growth(pieces: Iterable<string>): number {
  const ring = new Ring(MIB);
  const screen = new Screen(ring, 80, 24);
  // The code is compiled, too.
  ring.append(Buffer.from('\x1b]8;;x\x1b\\\x1b]2;title\x07'));
  assert.ok(screen.redraw());
  const before = used();
  for (const piece of pieces) {
    ring.append(Buffer.from(piece));
    screen.outputChanged();
  }
  const redraw = screen.redraw();
  const grown = used() - before;
  assert.ok(redraw === undefined || redraw.bytes.length < MIB);
  screen.dispose();
  return grown;
}

function* endless(start: string, megabytes: number): Generator<string> {
  yield start;
  const piece = 'é'.repeat(32_768);
  for (let sent = 0; sent < megabytes * MIB; sent += 2 * piece.length) yield piece;
}

function* times(count: number, piece: (index: number) => string): Generator<string> {
  for (let index = 0; index < count; index += 1) yield piece(index);
}

describe('the memory of a terminal', function () {
  this.timeout(120_000);
  const floods: Readonly<Record<string, () => Iterable<string>>> = {
    'a title that never ends': () => endless('\x1b]0;', 12),
    'a link that never ends': () => endless('\x1b]8;;', 12),
    'a question that never ends': () => endless('\x1bP$q', 12),
    'links on one line': () => times(20_000, (index) => `\x1b]8;;${URI}${index}\x07x\r`),
    'links with ids on one line': () => times(20_000, (index) => `\x1b]8;id=${index};${URI}${index}\x07x\r`),
    'long links': () => times(4_000, (index) => `\x1b]8;;${URI}${index}${'é'.repeat(2_000)}\x07x`),
    'links with long parameters': () => times(4_000, (index) => `\x1b]8;a=${'b'.repeat(8_000)};${URI}${index}\x07x`),
  };
  for (const [what, pieces] of Object.entries(floods)) {
    it(`has room for ${what}`, () => {
      const grown = growth(pieces());
      assert.ok(grown < ALLOWED_BYTES, `it took ${(grown / MIB).toFixed(1)} MiB`);
    });
  }

  it('lets a string that is too long have no effect, and takes the next', () => {
    const title = (length: number) => `\x1b]2;${'t'.repeat(length)}\x1b\\`;
    const terminal = newScreen(20, 6);
    const { _inputHandler, _oscLinkService } = terminal._core;
    show(terminal, title(MAX_STRING_LENGTH - 2));
    assert.equal(_inputHandler._windowTitle.length, MAX_STRING_LENGTH - 2);
    show(terminal, `${title(MAX_STRING_LENGTH + 1)}one`);
    assert.equal(_inputHandler._windowTitle.length, MAX_STRING_LENGTH - 2);
    show(terminal, `\x1bP$q${'q'.repeat(MAX_STRING_LENGTH + 1)}\x1b\\\x1b]2;next\x07two`);
    assert.equal(_inputHandler._windowTitle, 'next');
    show(terminal, `\x1b]8;;${URI}${'l'.repeat(3_000)}\x07three\x1b]8;;${URI}\x07four`);
    const line = terminal.buffer.active.getLine(0);
    assert.equal(line?.translateToString(true), 'onetwothreefour');
    assert.deepEqual(_oscLinkService.getLinkData(_inputHandler._curAttrData.extended.urlId), { uri: URI });
    terminal.dispose();
  });

  it('forgets the links that were begun longest ago, and none that is begun again', () => {
    const book = new LinkBook();
    const first = book.registerLink({ uri: URI, id: 'a' });
    const second = book.registerLink({ uri: URI });
    assert.deepEqual([book.getLinkData(first), book.getLinkData(second)], [{ uri: URI, id: 'a' }, { uri: URI }]);
    for (let index = 0; index < MAX_LINKS - 1; index += 1) {
      book.registerLink({ uri: `${URI}${index}` });
      assert.equal(book.registerLink({ uri: URI }), second);
    }
    assert.equal(book.getLinkData(first), undefined);
    assert.deepEqual(book.getLinkData(second), { uri: URI });
    assert.notEqual(book.registerLink({ uri: URI, id: 'a' }), first);
    assert.equal(book.registerLink({ uri: 'x'.repeat(2_084) }), 0);
  });
});
