import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileStatSchema } from '../../../src/protocol/files.ts';
import { FilesHarness, reasonOf } from './files-harness.ts';

describe('changing files of the workspace', function () {
  this.timeout(120_000);
  const seat = new FilesHarness();

  describe('changing', () => {
    it('makes folders, and says where something is already', async () => {
      const made = await seat.call('POST', '/files/a/b%20c/?op=mkdir');
      assert.equal(made.status, 201);
      assert.equal(fileStatSchema.parse(made.json()).file.path, 'a/b c');
      assert.equal(statSync(seat.inRoot('a/b c')).isDirectory(), true);
      assert.equal(reasonOf(await seat.refused('POST', '/files/a?op=mkdir', 409, 'CONFLICT')), 'exists');
      await seat.refused('POST', '/files/?op=mkdir', 409, 'CONFLICT');
    });

    it('moves files and folders, and makes the folders above the target', async () => {
      mkdirSync(seat.inRoot('from'));
      writeFileSync(seat.inRoot('from/x'), 'x');
      const moved = await seat.call('POST', '/files/from?op=move&to=deep/er/to');
      assert.equal(moved.status, 201);
      assert.equal(fileStatSchema.parse(moved.json()).file.path, 'deep/er/to');
      assert.equal(readFileSync(seat.inRoot('deep/er/to/x'), 'utf8'), 'x');
      assert.equal(existsSync(seat.inRoot('from')), false);
      assert.equal((await seat.call('POST', '/files/deep/er/to/x?op=move&to=a%20b')).status, 201);
      assert.equal(readFileSync(seat.inRoot('a b'), 'utf8'), 'x');
    });

    it('replaces only where it is told to', async () => {
      for (const operation of ['move', 'copy']) {
        for (const [from, to] of [
          ['file', 'file'],
          ['file', 'folder'],
          ['folder', 'file'],
          ['folder', 'folder'],
        ] as const) {
          const make = (name: string, kind: string) => {
            if (kind === 'folder') mkdirSync(seat.inRoot(name));
            writeFileSync(kind === 'folder' ? seat.inRoot(name, 'content') : seat.inRoot(name), name);
          };
          make('one', from);
          make('two', to);
          const query = `op=${operation}&to=two`;
          assert.equal(reasonOf(await seat.refused('POST', `/files/one?${query}`, 409, 'CONFLICT')), 'exists');
          assert.equal((await seat.call('POST', `/files/one?${query}&overwrite=true`)).status, 200);
          const content = from === 'folder' ? seat.inRoot('two', 'content') : seat.inRoot('two');
          assert.equal(readFileSync(content, 'utf8'), 'one');
          assert.deepEqual(
            readdirSync(seat.workspace.root).toSorted(),
            operation === 'move' ? ['two'] : ['one', 'two'],
          );
          for (const name of readdirSync(seat.workspace.root)) await seat.call('DELETE', `/files/${name}`);
        }
      }
    });

    it('copies folders with modes, and links as links', async () => {
      mkdirSync(seat.inRoot('from/empty'), { recursive: true });
      writeFileSync(seat.inRoot('from/script'), 'x');
      chmodSync(seat.inRoot('from/script'), 0o751);
      chmodSync(seat.inRoot('from/empty'), 0o700);
      symlinkSync(seat.workspace.outside, seat.inRoot('from/link'));
      assert.equal((await seat.call('POST', '/files/from?op=copy&to=to')).status, 201);
      assert.equal(statSync(seat.inRoot('to/script')).mode & 0o7777, 0o751);
      assert.equal(statSync(seat.inRoot('to/empty')).mode & 0o7777, 0o700);
      assert.equal(readlinkSync(seat.inRoot('to/link')), seat.workspace.outside);
      assert.equal(readFileSync(seat.inRoot('from/script'), 'utf8'), 'x');
    });

    it('refuses to put a folder into itself or over what it is in, and leaves all as it was', async () => {
      mkdirSync(seat.inRoot('a/b'), { recursive: true });
      writeFileSync(seat.inRoot('a/b/x'), 'x');
      for (const operation of ['move', 'copy']) {
        for (const [from, to] of [
          ['a', 'a/b/c'],
          ['a/b', 'a'],
        ] as const) {
          const path = `/files/${from}?op=${operation}&to=${to}&overwrite=true`;
          assert.equal(reasonOf(await seat.refused('POST', path, 409, 'CONFLICT')), 'inside_itself');
        }
        assert.equal((await seat.call('POST', `/files/a?op=${operation}&to=a&overwrite=true`)).status, 200);
        await seat.refused('POST', `/files/a?op=${operation}&to=a`, 409, 'CONFLICT');
      }
      assert.equal(readFileSync(seat.inRoot('a/b/x'), 'utf8'), 'x');
    });

    it('leaves nothing of a copy that fails', async () => {
      mkdirSync(seat.inRoot('from'));
      writeFileSync(seat.inRoot('from/a'), 'a');
      execFileSync('mkfifo', [seat.inRoot('from/pipe')]);
      assert.equal(
        reasonOf(await seat.refused('POST', '/files/from?op=copy&to=new/to', 409, 'CONFLICT')),
        'special_file',
      );
      assert.deepEqual(readdirSync(seat.workspace.root), ['from']);
    });

    it('deletes files, links themselves, and folders with all that is in them', async () => {
      mkdirSync(seat.inRoot('folder/deep'), { recursive: true });
      writeFileSync(seat.inRoot('folder/deep/x'), '');
      writeFileSync(join(seat.workspace.outside, 'kept'), '');
      symlinkSync(seat.workspace.outside, seat.inRoot('folder/link'));
      symlinkSync(seat.workspace.outside, seat.inRoot('link'));
      assert.equal((await seat.call('DELETE', '/files/link')).status, 204);
      assert.equal((await seat.call('DELETE', '/files/folder')).status, 204);
      assert.deepEqual(readdirSync(seat.workspace.root), []);
      assert.deepEqual(readdirSync(seat.workspace.outside), ['kept']);
      await seat.refused('DELETE', '/files/folder', 404, 'NOT_FOUND');
      await seat.refused('DELETE', '/files/folder/below', 404, 'NOT_FOUND');
    });

    it('never touches the workspace folder itself', async () => {
      writeFileSync(seat.inRoot('x'), '');
      for (const path of ['/files/', '/files/.', '/files/%2e', '/files/./'])
        await seat.refused('DELETE', path, 403, 'FORBIDDEN');
      await seat.refused('POST', '/files/?op=move&to=elsewhere', 403, 'FORBIDDEN');
      await seat.refused('POST', '/files/?op=copy&to=elsewhere', 403, 'FORBIDDEN');
      await seat.refused('POST', '/files/x?op=move&to=&overwrite=true', 403, 'FORBIDDEN');
      assert.deepEqual(readdirSync(seat.workspace.root), ['x']);
    });
  });
});
