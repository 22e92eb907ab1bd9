import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, readlinkSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { ServerChange } from '../../../../../src/protocol/cluster.ts';
import type { RemoteShell } from '../../../../../src/provisioning/cluster/vaults/remote-shell.ts';
import { localShell, notAborted } from './local-shell.ts';
import { list, put, read, VaultRig } from './vault-rig.ts';

function change(path: string): ServerChange {
  return { vault: 'public', path, change: 'changed', conflict: false };
}

describe('keeping what was changed on the server', () => {
  let rig: VaultRig;
  beforeEach(() => (rig = new VaultRig()));
  afterEach(() => rig.dispose());

  it('copies it with its time and mode, whatever its name is', async () => {
    const names = ['plain', 'a b/new\nline 😀', '-f', '#%?', `${'long/'.repeat(60)}end`];
    put(rig.here('plain'), 'one');
    await rig.sync();
    for (const name of names) {
      put(rig.there(name), `content of ${name}`);
      utimesSync(rig.there(name), 1_700_000_000.25, 1_700_000_000.75);
    }
    chmodSync(rig.there('plain'), 0o750);
    put(rig.there('empty'), '');
    put(rig.there('old'), 'old');
    utimesSync(rig.there('old'), new Date(-1_500), new Date(-1_500));
    await rig.keep();
    for (const name of names) {
      assert.equal(read(rig.here(name)), `content of ${name}`);
      assert.equal(Math.floor(statSync(rig.here(name)).mtimeMs / 1000), 1_700_000_000);
    }
    assert.equal(statSync(rig.here('plain')).mode & 0o777, 0o750);
    assert.deepEqual(list(rig.here('')), [...names, '.skyignore', 'empty', 'old'].sort());
    assert.deepEqual(await rig.changes(), []);
  });

  it('puts it beside what was changed here, once, and overwrites nothing', async () => {
    for (const name of ['both', 'removed here']) put(rig.here(name), 'one');
    await rig.sync();
    put(rig.here('both'), 'mine');
    rmSync(rig.here('removed here'));
    for (const name of ['both', 'removed here', 'new on both']) put(rig.there(name), `theirs: ${name}`);
    put(rig.here('new on both'), 'mine');
    put(rig.here('both.from-server'), 'an older one');
    await rig.keep();
    await rig.keep();
    assert.deepEqual(list(rig.here('')), [
      '.skyignore',
      'both',
      'both.from-server',
      'both.from-server.2',
      'new on both',
      'new on both.from-server',
      'removed here.from-server',
    ]);
    assert.deepEqual([read(rig.here('both')), read(rig.here('new on both'))], ['mine', 'mine']);
    assert.equal(read(rig.here('both.from-server')), 'an older one');
    assert.equal(read(rig.here('both.from-server.2')), 'theirs: both');
    assert.equal(read(rig.here('removed here.from-server')), 'theirs: removed here');
  });

  it('judges anew what is saved here while it copies', async () => {
    put(rig.here('a'), 'one');
    await rig.sync();
    put(rig.there('a'), 'theirs');
    const changes = await rig.changes();
    assert.equal(changes[0]?.conflict, false);
    put(rig.here('a'), 'saved just now');
    await rig.vaults.keep(rig.server, rig.paths, changes, notAborted);
    assert.deepEqual([read(rig.here('a')), read(rig.here('a.from-server'))], ['saved just now', 'theirs']);
  });

  it('copies large files piece by piece', async () => {
    await rig.sync();
    await localShell().run(`head -c 50000000 /dev/urandom > "${rig.there('big')}"`, { signal: notAborted });
    await rig.keep();
    const same = await localShell().run(`cmp "${rig.there('big')}" "${rig.here('big')}"`, { signal: notAborted });
    assert.equal(same.exitCode, 0);
  });

  it('names links that lead out and folders in the way, copies the rest, and follows nothing', async () => {
    put(rig.here('file'), 'one');
    mkdirSync(join(rig.folder, 'outside'));
    await rig.sync();
    symlinkSync(join(rig.folder, 'outside'), rig.here('out'));
    symlinkSync('/etc/passwd', rig.there('absolute'));
    mkdirSync(rig.there('d'));
    symlinkSync('../../x', rig.there('d/up'));
    symlinkSync('../file', rig.there('d/fine'));
    put(rig.there('out/planted'), 'planted');
    put(rig.there('good'), 'good');
    await assert.rejects(rig.keep(), (error: Error & { code: string; details: { paths: string[] } }) => {
      assert.equal(error.code, 'CONFLICT');
      assert.deepEqual([...error.details.paths].sort(), ['absolute', 'd/up', 'out/planted']);
      return true;
    });
    assert.deepEqual(list(join(rig.folder, 'outside')), []);
    assert.deepEqual([read(rig.here('good')), readlinkSync(rig.here('d/fine'))], ['good', '../file']);
    assert.throws(() => lstatSync(rig.here('absolute')), { code: 'ENOENT' });
  });

  it('takes nothing that it did not ask for, and asks for nothing outside', async () => {
    put(rig.here('a'), 'one');
    put(join(rig.folder, 'evil'), 'evil');
    await rig.sync();
    const lying = (archive: string): RemoteShell => ({
      run: (_command, request) => rig.server.run(`cd "${rig.folder}" && ${archive}`, request),
    });
    const lies = [
      `tar --create --format=posix -P --transform='s,^,../,' evil`,
      `tar --create --format=posix -P "${rig.folder}/evil"`,
      `tar --create --format=posix evil`,
    ];
    for (const lie of lies) {
      const kept = rig.vaults.keep(lying(lie), rig.paths, [change('a')], notAborted);
      await assert.rejects(kept, /a file that it was not asked for/, lie);
    }
    for (const path of ['../evil', '/etc/passwd', 'a/../../evil']) {
      await assert.rejects(rig.vaults.keep(rig.server, rig.paths, [change(path)], notAborted), { code: 'CONFLICT' });
    }
    assert.deepEqual(list(rig.here('')), ['.skyignore', 'a']);
  });

  it('fails and leaves no piece where the connection breaks, the archive is damaged or a file is gone', async () => {
    put(rig.here('a'), 'one');
    await rig.sync();
    put(rig.there('a'), 'x'.repeat(100_000));
    const changes = await rig.changes();
    const through = (filter: string): RemoteShell => ({
      run: (command, request) => rig.server.run(`set -o pipefail; { ${command}; } | ${filter}`, request),
    });
    for (const filter of [
      'head -c 50000',
      'head -c 100',
      'tr x y | tail -c +100',
      '{ cat >/dev/null; exit 255; }',
      'cat >/dev/null',
    ]) {
      await assert.rejects(rig.vaults.keep(through(filter), rig.paths, changes, notAborted), filter);
    }
    await assert.rejects(rig.vaults.keep(rig.server, rig.paths, [change('gone')], notAborted), { code: 'UNAVAILABLE' });
    const aborted = rig.vaults.keep(rig.server, rig.paths, changes, AbortSignal.abort());
    await assert.rejects(aborted, { name: 'AbortError' });
    assert.deepEqual(list(rig.here('')), ['.skyignore', 'a']);
    assert.equal(read(rig.here('a')), 'one');
    await rig.keep();
    assert.equal(read(rig.here('a')).length, 100_000);
  });
});
