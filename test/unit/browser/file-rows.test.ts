import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { FileRows } from '../../../src/browser/files/file-rows.ts';
import type { FileEntry } from '../../../src/protocol/files.ts';
import { FakeElement, installFakeDocument } from './fake-document.ts';

function entry(name: string, size = 1): FileEntry {
  return {
    name,
    path: name,
    type: 'file',
    is_directory: false,
    size,
    modified_at: '2026-01-01T00:00:00Z',
    mode: '0644',
  };
}

describe('the rows of a folder', () => {
  let list: FakeElement;
  let rows: FileRows;
  let renamed: FileEntry[];
  let takeAway: () => void;
  beforeEach(() => {
    takeAway = installFakeDocument();
    list = new FakeElement('ul');
    renamed = [];
    const nothing = () => undefined;
    const actions = {
      open: nothing,
      download: nothing,
      rename: (one: FileEntry) => renamed.push(one),
      remove: nothing,
    };
    rows = new FileRows(list as unknown as HTMLUListElement, actions);
  });
  afterEach(() => takeAway());

  const labels = () =>
    list.children.map((row) => {
      const text = row instanceof FakeElement ? row.all().find(({ tag }) => tag === 'button') : undefined;
      return text === undefined ? '' : (text as FakeElement & { ariaLabel: string }).ariaLabel;
    });

  it('stay the elements that they are while others come and go, and while they change', () => {
    rows.show([entry('b'), entry('d')]);
    const [b, d] = list.children as FakeElement[];
    const buttons = b?.all();
    rows.show([entry('a'), entry('b', 2), entry('c'), entry('d'), entry('e')]);
    assert.deepEqual(
      labels(),
      ['a', 'b', 'c', 'd', 'e'].map((name) => `File ${name}, ${name === 'b' ? 2 : 1} bytes`),
    );
    assert.ok(list.children[1] === b && list.children[3] === d);
    assert.deepEqual(b?.all(), buttons);
    rows.show([entry('d'), entry('b', 2)]);
    assert.ok(list.children.length === 2 && list.children[0] === d && list.children[1] === b);
    rows.show([]);
    assert.equal((list.children as FakeElement[])[0]?.textContent, 'Nothing is in here.');
    rows.show([entry('b')]);
    assert.deepEqual(labels(), ['File b, 1 bytes']);
  });

  it('act on what their file is now', () => {
    rows.show([entry('a')]);
    list.press('⋯');
    const row = list.one('li');
    row.append = () => assert.fail('put in again, its buttons lose the focus and the press');
    rows.show([entry('a', 5)]);
    row.press('Rename');
    assert.deepEqual(renamed, [entry('a', 5)]);
    list.press('⋯');
    assert.throws(() => row.press('Rename'));
  });
});
