import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ConflictError, ForbiddenError, InvalidInputError, NotFoundError } from '../../../src/protocol/errors.ts';
import { pathOfTarget, pathOfText } from '../../../src/workspace/files/path.ts';
import { HeldFolder, inFolder, statIfThere, WorkspaceRoot } from '../../../src/workspace/files/workspace-root.ts';

describe('paths of the file API', () => {
  it('decodes names as they were before the client encoded them', () => {
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 6 });
    const safe = name.filter((text) => !/[/\0]/.test(text) && text !== '.' && text !== '..' && text.isWellFormed());
    fc.assert(
      fc.property(fc.array(safe, { minLength: 1, maxLength: 5 }), (names) => {
        const raw = names.map((each) => `/${encodeURIComponent(each)}`).join('');
        assert.deepEqual(pathOfTarget(raw).names, names);
        assert.deepEqual(pathOfText(names.join('/')).names, names);
      }),
    );
  });

  it('keeps names that only look dangerous', () => {
    const odd = ['...', '..a', 'a..', '%2e%2e', '..\\..\\etc', 'a b', '#', '%', '🐚', 'line\nbreak', '~', '-rf', '+'];
    for (const name of odd) assert.deepEqual(pathOfTarget(`/${encodeURIComponent(name)}`).names, [name]);
  });

  it('knows a folder by the slash at its end', () => {
    assert.deepEqual(pathOfTarget('/'), { names: [], folder: true });
    assert.deepEqual(pathOfTarget('/a/'), { names: ['a'], folder: true });
    assert.deepEqual(pathOfTarget('/a/b'), { names: ['a', 'b'], folder: false });
    assert.deepEqual(pathOfText(''), { names: [], folder: true });
    assert.deepEqual(pathOfText('/'), { names: [], folder: true });
  });

  it('refuses every way out', () => {
    const targets = ['/..', '/../etc', '/a/../../etc', '/a/..', '/%2e%2e/etc', '/%2E%2e/etc', '/.%2e', '/a/%2e%2e/b'];
    const more = ['//etc/passwd', '/a%2fb', '/..%2F..%2fetc', '/%2fetc', '/a%00b', '/%00'];
    for (const target of [...targets, ...more]) assert.throws(() => pathOfTarget(target), ForbiddenError, target);
    for (const text of ['..', '../a', 'a/../b', '/etc', '//', 'a\0']) {
      assert.throws(() => pathOfText(text), ForbiddenError, text);
    }
  });

  it('refuses an encoding that is broken', () => {
    for (const target of ['/%', '/%4', '/%zz', '/%c0%af', '/%ff', '/%ed%a0%80'])
      assert.throws(() => pathOfTarget(target), InvalidInputError, target);
  });
});

describe('the workspace folder', () => {
  let folder: string;
  let root: WorkspaceRoot;
  beforeEach(async () => {
    folder = await realpath(mkdtempSync(join(tmpdir(), 'carapace-root-')));
    mkdirSync(join(folder, 'ws/a/b'), { recursive: true });
    mkdirSync(join(folder, 'wsx'));
    mkdirSync(join(folder, 'outside'));
    writeFileSync(join(folder, 'outside/secret'), 'secret');
    writeFileSync(join(folder, 'ws/a/file'), 'text');
    symlinkSync('ws', join(folder, 'alias'));
    root = await WorkspaceRoot.open(join(folder, 'alias'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const link = (target: string, name: string) => {
    symlinkSync(target, join(folder, 'ws', name));
  };
  const found = async (names: string[], follow = true) => {
    const place = await root.find(names, follow);
    return { path: join(place.folder, place.name, ...place.below), exists: place.stats !== undefined };
  };

  it('follows links that stay inside, however they are written', async () => {
    link('a/b', 'relative');
    link(join(folder, 'ws/a'), 'absolute');
    link(join(folder, 'alias/a'), 'aliased');
    link('a/../a/./b/..', 'winding');
    link('absolute', 'chained');
    const file = { path: join(folder, 'ws/a/file'), exists: true };
    for (const name of ['absolute', 'aliased', 'winding', 'chained'])
      assert.deepEqual(await found([name, 'file']), file);
    assert.deepEqual(await found(['relative']), { path: join(folder, 'ws/a/b'), exists: true });
    assert.deepEqual(await found(['relative'], false), { path: join(folder, 'ws/relative'), exists: true });
  });

  it('tells what is missing, also behind a link', async () => {
    link('a/new', 'dangling');
    assert.deepEqual(await found(['x', 'y', 'z']), { path: join(folder, 'ws/x/y/z'), exists: false });
    assert.deepEqual(await found(['dangling']), { path: join(folder, 'ws/a/new'), exists: false });
    await assert.rejects(root.findExisting(['dangling']), NotFoundError);
  });

  it('refuses links that lead outside', async () => {
    link('../outside', 'up');
    link('/etc', 'absolute');
    link('/', 'top');
    link('a/../../outside/secret', 'winding');
    link(join(folder, 'wsx'), 'sibling');
    link('up', 'chained');
    link('../outside/new', 'dangling');
    link('/proc/self/root', 'proc');
    for (const name of ['up', 'absolute', 'top', 'winding', 'sibling', 'chained', 'dangling', 'proc']) {
      await assert.rejects(root.find([name], true), ForbiddenError, name);
      await assert.rejects(root.find([name, 'passwd'], false), ForbiddenError, name);
      assert.equal((await found([name], false)).exists, true);
    }
  });

  it('refuses a circle of links', async () => {
    link('two', 'one');
    link('one', 'two');
    await assert.rejects(root.find(['one'], true), ForbiddenError);
  });

  it('says where a file stands in place of a folder', async () => {
    await assert.rejects(root.find(['a', 'file', 'x'], true), ConflictError);
  });

  it('does not take a folder with a longer name for itself', () => {
    assert.equal(root.contains(join(folder, 'ws/a')), true);
    assert.equal(root.contains(join(folder, 'ws')), true);
    assert.equal(root.contains(join(folder, 'wsx')), false);
    assert.equal(root.contains(folder), false);
  });

  it('stays in a folder that is held, whatever takes its place', async () => {
    const held = await HeldFolder.open(join(folder, 'ws/a'));
    try {
      renameSync(join(folder, 'ws/a'), join(folder, 'ws/moved'));
      symlinkSync('../outside', join(folder, 'ws/a'));
      assert.notEqual(await statIfThere(held.at('file')), undefined);
      assert.equal(await statIfThere(held.at('secret')), undefined);
      assert.equal(await held.isAt(join(folder, 'ws/a')), false);
    } finally {
      await held.close();
    }
  });

  it('does not hold what became a link since the walk', async () => {
    link('../outside', 'swapped');
    await assert.rejects(
      inFolder(join(folder, 'ws/swapped'), () => assert.fail('it was opened')),
      (error) => error instanceof Error && 'code' in error && error.code === 'ENOTDIR',
    );
    await assert.rejects(
      inFolder(`${folder}/ws/swapped/.`, () => assert.fail('it was opened')),
      ForbiddenError,
    );
  });
});
