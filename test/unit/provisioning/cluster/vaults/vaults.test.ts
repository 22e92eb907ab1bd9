import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { OWN_SKYIGNORE } from '../../../../../src/provisioning/cluster/vaults/look.ts';
import { notAborted } from './local-shell.ts';
import { list, put, read, SYNCED_AT, VaultRig } from './vault-rig.ts';

const none = { count: 0, files: [] };
const some = (...files: string[]): { count: number; files: string[] } => ({ count: files.length, files });

describe('vaults', () => {
  let rig: VaultRig;
  beforeEach(() => (rig = new VaultRig()));
  afterEach(() => rig.dispose());

  it('tell what changed since the last sync, also to another process', async () => {
    put(rig.here('a.txt'), 'one');
    put(rig.here('d/b.txt'), 'two');
    const before = await rig.inspect();
    assert.deepEqual([before.file_count, before.bytes, before.added, before.synced_at], [2, 6, null, null]);
    await rig.sync();
    const synced = await rig.inspect();
    assert.deepEqual([synced.added, synced.changed, synced.removed], [none, none, none]);
    assert.deepEqual([synced.file_count, synced.bytes, synced.synced_at], [2, 6, SYNCED_AT], 'not our own .skyignore');
    put(rig.here('a.txt'), 'ONE');
    put(rig.here('new 😀'), '');
    rmSync(rig.here('d/b.txt'));
    rig.vaults = rig.open();
    const changed = await rig.inspect();
    assert.deepEqual(
      [changed.added, changed.changed, changed.removed],
      [some('new 😀'), some('a.txt'), some('d/b.txt')],
    );
    await rig.vaults.forget();
    assert.equal((await rig.inspect()).added, null);
  });

  it('keep their record private, and begin anew where it is damaged', async () => {
    put(rig.here('a.txt'), 'one');
    await rig.sync();
    const folder = join(rig.stateFolder, 'cluster');
    assert.deepEqual(readdirSync(folder).sort(), ['vault-private.synced', 'vault-public.synced']);
    assert.equal(statSync(join(folder, 'vault-public.synced')).mode & 0o777, 0o600);
    for (const text of ['', '{}', '{"version":1,"root":"/x","at":null}\nf 1', 'f']) {
      writeFileSync(join(folder, 'vault-public.synced'), text);
      assert.equal((await rig.inspect()).synced_at, null);
      assert.deepEqual(await rig.changes(), []);
    }
  });

  it('mount what .gitignore names, and say which files that are', async () => {
    put(rig.here('.gitignore'), '*.log\n/build/\n');
    put(rig.here('a.log'), '');
    put(rig.here('build/deep/new\nline é'), '');
    put(rig.here('d/.gitignore'), 'x\n');
    put(rig.here('d/x'), '');
    put(rig.here('x'), '');
    put(rig.here('.git/info/exclude'), 'y\n');
    put(rig.here('y'), '');
    await rig.mount();
    const dropped = ['a.log', 'build/deep/new\nline é', 'd/x', 'y'];
    const reached = list(rig.there(''));
    assert.deepEqual(
      list(rig.here('')).filter((file) => !reached.includes(file)),
      dropped,
      'what SkyPilot leaves out on its own',
    );
    assert.deepEqual((await rig.inspect()).ignored, some(...dropped));
    await rig.sync();
    assert.equal(read(rig.here('.skyignore')), OWN_SKYIGNORE);
    assert.deepEqual(list(rig.there('')), list(rig.here('')));
    assert.deepEqual(await rig.changes(), []);
  });

  it("respect a person's .skyignore, and list what it keeps back", async () => {
    const theirs = '# mine\n*.tmp\n/drafts/\n';
    put(rig.here('.skyignore'), theirs);
    put(rig.here('.gitignore'), 'b\n');
    put(rig.here('a.tmp'), '');
    put(rig.here('drafts/one'), '');
    put(rig.here('d/drafts'), '');
    put(rig.here('b'), '');
    await rig.sync();
    assert.equal(read(rig.here('.skyignore')), theirs);
    const report = await rig.inspect();
    assert.deepEqual(report.excluded, some('a.tmp', 'drafts/one'));
    assert.deepEqual(report.ignored, some('b'));
    assert.equal(report.file_count, 4);
    assert.deepEqual(list(rig.there('')), ['.gitignore', '.skyignore', 'b', 'd/drafts']);
    put(rig.here('.skyignore'), 'b\n');
    const later = await rig.inspect();
    assert.deepEqual([later.removed, later.added], [none, some('a.tmp', 'drafts/one')]);
  });

  it('heed a .skyignore in a folder, which ours makes SkyPilot read', async () => {
    put(rig.here('d/.skyignore'), 'x\n');
    put(rig.here('d/x'), '');
    await rig.sync();
    assert.deepEqual((await rig.inspect()).excluded, some('d/x'));
    assert.deepEqual(list(rig.there('')), ['.skyignore', 'd/.skyignore']);
  });

  it('warn of secrets in the public vault alone', async () => {
    for (const vault of ['public', 'private'] as const) put(rig.here('.aws/credentials', vault), '');
    assert.deepEqual((await rig.inspect()).secrets, some('.aws/credentials'));
    assert.deepEqual((await rig.inspect('private')).secrets, none);
  });

  it('are not mounted where one cannot be read or is in the other', async () => {
    rig.paths.private = rig.here('inside');
    mkdirSync(rig.paths.private);
    assert.match((await rig.inspect()).problem ?? '', /^The public and the private vault are in one another: /);
    await assert.rejects(rig.vaults.prepareForMount(rig.paths, notAborted), { code: 'INVALID_INPUT' });
    rmSync(rig.paths.private, { recursive: true });
    await assert.rejects(rig.vaults.prepareForMount(rig.paths, notAborted), /The private vault is not there/);
    await assert.rejects(rig.vaults.removeDeleted(rig.server, rig.paths, notAborted), /The private vault is not there/);
  });

  it('count what is saved during a sync as changed', async () => {
    put(rig.here('a'), 'one');
    await rig.vaults.prepareForMount(rig.paths, notAborted);
    await rig.mount();
    put(rig.here('a'), 'later');
    rig.vaults = rig.open();
    await rig.vaults.recordSync(rig.paths, SYNCED_AT, notAborted);
    assert.deepEqual((await rig.inspect()).changed, some('a'));
    assert.deepEqual(await rig.changes(), [], 'the server has what it got');
    await rig.keep();
    assert.equal(read(rig.here('a')), 'later');
  });

  it('list what was changed on the server, and what was changed on both sides', async () => {
    for (const name of ['same', 'theirs', 'both', 'gone #%', 'gone on both']) put(rig.here(name), 'one');
    symlinkSync('same', rig.here('link'));
    await rig.sync();
    assert.deepEqual(await rig.changes(), []);
    put(rig.there('theirs'), 'edited');
    put(rig.there('both'), 'edited there');
    put(rig.here('both'), 'edited here, too');
    put(rig.there('d/new\nline 😀'), 'new');
    rmSync(rig.there('link'));
    symlinkSync('theirs', rig.there('link'));
    for (const name of ['gone #%', 'gone on both']) rmSync(rig.there(name));
    rmSync(rig.here('gone on both'));
    put(rig.there('p', 'private'), 'private');
    const changes = await rig.changes();
    assert.deepEqual(
      changes.map(({ vault, path, change, conflict }) => [vault, path, change, conflict].join(' ')).sort(),
      [
        'private p added false',
        'public both changed true',
        'public d/new\nline 😀 added false',
        'public gone #% removed false',
        'public link changed false',
        'public theirs changed false',
      ],
    );
  });

  it('have no changes on a server where nothing was ever mounted, and say where nobody can look', async () => {
    rmSync(rig.remoteFolder, { recursive: true });
    assert.deepEqual(await rig.changes(), []);
    const silent = { run: () => Promise.resolve({ exitCode: 0, stdout: Buffer.from('hello'), stderr: '' }) };
    const failing = { run: () => Promise.resolve({ exitCode: 1, stdout: Buffer.alloc(0), stderr: 'denied' }) };
    for (const server of [silent, failing]) {
      await assert.rejects(rig.vaults.serverChanges(server, rig.paths, notAborted), { code: 'UNAVAILABLE' });
    }
  });

  it('remove on the server what was removed here, and nothing else', async () => {
    for (const name of ['stays', 'd/e/goes\nnow', 'd/-f', 'e/stays', '-rf']) put(rig.here(name), 'one');
    await rig.sync();
    for (const name of ['d', '-rf']) rmSync(rig.here(name), { recursive: true });
    put(rig.there('theirs'), 'new');
    assert.equal(await rig.vaults.removeDeleted(rig.server, rig.paths, notAborted), 3);
    assert.deepEqual(list(rig.there('')), ['.skyignore', 'e/stays', 'stays', 'theirs']);
    assert.deepEqual(readdirSync(rig.there('')).sort(), ['.skyignore', 'e', 'stays', 'theirs']);
    assert.deepEqual((await rig.inspect()).removed, none);
    assert.equal(await rig.vaults.removeDeleted(rig.server, rig.paths, notAborted), 0);
  });

  it('never remove outside of the folder, where a link leads out of it', async () => {
    put(rig.here('d/victim'), 'one');
    await rig.sync();
    rmSync(rig.here('d'), { recursive: true });
    put(join(rig.folder, 'outside/victim'), 'precious');
    rmSync(rig.there('d'), { recursive: true });
    symlinkSync(join(rig.folder, 'outside'), rig.there('d'));
    assert.equal(await rig.vaults.removeDeleted(rig.server, rig.paths, notAborted), 0);
    assert.equal(read(join(rig.folder, 'outside/victim')), 'precious');
  });

  it('leave on the server what a person chose to leave there, and do not ask again', async () => {
    put(rig.here('goes'), 'one');
    await rig.sync();
    rmSync(rig.here('goes'));
    assert.deepEqual((await rig.inspect()).removed, some('goes'));
    await rig.sync();
    assert.deepEqual((await rig.inspect()).removed, none);
    assert.deepEqual(await rig.changes(), []);
    assert.equal(await rig.vaults.removeDeleted(rig.server, rig.paths, notAborted), 0);
    assert.equal(read(rig.there('goes')), 'one');
  });
});
