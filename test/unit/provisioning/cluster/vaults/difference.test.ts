import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import {
  localChanges,
  recordAfterSync,
  serverChanges,
} from '../../../../../src/provisioning/cluster/vaults/difference.ts';
import {
  formatListing,
  isInside,
  parseListing,
  type FileEntry,
} from '../../../../../src/provisioning/cluster/vaults/listing.ts';

const SYNCED_AT = 1_700_000_000;

const file = (size: number, seconds = SYNCED_AT): FileEntry => ({
  kind: 'file',
  size,
  seconds,
  nanos: 0,
  target: '',
  left: false,
});

/** What became of one file on each side since the sync that had it. */
const fate = fc.constantFrom('same', 'changed', 'removed', 'touched');
const paths = fc.uniqueArray(fc.constantFrom('a', 'b c', 'd/e', 'd/#%', 'né\n😀', '-f', 'g', 'h', 'i'), {
  minLength: 1,
});

/** A file after its fate; `side` tells the two sides' changes apart. */
function after(what: string, side: number): FileEntry | undefined {
  if (what === 'removed') return undefined;
  if (what === 'changed') return file(10 + side, SYNCED_AT + side);
  return what === 'touched' ? file(1, SYNCED_AT + side) : file(1);
}

describe('what changed since the last sync', () => {
  it('is told by side, for every combination of fates', () => {
    const fates = paths.chain((names) =>
      fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), fate, fate, fc.boolean()))),
    );
    fc.assert(
      fc.property(fates, (cases) => {
        const synced = new Map<string, FileEntry>();
        const here = new Map<string, FileEntry>();
        const server = new Map<string, FileEntry>();
        for (const [name, ours, theirs, wasSynced] of cases) {
          if (wasSynced) synced.set(name, file(1));
          const our = after(ours, 1);
          const their = after(theirs, 2);
          if (our) here.set(name, our);
          if (their) server.set(name, their);
        }
        const local = localChanges(here, new Set(), synced);
        const remote = serverChanges({ vault: 'public', server, here, synced });
        for (const [name, ours, theirs, wasSynced] of cases) {
          const changedHere = wasSynced ? ours !== 'same' : ours !== 'removed';
          const told = [...local.added, ...local.changed, ...local.removed];
          assert.equal(told.includes(name), changedHere, `${name} here`);
          const change = remote.find((candidate) => candidate.path === name);
          const sameOnBoth = ours === theirs && (ours === 'same' || ours === 'removed');
          const changedThere = !sameOnBoth && (wasSynced ? theirs !== 'same' : theirs !== 'removed');
          // What was removed on both sides, or was never anywhere, is nobody's loss.
          const lost = changedThere && !(theirs === 'removed' && ours === 'removed');
          assert.equal(change !== undefined, lost, `${name}: ${ours} here, ${theirs} there, ${wasSynced}`);
          if (change !== undefined) assert.equal(change.conflict, changedHere, `${name}: ${ours} against ${theirs}`);
        }
      }),
    );
  });

  it('is nothing after a sync, but what was removed here is known to be left on the server', () => {
    const earlier = new Map([
      ['stays', file(1)],
      ['goes', file(2)],
    ]);
    const mounted = new Map([['stays', file(1)]]);
    assert.deepEqual(localChanges(mounted, new Set(), earlier).removed, ['goes']);
    const record = recordAfterSync(mounted, earlier);
    assert.deepEqual(localChanges(mounted, new Set(), record), { added: [], changed: [], removed: [] });
    const same = { vault: 'private', server: earlier, here: mounted, synced: record } as const;
    assert.deepEqual(serverChanges(same), []);
    const edited = serverChanges({ ...same, server: new Map([...earlier, ['goes', file(3)]]) });
    assert.deepEqual(edited, [{ vault: 'private', path: 'goes', change: 'changed', conflict: false }]);
    assert.deepEqual(serverChanges({ ...same, server: mounted }), [], 'somebody tidied up there');
  });

  it('does not call removed what is only not mounted any more', () => {
    const synced = new Map([['secret', file(1)]]);
    assert.deepEqual(localChanges(new Map(), new Set(['secret']), synced).removed, []);
  });

  it('compares with what is here where there is no record', () => {
    const here = new Map([
      ['same', file(1)],
      ['edited', file(1)],
      ['new here', file(1)],
    ]);
    const server = new Map([
      ['same', file(1)],
      ['edited', file(2)],
      ['new there', file(1)],
    ]);
    assert.deepEqual(serverChanges({ vault: 'public', server, here, synced: undefined }), [
      { vault: 'public', path: 'edited', change: 'changed', conflict: true },
      { vault: 'public', path: 'new there', change: 'added', conflict: false },
    ]);
  });
});

describe('lists of files', () => {
  const fields = {
    kind: fc.constantFrom('file' as const, 'link' as const),
    size: fc.nat(),
    seconds: fc.integer({ min: -1e9, max: 4e9 }),
    nanos: fc.nat(999_999_999),
    target: fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')),
    left: fc.boolean(),
  };
  const entry = fc.record(fields, { noNullPrototype: true });
  const name = fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => text.replaceAll('\0', '0'));

  it('are read as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, entry)), async (entries) => {
        const files = new Map(entries);
        assert.deepEqual([...(await parseListing(await formatListing(files)))], [...files]);
      }),
    );
    await assert.rejects(parseListing('f 1 1.0 cut off\0'));
    await assert.rejects(parseListing('nonsense\0\0'));
  });

  it('have paths that stay inside', () => {
    for (const path of ['a', 'a/b', '..a', 'a/..b', '…', '~']) assert.ok(isInside(path), path);
    for (const path of ['', '..', '../a', 'a/../../b', '/a', 'a//b', './a', 'a/', 'a\0'])
      assert.ok(!isInside(path), path);
  });
});
