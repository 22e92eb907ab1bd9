/** GET and PUT /archive: a folder out and in, all or nothing, and nothing outside of it. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Header } from 'tar';
import { errorOf, FilesHarness, reasonOf } from './files-harness.ts';
import { ask, startWorkspace, type Answer } from './support.ts';

type HeaderData = Exclude<NonNullable<ConstructorParameters<typeof Header>[0]>, Buffer>;

/** A tar.gz file with exactly these entries, whatever they are. */
function archiveOf(...entries: (HeaderData & { readonly content?: string })[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { content = '', ...data } of entries) {
    const head = Buffer.alloc(512);
    const size = data.size ?? Buffer.byteLength(content);
    new Header({ mode: 0o644, mtime: new Date(0), type: 'File', ...data, size }).encode(head);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
    body.write(content);
    blocks.push(head, body);
  }
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

/** Everything below a folder, with what it is; links are not followed. */
function tree(folder: string, prefix = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(folder, prefix)).sort()) {
    const path = prefix + name;
    const full = join(folder, path);
    const stats = lstatSync(full);
    const mode = (stats.mode & 0o777).toString(8);
    if (stats.isSymbolicLink()) found[path] = `-> ${readlinkSync(full)}`;
    else if (stats.isFile()) found[path] = `file ${mode} ${readFileSync(full, 'base64')}`;
    else Object.assign(found, { [path]: `folder ${mode}` }, stats.isDirectory() ? tree(folder, `${path}/`) : {});
  }
  return found;
}

describe('archives of files', () => {
  const files = new FilesHarness();

  const put = (path: string, body: Uint8Array, more = ''): Promise<Answer> =>
    files.call('PUT', `/archive?path=${encodeURIComponent(path)}${more}`, { body });
  const get = (path: string): Promise<Answer> => files.call('GET', `/archive?path=${encodeURIComponent(path)}`);

  async function refused(body: Uint8Array, status: number, code: string, more = ''): Promise<Answer> {
    const before = tree(files.inRoot());
    const answer = await put('', body, more);
    assert.deepEqual([answer.status, errorOf(answer).code], [status, code], answer.text);
    assert.deepEqual(tree(files.inRoot()), before);
    assert.deepEqual(readdirSync(files.workspace.outside), []);
    return answer;
  }

  it('takes a folder out and in again as it was', async () => {
    mkdirSync(files.inRoot('a', 'b', 'empty'), { recursive: true });
    writeFileSync(files.inRoot('a', 'b', 'one.txt'), 'one');
    writeFileSync(files.inRoot('a', 'run.sh'), '#!/bin/sh\n');
    chmodSync(files.inRoot('a', 'run.sh'), 0o755);
    writeFileSync(files.inRoot('a', 'nothing'), '');
    symlinkSync('b/one.txt', files.inRoot('a', 'link'));
    symlinkSync('link', files.inRoot('a', 'zlink'));
    symlinkSync('../run.sh', files.inRoot('a', 'b', 'up'));
    linkSync(files.inRoot('a', 'run.sh'), files.inRoot('a', 'same.sh'));
    const packed = await get('a');
    assert.equal(packed.status, 200);
    assert.equal(packed.headers['content-type'], 'application/gzip');
    assert.equal((await put('copy/of/a', packed.body)).status, 204);
    assert.deepEqual(tree(files.inRoot('copy', 'of', 'a')), tree(files.inRoot('a')));
    assert.equal(
      Math.floor(statSync(files.inRoot('copy', 'of', 'a', 'run.sh')).mtimeMs / 1000),
      Math.floor(statSync(files.inRoot('a', 'run.sh')).mtimeMs / 1000),
    );
  });

  it('is what the tar program reads, and takes what it writes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seat-files-tar-'));
    try {
      const long = 'd'.repeat(120);
      mkdirSync(files.inRoot('p', long), { recursive: true });
      writeFileSync(files.inRoot('p', long, 'ünïcode 😀 #%.txt'), 'x'.repeat(1000));
      writeFileSync(files.inRoot('p', 'line\nbreak é'), 'y');
      const packed = await get('p');
      const listed = spawnSync('tar', ['-xzf', '-', '-C', folder], { input: packed.body });
      assert.equal(listed.status, 0, listed.stderr.toString());
      assert.deepEqual(tree(folder), tree(files.inRoot('p')));
      for (const format of ['gnu', 'posix', 'ustar']) {
        if (format === 'ustar') rmSync(join(folder, long), { recursive: true });
        if (format === 'posix') rmSync(join(folder, 'line\nbreak é'));
        const written = execFileSync('tar', ['-czf', '-', `--format=${format}`, '-C', folder, '.']);
        assert.equal((await put(format, written)).status, 204, format);
        assert.deepEqual(tree(files.inRoot(format)), tree(folder), format);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('takes a single file, under its name', async () => {
    writeFileSync(files.inRoot('some # file'), 'content');
    assert.equal((await put('there', (await get('some # file')).body)).status, 204);
    assert.deepEqual(readdirSync(files.inRoot('there')), ['some # file']);
  });

  it('leaves out what cannot be in an archive: links that lead out, pipes', async () => {
    mkdirSync(files.inRoot('p', 'sub'), { recursive: true });
    writeFileSync(files.inRoot('beside'), 'secret');
    symlinkSync('/etc/passwd', files.inRoot('p', 'absolute'));
    symlinkSync('../../beside', files.inRoot('p', 'sub', 'out'));
    symlinkSync('sub/../../beside', files.inRoot('p', 'crooked'));
    symlinkSync('..', files.inRoot('p', 'sub', 'parent'));
    execFileSync('mkfifo', [files.inRoot('p', 'pipe')]);
    assert.equal((await put('q', (await get('p')).body)).status, 204);
    assert.deepEqual(Object.keys(tree(files.inRoot('q'))), ['sub', 'sub/parent']);
  });

  it('finds what must not be read before anything is packed', () => {
    const folder = mkdtempSync('/tmp/seat-files-secret-');
    try {
      const modes = { open: [0o600, 0o700], file: [0o200, 0o700], folder: [0o600, 0o300] } as const;
      for (const [name, [file, closed]] of Object.entries(modes)) {
        mkdirSync(join(folder, name, 'sub', 'closed'), { recursive: true });
        for (const path of ['a', 'sub/closed/in', 'sub/secret']) writeFileSync(join(folder, name, path), path);
        chmodSync(join(folder, name, 'sub/secret'), file);
        chmodSync(join(folder, name, 'sub/closed'), closed);
      }
      // The superuser may read everything, so somebody else looks.
      const somebody = 65_534;
      const isRoot = process.getuid?.() === 0;
      if (isRoot) execFileSync('chown', ['-R', `${somebody}:${somebody}`, folder]);
      const from = JSON.stringify(new URL('../../../src/lib/archive/pack.ts', import.meta.url).href);
      const paths = JSON.stringify(['open', 'file', 'file/sub/secret', 'folder'].map((path) => join(folder, path)));
      // It becomes somebody else once it is loaded: they need not be able to read the program.
      const become = isRoot ? `process.setgroups([]); process.setgid(${somebody}); process.setuid(${somebody});` : '';
      const program = `import { findUnreadable } from ${from};
        ${become}
        for (const path of ${paths}) console.log(JSON.stringify(await findUnreadable(path)));`;
      const found = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
      assert.equal(found, 'undefined\n"sub/secret"\n""\n"sub/closed"\n');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('carries every name', async () => {
    const name = fc
      .array(fc.constantFrom('a', ' ', '#', '%', '😀', '\n', 'é', '"', '\\', '=', 'long'.repeat(9), '\r', '%2f'), {
        minLength: 1,
        maxLength: 7,
      })
      .map((letters) => letters.join(''))
      .filter((text) => Buffer.byteLength(text) < 250);
    let round = 0;
    await fc.assert(
      fc.asyncProperty(name, fc.uniqueArray(name, { minLength: 1, maxLength: 4 }), async (folder, names) => {
        const [from, to] = [`from${round}`, `to${round}`];
        round += 1;
        mkdirSync(files.inRoot(from, folder), { recursive: true });
        for (const each of names) {
          writeFileSync(files.inRoot(from, folder, each), each);
          symlinkSync(each, files.inRoot(from, folder, `${each.slice(0, 5)}-link-${names.indexOf(each)}`));
        }
        assert.equal((await put(to, (await get(from)).body)).status, 204);
        assert.deepEqual(tree(files.inRoot(to)), tree(files.inRoot(from)));
      }),
      { numRuns: 40 },
    );
  });

  it('replaces files only when told to, and names the first that is in the way', async () => {
    mkdirSync(files.inRoot('p', 'x', 'y'), { recursive: true });
    writeFileSync(files.inRoot('p', 'x', 'kept'), 'kept');
    writeFileSync(files.inRoot('p', 'x', 'y', 'old'), 'old');
    const archive = archiveOf(
      { path: 'a-new', content: 'n' },
      { path: 'x/y/old', content: 'new' },
      { path: 'z', content: 'z' },
    );
    const before = tree(files.inRoot());
    const answer = await put('p', archive);
    assert.equal(answer.status, 409);
    assert.equal(reasonOf(answer), 'exists');
    assert.equal(errorOf(answer).message, '"p/x/y/old" exists already.');
    assert.deepEqual(tree(files.inRoot()), before);
    assert.equal((await put('p', archive, '&overwrite=true')).status, 204);
    assert.deepEqual(Object.keys(tree(files.inRoot('p'))), ['a-new', 'x', 'x/kept', 'x/y', 'x/y/old', 'z']);
    assert.equal(readFileSync(files.inRoot('p', 'x', 'y', 'old'), 'utf8'), 'new');
  });

  it('replaces a folder by a file and a link by a folder, when told to', async () => {
    mkdirSync(files.inRoot('p', 'was-folder', 'full'), { recursive: true });
    mkdirSync(files.inRoot('target'));
    symlinkSync('../target', files.inRoot('p', 'was-link'));
    const archive = archiveOf({ path: 'was-folder', content: 'file' }, { path: 'was-link/inside', content: 'i' });
    assert.equal((await put('p', archive)).status, 409);
    assert.equal((await put('p', archive, '&overwrite=true')).status, 204);
    assert.equal(readFileSync(files.inRoot('p', 'was-folder'), 'utf8'), 'file');
    assert.ok(lstatSync(files.inRoot('p', 'was-link')).isDirectory());
    assert.deepEqual(readdirSync(files.inRoot('target')), []);
  });

  it('refuses all that leads out, and leaves nothing', async () => {
    const outside = files.workspace.outside;
    symlinkSync(outside, files.inRoot('way-out'));
    const bad: HeaderData[][] = [
      [{ path: '../evil' }],
      [{ path: 'a/../../evil' }],
      [{ path: '/tmp/evil' }],
      [{ path: join(outside, 'evil') }],
      [{ path: 'l', type: 'SymbolicLink', linkpath: '/etc' }],
      [{ path: 'l', type: 'SymbolicLink', linkpath: '..' }],
      [{ path: 'l', type: 'SymbolicLink', linkpath: 'a/../../x' }],
      [{ path: 'd/l', type: 'SymbolicLink', linkpath: '../../x' }],
      [
        { path: 'l', type: 'SymbolicLink', linkpath: 'in' },
        { path: 'l/x', type: 'SymbolicLink', linkpath: 'y' },
      ],
      [{ path: 'h', type: 'Link', linkpath: '/etc/passwd' }],
      [{ path: 'h', type: 'Link', linkpath: '../../etc/passwd' }],
      [{ path: 'h', type: 'Link', linkpath: 'not-there' }],
      [{ path: 'dev', type: 'CharacterDevice', devmaj: 1, devmin: 3 }],
      [{ path: 'dev', type: 'BlockDevice', devmaj: 8, devmin: 0 }],
      [{ path: 'fifo', type: 'FIFO' }],
    ];
    for (const entries of bad) {
      const answer = await refused(archiveOf({ path: 'good', content: 'good' }, ...entries), 400, 'INVALID_INPUT');
      assert.ok(!answer.text.includes(files.workspace.root), answer.text);
    }
    // Through links: the one in the archive is made last, the one on the disk is not followed.
    const twice = [{ path: 'l', type: 'SymbolicLink', linkpath: 'in' } as const, { path: 'l/x', content: 'x' }];
    await refused(archiveOf(...twice), 400, 'INVALID_INPUT');
    await refused(archiveOf({ path: 'way-out/x', content: 'x' }), 409, 'CONFLICT');
    assert.equal((await put('way-out', archiveOf({ path: 'x', content: 'x' }))).status, 403);
    assert.deepEqual(readdirSync(outside), []);
  });

  it('refuses what is no whole archive', async () => {
    const whole = archiveOf({ path: 'a', content: 'a'.repeat(5000) });
    const plain = Buffer.alloc(2048);
    const flipped = Buffer.from(whole);
    flipped[20]! ^= 0xff;
    for (const body of [
      Buffer.alloc(0),
      Buffer.from('not gzip'),
      gzipSync('not a tar file'),
      gzipSync(Buffer.alloc(3000, 'x')),
      whole.subarray(0, whole.length - 12),
      plain,
      flipped,
      gzipSync(whole),
      gzipSync(Buffer.concat([Buffer.alloc(512, 0x41), Buffer.alloc(1024)])),
    ])
      await refused(body, 400, 'INVALID_INPUT');
    const truncated = gzipSync(execFileSync('gunzip', { input: whole }).subarray(0, 2000));
    await refused(truncated, 400, 'INVALID_INPUT');
  });

  it('bounds what is unpacked', async () => {
    const small = await startWorkspace(undefined, { maxFileBytes: 1024 * 1024, maxArchiveEntries: 20 });
    try {
      const bomb = archiveOf({ path: 'zeros', content: '\0'.repeat(30 * 1024 * 1024) });
      assert.ok(bomb.length < 100_000);
      const many = archiveOf(...Array.from({ length: 21 }, (_, index) => ({ path: `f${index}` })));
      const meta = archiveOf({ path: 'x', type: 'ExtendedHeader', content: ' '.repeat(8 * 1024 * 1024) });
      for (const body of [bomb, many, meta, Buffer.alloc(2 * 1024 * 1024)]) {
        const answer = await ask(small, 'PUT', '/archive', { body });
        assert.deepEqual([answer.status, errorOf(answer).code], [413, 'TOO_LARGE'], answer.text);
        assert.deepEqual(readdirSync(small.root), []);
      }
      const fitting = archiveOf({ path: 'fits', content: 'x'.repeat(1024 * 1024 - 10) });
      assert.equal((await ask(small, 'PUT', '/archive', { body: fitting })).status, 204);
    } finally {
      await small.stop();
    }
  });

  it('keeps no bits and owners that give rights', async () => {
    const archive = archiveOf(
      { path: 'd/', type: 'Directory', mode: 0o555, uid: 4242, gid: 4242 },
      { path: 'd/suid', content: 'x', mode: 0o6755, uid: 4242, gid: 4242 },
    );
    assert.equal((await put('', archive)).status, 204);
    assert.equal(statSync(files.inRoot('d', 'suid')).mode & 0o7777, 0o755);
    assert.equal(statSync(files.inRoot('d', 'suid')).uid, process.getuid!());
    assert.equal(statSync(files.inRoot('d')).mode & 0o700, 0o700);
  });

  it('answers paths and queries that are wrong with typed errors', async () => {
    writeFileSync(files.inRoot('file'), '');
    const body = archiveOf({ path: 'x' });
    await files.refused('GET', '/archive?path=nowhere', 404, 'NOT_FOUND');
    await files.refused('GET', '/archive?path=../x', 403, 'FORBIDDEN');
    await files.refused('GET', '/archive?path=%ff', 400, 'INVALID_INPUT');
    await files.refused('GET', '/archive?overwrite=true', 400, 'INVALID_INPUT');
    await files.refused('PUT', '/archive?path=file', 409, 'CONFLICT', { body });
    await files.refused('PUT', '/archive?path=file/x', 409, 'CONFLICT', { body });
    await files.refused('PUT', '/archive?path=x&overwrite=yes', 400, 'INVALID_INPUT', { body });
    await files.refused('PUT', '/archive', 400, 'INVALID_INPUT', { body, headers: { 'content-encoding': 'gzip' } });
    await files.refused('PUT', `/archive?path=${'n'.repeat(300)}`, 400, 'INVALID_INPUT', { body });
    await files.refused('DELETE', '/archive', 405, 'INVALID_INPUT');
    assert.deepEqual(readdirSync(files.inRoot()), ['file']);
  });

  it('leaves nothing when the disk is full', async function () {
    const folder = mkdtempSync(join(tmpdir(), 'seat-files-full-'));
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
    if (mounted.status !== 0) this.skip();
    try {
      // The workspace's own folder is bound over by the small disk.
      const bound = files.inRoot('small');
      mkdirSync(bound);
      assert.equal(spawnSync('mount', ['--bind', folder, bound]).status, 0);
      try {
        const random = Array.from({ length: 3 }, (_, index) => ({ path: `f${index}`, content: 'x'.repeat(2_000_000) }));
        const answer = await put('small', archiveOf(...random));
        assert.deepEqual([answer.status, errorOf(answer).code], [507, 'DISK_FULL'], answer.text);
        assert.deepEqual(readdirSync(bound), []);
        assert.equal((await put('small', archiveOf(random[0]!))).status, 204);
      } finally {
        spawnSync('umount', [bound]);
      }
    } finally {
      spawnSync('umount', [folder]);
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('leaves nothing of an upload that breaks off, and no file open', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const body = archiveOf({ path: 'big/a', content: Array.from({ length: 90_000 }, () => Math.random()).join() });
    const answer = put('', body.subarray(0, body.length - 100_000));
    assert.equal((await answer).status, 400);
    assert.ok(!existsSync(files.inRoot('big')));
    assert.deepEqual(readdirSync(files.inRoot()), []);
    assert.ok(readdirSync('/proc/self/fd').length <= before + 2);
  });
});
