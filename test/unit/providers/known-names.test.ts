import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { FileEntry } from '../../../src/protocol/files.ts';
import { KnownNames } from '../../../src/providers/files/known-names.ts';

/** What one seat keeps at most. */
const MOST = 50_000;

function entry(name: string, type: FileEntry['type'] = 'file'): FileEntry {
  const is_directory = type === 'directory';
  return { name, path: name, type, is_directory, size: 0, modified_at: '2026-01-01T00:00:00.000Z', mode: '0644' };
}

function learn(names: KnownNames, folder: string, ...entries: readonly FileEntry[]): Promise<FileEntry[]> {
  return names.learn(folder, () => Promise.resolve([...entries]));
}

describe('the names of a seat that are known', () => {
  it('tell what is certainly not there', async () => {
    const names = new KnownNames();
    assert.equal(names.isAbsent('a'), false, 'nothing is known');
    await learn(names, '', entry('a', 'directory'), entry('b'), entry('l', 'symlink'));
    await learn(names, 'a');
    assert.deepEqual(
      ['a', 'b', 'c', 'a/x', 'c/x', 'l/x'].map((path) => names.isAbsent(path)),
      [false, false, true, true, true, false],
    );
    names.created('a/x');
    assert.equal(names.isAbsent('a/x'), false);
    names.deleted('a');
    assert.deepEqual([names.isAbsent('a'), names.isAbsent('a/y')], [true, true]);
  });

  it('are of no more folders than of names, also where nothing is in them', async () => {
    const names = new KnownNames();
    await learn(names, '');
    assert.equal(names.isAbsent('gone'), true);
    for (let index = 0; index < MOST; index += 1) await learn(names, `empty ${index}`);
    assert.equal(names.isAbsent('gone'), false, 'the first that were listed are forgotten');
  });

  it('are no more for what is created one by one, and what is there is never said to be absent', async () => {
    const names = new KnownNames();
    await learn(names, '', entry('a'));
    for (let index = 0; index < MOST; index += 1) names.created(`new ${index}`);
    assert.deepEqual([names.isAbsent('new 0'), names.isAbsent('gone')], [false, false]);
    await learn(names, '', entry('a'));
    assert.equal(names.isAbsent('gone'), true, 'it is listed anew');
  });

  it('keep nothing of a folder that alone has too many', async () => {
    const names = new KnownNames();
    await learn(names, '', ...Array.from({ length: MOST }, (_, index) => entry(`f${index}`)));
    assert.equal(names.isAbsent('gone'), false);
  });
});
