import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { VaultReport } from '../../../src/protocol/cluster.ts';
import { ICON } from '../../../src/providers/model/nodes.ts';
import {
  listedFiles,
  listText,
  MAX_LISTED,
  vaultFacts,
  vaultRow,
  type VaultContext,
} from '../../../src/providers/model/vault-row.ts';
import { NOON, t, vaultReport } from './fixtures.ts';

function context(report: Partial<VaultReport> | undefined, more: Partial<VaultContext> = {}): VaultContext {
  return {
    vault: 'public',
    path: '/home/me/data/public',
    exists: true,
    report: report && vaultReport(report),
    synced: 'mounted',
    running: true,
    now: NOON,
    t,
    ...more,
  };
}
const text = (report: Partial<VaultReport> | undefined, more: Partial<VaultContext> = {}) =>
  vaultRow(context(report, more)).description;
const some = (count: number, ...files: string[]) => ({ count, files });

describe('the row of a vault', () => {
  it('says how many files it has, and when they were synced', () => {
    assert.equal(text({}), '12 files · synced 2 min ago');
    assert.equal(text({ file_count: 1 }), '1 file · synced 2 min ago');
  });

  it('says what changed since, whatever the change', () => {
    assert.equal(text({ changed: some(1, 'a') }), '12 files · 1 changed since sync');
    const all = { added: some(1, 'a'), changed: some(2, 'b', 'c'), removed: some(3, 'd', 'e', 'f') };
    assert.equal(text(all), '12 files · 6 changed since sync');
    const never = { added: null, changed: null, removed: null, synced_at: null };
    assert.equal(text(never), '12 files · not synced yet');
  });

  it('says nothing of a sync where there is no server, or the server has another folder', () => {
    assert.equal(text({}, { synced: 'noServer' }), '12 files');
    assert.equal(text({}, { synced: 'notMounted' }), '12 files · not on the server');
  });

  it('names its folder where no control plane has looked, or none is there', () => {
    assert.equal(text(undefined), '/home/me/data/public');
    const missing = vaultRow(context(undefined, { exists: false }));
    assert.equal(missing.description, 'no folder /home/me/data/public');
    assert.deepEqual(missing.icon, ICON.warning);
  });

  it('warns of secrets in public, and of what cannot be mounted', () => {
    assert.equal(text({ secrets: some(1, '.env') }), '12 files · synced 2 min ago · 1 looks like a secret');
    assert.equal(text({ problem: 'The folder cannot be read.' }), 'The folder cannot be read.');
    assert.deepEqual(vaultRow(context({ problem: 'x' })).icon, ICON.warning);
    assert.deepEqual(vaultRow(context({})).icon, ICON.publicVault);
  });

  it('can be synced while the server runs', () => {
    assert.deepEqual(vaultRow(context({})).flags, ['vault', 'revealable', 'syncable']);
    assert.deepEqual(vaultRow(context({}, { running: false })).flags, ['vault', 'revealable']);
  });

  it('has facts for whoever asks', () => {
    const facts = new Map(vaultFacts(context({ changed: some(7, 'a', 'b', 'c', 'd', 'e', 'f', 'g') })));
    assert.equal(facts.get('On the server'), '/opt/carapace/data/public');
    assert.equal(facts.get('Changed'), 'a, b, c, d, e and 2 more');
    assert.equal(facts.get('Removed'), undefined);
  });

  it('counts what was cut from a list, too', () => {
    assert.equal(listText(['a'], 200, t), 'a and 199 more');
  });
});

describe('the files of a vault', () => {
  it('are listed with folders first, by name', () => {
    const entries = [
      { name: 'b.txt', isFolder: false },
      { name: 'z', isFolder: true },
      { name: 'a.txt', isFolder: false },
    ];
    assert.deepEqual(
      listedFiles({ vault: 'public', path: 'sub' }, entries).map(({ path }) => path),
      ['sub/z', 'sub/a.txt', 'sub/b.txt'],
    );
  });

  it('are not 100,000 rows', () => {
    const entries = Array.from({ length: 100_000 }, (_none, index) => ({ name: `file-${index}`, isFolder: false }));
    const rows = listedFiles({ vault: 'private', path: '' }, entries);
    assert.equal(rows.length, MAX_LISTED + 1);
    assert.deepEqual(rows.at(-1), { kind: 'moreFiles', vault: 'private', path: '', count: 100_000 - MAX_LISTED });
  });
});
