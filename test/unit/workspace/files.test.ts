import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { errorBodySchema } from '../../../src/protocol/errors.ts';
import { FILE_JSON_TYPE, fileStatSchema, filesAnswerSchema } from '../../../src/protocol/files.ts';
import { ask, askRaw, startWorkspace, until, type Answer, type TestWorkspace } from './support.ts';

const codeOf = (answer: Answer) => errorBodySchema.parse(answer.json()).error.code;
const reasonOf = (answer: Answer) => errorBodySchema.parse(answer.json()).error.details?.['reason'];

describe('the files of the workspace server', function () {
  this.timeout(30_000);
  let workspace: TestWorkspace;
  beforeEach(async () => {
    workspace = await startWorkspace();
  });
  afterEach(() => workspace.stop());
  const inRoot = (...names: string[]) => join(workspace.root, ...names);
  const call = (method: string, path: string, options?: Parameters<typeof ask>[3]) =>
    ask(workspace, method, path, options);
  const put = (path: string, body: string | Uint8Array, headers = {}) => call('PUT', path, { body, headers });
  const refused = async (
    method: string,
    path: string,
    status: number,
    code: string,
    options?: Parameters<typeof ask>[3],
  ) => {
    const answer = await call(method, path, options);
    assert.deepEqual([answer.status, codeOf(answer)], [status, code], `${method} ${path}: ${answer.text}`);
    return answer;
  };

  describe('listing', () => {
    it('has folders first, then by name, with true sizes, times and modes', async () => {
      mkdirSync(inRoot('zoo'));
      writeFileSync(inRoot('b.txt'), 'hello');
      chmodSync(inRoot('b.txt'), 0o640);
      utimesSync(inRoot('b.txt'), 1e9, 1_234_567_890.5);
      writeFileSync(inRoot('A'), '');
      symlinkSync('zoo', inRoot('link-to-zoo'));
      symlinkSync('b.txt', inRoot('link-to-b'));
      symlinkSync(workspace.outside, inRoot('link-outside'));
      execFileSync('mkfifo', [inRoot('pipe')]);
      const { files } = filesAnswerSchema.parse((await call('GET', '/files')).json());
      assert.deepEqual(
        files.map(({ name, type, is_directory }) => [name, type, is_directory]),
        [
          ['link-to-zoo', 'symlink', true],
          ['zoo', 'directory', true],
          ['A', 'file', false],
          ['b.txt', 'file', false],
          ['link-outside', 'symlink', false],
          ['link-to-b', 'symlink', false],
          ['pipe', 'other', false],
        ],
      );
      const entry = files.find(({ name }) => name === 'b.txt');
      const told = { name: 'b.txt', path: 'b.txt', type: 'file', is_directory: false, size: 5, mode: '0640' };
      assert.deepEqual(entry, { ...told, modified_at: '2009-02-13T23:31:30.500Z' });
      assert.equal(files.find(({ name }) => name === 'link-to-b')?.size, 5);
    });

    it('works by query and by a slash at the end, with paths from the root', async () => {
      mkdirSync(inRoot('a b', 'c'), { recursive: true });
      writeFileSync(inRoot('a b', 'c', 'x'), '');
      for (const path of ['/files?path=a%20b%2Fc', '/files?path=a+b/c', '/files/a%20b/c/']) {
        const { files } = filesAnswerSchema.parse((await call('GET', path)).json());
        assert.deepEqual(
          files.map((file) => file.path),
          ['a b/c/x'],
          path,
        );
      }
      for (const path of ['/files', '/files/', '/files?path=', '/files?path=/', '/files?path=.']) {
        const { files } = filesAnswerSchema.parse((await call('GET', path)).json());
        assert.deepEqual(
          files.map((file) => file.path),
          ['a b'],
          path,
        );
      }
    });

    it('refuses files, and what is not there', async () => {
      writeFileSync(inRoot('file'), '');
      assert.equal(reasonOf(await refused('GET', '/files/file/', 409, 'CONFLICT')), 'not_a_directory');
      await refused('GET', '/files?path=none', 404, 'NOT_FOUND');
      await refused('GET', '/files?path=file/below', 409, 'CONFLICT');
    });
  });

  describe('reading', () => {
    it('gives the bytes, with their ETag, length and time', async () => {
      const bytes = randomBytes(300_000);
      writeFileSync(inRoot('data'), bytes);
      const answer = await call('GET', '/files/data');
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body, bytes);
      assert.match(answer.headers.etag!, /^"[0-9a-z-]+"$/);
      assert.equal(answer.headers['content-length'], '300000');
      assert.equal(answer.headers['last-modified'], statSync(inRoot('data')).mtime.toUTCString());
      const head = await call('HEAD', '/files/data');
      assert.equal(head.body.length, 0);
      assert.equal(head.headers['content-length'], '300000');
      assert.equal(head.headers.etag, answer.headers.etag);
      const stat = fileStatSchema.parse((await call('GET', '/files/data?stat')).json());
      assert.equal(stat.etag, answer.headers.etag);
      assert.deepEqual([stat.file.size, stat.file.type, stat.file.path], [300_000, 'file', 'data']);
    });

    it('has another ETag for every version, even of the same length within the same millisecond', async () => {
      const tags = new Set<string>();
      for (let version = 0; version < 20; version++) {
        tags.add((await put('/files/data', `version ${version % 10}`)).headers.etag!);
        utimesSync(inRoot('data'), 1e9, 1e9);
      }
      assert.equal(tags.size, 20);
    });

    it('gives single ranges', async () => {
      writeFileSync(inRoot('data'), '0123456789');
      const part = await call('GET', '/files/data', { headers: { range: 'bytes=2-5' } });
      assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, '2345', 'bytes 2-5/10']);
      const end = await call('GET', '/files/data', { headers: { range: 'bytes=-3' } });
      assert.deepEqual([end.status, end.text], [206, '789']);
      const behind = await refused('GET', '/files/data', 416, 'INVALID_INPUT', { headers: { range: 'bytes=10-' } });
      assert.equal(behind.headers['content-range'], 'bytes */10');
      const several = await call('GET', '/files/data', { headers: { range: 'bytes=0-1,4-5' } });
      assert.deepEqual([several.status, several.text], [200, '0123456789']);
      const stale = await call('GET', '/files/data', { headers: { range: 'bytes=2-5', 'if-range': '"old"' } });
      assert.deepEqual([stale.status, stale.text], [200, '0123456789']);
    });

    it('answers 304 for a version that the client has, and 412 for one that it must have', async () => {
      writeFileSync(inRoot('data'), 'x');
      const etag = (await call('GET', '/files/data')).headers.etag!;
      const same = await call('GET', '/files/data', { headers: { 'if-none-match': etag } });
      assert.deepEqual([same.status, same.text, same.headers.etag], [304, '', etag]);
      assert.equal((await call('GET', '/files/data', { headers: { 'if-none-match': '"old"' } })).status, 200);
      await refused('GET', '/files/data', 412, 'CHANGED', { headers: { 'if-match': '"old"' } });
    });

    it('wraps a file in JSON, as text only where it is UTF-8', async () => {
      const read = async () => (await call('GET', '/files/data', { headers: { accept: FILE_JSON_TYPE } })).json();
      writeFileSync(inRoot('data'), '\ufeffžluťoučký 🐚\n');
      assert.deepEqual(await read(), { content: '\ufeffžluťoučký 🐚\n', encoding: 'utf-8' });
      writeFileSync(inRoot('data'), Buffer.from([0xff, 0x00, 0xc3]));
      assert.deepEqual(await read(), { content: '/wDD', encoding: 'base64' });
    });

    it('refuses folders, pipes and devices, and never waits for one', async () => {
      mkdirSync(inRoot('folder'));
      execFileSync('mkfifo', [inRoot('pipe')]);
      assert.equal(reasonOf(await refused('GET', '/files/folder', 409, 'CONFLICT')), 'is_a_directory');
      assert.equal(reasonOf(await refused('GET', '/files/pipe', 409, 'CONFLICT')), 'special_file');
      await refused('PUT', '/files/pipe', 409, 'CONFLICT', { body: 'x' });
      await refused('GET', '/files/none', 404, 'NOT_FOUND');
    });

    it('breaks off where the file gets shorter meanwhile, so that it does not look whole', async () => {
      writeFileSync(inRoot('data'), Buffer.alloc(50_000_000));
      const sent = request({ socketPath: workspace.filesSocket, path: '/files/data' });
      sent.end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.pause();
      writeFileSync(inRoot('data'), 'short');
      response.resume();
      await assert.rejects(once(response, 'end'), /aborted/);
    });
  });

  describe('writing', () => {
    it('makes a file and the folders above it, then replaces it', async () => {
      const bytes = randomBytes(1_000_000);
      const made = await put('/files/a/b/c.bin', bytes);
      assert.equal(made.status, 201);
      assert.deepEqual(readFileSync(inRoot('a/b/c.bin')), bytes);
      assert.equal((await call('HEAD', '/files/a/b/c.bin')).headers.etag, made.headers.etag);
      const replaced = await put('/files/a/b/c.bin', 'new');
      assert.equal(replaced.status, 204);
      assert.notEqual(replaced.headers.etag, made.headers.etag);
      assert.equal(readFileSync(inRoot('a/b/c.bin'), 'utf8'), 'new');
      assert.deepEqual(readdirSync(inRoot('a/b')), ['c.bin']);
    });

    it('takes any name', async () => {
      for (const name of [
        'a b',
        '#1',
        '100%',
        '🐚',
        'line\nbreak',
        'back\\slash',
        '..hidden',
        '%2e%2e',
        '+',
        '?',
        '-rf',
      ]) {
        assert.equal((await put(`/files/${encodeURIComponent(name)}`, name)).status, 201, name);
        assert.equal(readFileSync(inRoot(name), 'utf8'), name);
        assert.equal((await call('GET', `/files/${encodeURIComponent(name)}`)).text, name);
        assert.equal((await call('DELETE', `/files/${encodeURIComponent(name)}`)).status, 204);
      }
      await refused('PUT', `/files/${'x'.repeat(256)}`, 400, 'INVALID_INPUT', { body: '' });
    });

    it('unwraps JSON, strictly', async () => {
      const write = (value: unknown) =>
        put('/files/data', JSON.stringify(value), { 'content-type': `${FILE_JSON_TYPE}; charset=utf-8` });
      assert.equal((await write({ content: 'žluťoučký', encoding: 'utf-8' })).status, 201);
      assert.equal(readFileSync(inRoot('data'), 'utf8'), 'žluťoučký');
      assert.equal((await write({ content: '/wDD', encoding: 'base64' })).status, 204);
      assert.deepEqual(readFileSync(inRoot('data')), Buffer.from([0xff, 0x00, 0xc3]));
      for (const wrong of [
        {},
        { content: 'x' },
        { content: 'x', encoding: 'latin1' },
        { content: 'x', encoding: 'utf-8', mode: 1 },
        { content: '/wD', encoding: 'base64' },
        { content: '@@@@', encoding: 'base64' },
        { content: '\ud800', encoding: 'utf-8' },
      ])
        assert.equal(codeOf(await write(wrong)), 'INVALID_INPUT', JSON.stringify(wrong));
      assert.equal(codeOf(await put('/files/data', '{', { 'content-type': FILE_JSON_TYPE })), 'INVALID_INPUT');
      assert.deepEqual(readFileSync(inRoot('data')), Buffer.from([0xff, 0x00, 0xc3]));
    });

    it('keeps the mode of what it replaces, and writes what a link leads to', async () => {
      writeFileSync(inRoot('script'), 'old');
      chmodSync(inRoot('script'), 0o750);
      symlinkSync('script', inRoot('link'));
      symlinkSync('made', inRoot('dangling'));
      assert.equal((await put('/files/link', 'new')).status, 204);
      assert.equal(readFileSync(inRoot('script'), 'utf8'), 'new');
      assert.equal(statSync(inRoot('script')).mode & 0o7777, 0o750);
      assert.equal(readlinkSync(inRoot('link')), 'script');
      assert.equal((await put('/files/dangling', 'made')).status, 201);
      assert.equal(readFileSync(inRoot('made'), 'utf8'), 'made');
    });

    it('does not change what other names of a file show', async () => {
      writeFileSync(inRoot('one'), 'old');
      linkSync(inRoot('one'), inRoot('two'));
      await put('/files/one', 'new');
      assert.equal(readFileSync(inRoot('two'), 'utf8'), 'old');
    });

    it('writes only over the version that is named', async () => {
      const first = (await put('/files/data', 'one')).headers.etag!;
      const second = (await put('/files/data', 'two', { 'if-match': first })).headers.etag!;
      await refused('PUT', '/files/data', 412, 'CHANGED', { body: 'x', headers: { 'if-match': first } });
      await refused('PUT', '/files/data', 412, 'CHANGED', { body: 'x', headers: { 'if-none-match': '*' } });
      await refused('PUT', '/files/none/none', 412, 'CHANGED', { body: 'x', headers: { 'if-match': second } });
      await refused('DELETE', '/files/data', 412, 'CHANGED', { headers: { 'if-match': first } });
      assert.equal(readFileSync(inRoot('data'), 'utf8'), 'two');
      assert.deepEqual(readdirSync(workspace.root), ['data']);
      writeFileSync(inRoot('data'), 'by the shell');
      await refused('PUT', '/files/data', 412, 'CHANGED', { body: 'x', headers: { 'if-match': second } });
    });

    it('lets one of many win a race, and tells the others', async () => {
      const etag = (await put('/files/data', 'start')).headers.etag!;
      const writers = Array.from({ length: 8 }, (_, index) =>
        put('/files/data', `writer ${index}`, { 'if-match': etag }),
      );
      const makers = Array.from({ length: 8 }, (_, index) =>
        put('/files/made', `maker ${index}`, { 'if-none-match': '*' }),
      );
      const written = (await Promise.all(writers)).map(({ status }) => status);
      const made = (await Promise.all(makers)).map(({ status }) => status);
      assert.deepEqual(written.toSorted(), [204, 412, 412, 412, 412, 412, 412, 412]);
      assert.deepEqual(made.toSorted(), [201, 412, 412, 412, 412, 412, 412, 412]);
      assert.equal(readFileSync(inRoot('data'), 'utf8'), `writer ${written.indexOf(204)}`);
      assert.equal(readFileSync(inRoot('made'), 'utf8'), `maker ${made.indexOf(201)}`);
    });

    it('checks the condition again when all has come', async () => {
      const etag = (await put('/files/data', 'start')).headers.etag!;
      const slow = request({
        socketPath: workspace.filesSocket,
        method: 'PUT',
        path: '/files/data',
        headers: { 'if-match': etag, 'content-length': 10 },
      });
      slow.write('12345');
      await until(() => readdirSync(workspace.root).length === 2, 'the upload');
      assert.equal(filesAnswerSchema.parse((await call('GET', '/files')).json()).files.length, 1);
      writeFileSync(inRoot('data'), 'by the shell');
      slow.end('67890');
      const [response] = (await once(slow, 'response')) as [IncomingMessage];
      response.resume();
      assert.equal(response.statusCode, 412);
      assert.equal(readFileSync(inRoot('data'), 'utf8'), 'by the shell');
      assert.deepEqual(readdirSync(workspace.root), ['data']);
    });

    it('never shows a reader half a file', async () => {
      const contents = ['a', 'b'].map((letter) => letter.repeat(400_000));
      await put('/files/data', contents[0]!);
      let writing = true;
      const write = async () => {
        for (let round = 0; round < 20; round++) await put('/files/data', contents[round % 2]!);
        writing = false;
      };
      const read = async () => {
        while (writing) assert.ok(contents.includes((await call('GET', '/files/data')).text), 'a mixture was read');
      };
      await Promise.all([write(), read(), read()]);
    });

    it('leaves nothing of an upload that breaks off', async () => {
      const socket = connect(workspace.filesSocket);
      socket.write('PUT /files/new/folder/data HTTP/1.1\r\nHost: seat\r\nContent-Length: 1000000\r\n\r\n');
      socket.write(Buffer.alloc(400_000));
      const folder = inRoot('new/folder');
      await until(() => existsSync(folder) && readdirSync(folder).length === 1, 'the upload');
      socket.destroy();
      await until(() => !existsSync(inRoot('new')), 'its end');
      assert.deepEqual(readdirSync(workspace.root), []);
    });

    it('refuses what is too large, by its length or once it is', async () => {
      await workspace.stop();
      workspace = await startWorkspace(undefined, { maxFileBytes: 1000 });
      await refused('PUT', '/files/data', 413, 'TOO_LARGE', { body: Buffer.alloc(5_000_000) });
      const headers = { 'transfer-encoding': 'chunked' };
      await refused('PUT', '/files/data', 413, 'TOO_LARGE', { body: Buffer.alloc(5_000_000), headers });
      const content = 'x'.repeat(1001);
      const body = JSON.stringify({ content, encoding: 'utf-8' });
      await refused('PUT', '/files/data', 413, 'TOO_LARGE', { body, headers: { 'content-type': FILE_JSON_TYPE } });
      assert.deepEqual(readdirSync(workspace.root), []);
      assert.equal((await put('/files/data', Buffer.alloc(1000))).status, 201);
    });

    it('refuses folders, parts and encodings', async () => {
      mkdirSync(inRoot('folder'));
      writeFileSync(inRoot('file'), '');
      assert.equal(reasonOf(await refused('PUT', '/files/folder', 409, 'CONFLICT', { body: 'x' })), 'is_a_directory');
      assert.equal(reasonOf(await refused('PUT', '/files/', 409, 'CONFLICT', { body: 'x' })), 'is_a_directory');
      assert.equal(reasonOf(await refused('PUT', '/files/file/x', 409, 'CONFLICT', { body: 'x' })), 'not_a_directory');
      await refused('PUT', '/files/new/', 400, 'INVALID_INPUT', { body: 'x' });
      await refused('PUT', '/files/new', 400, 'INVALID_INPUT', { headers: { 'content-range': 'bytes 0-0/1' } });
      await refused('PUT', '/files/new', 400, 'INVALID_INPUT', { headers: { 'content-encoding': 'gzip' } });
      assert.deepEqual(readdirSync(workspace.root).toSorted(), ['file', 'folder']);
    });
  });

  describe('changing', () => {
    it('makes folders, and says where something is already', async () => {
      const made = await call('POST', '/files/a/b%20c/?op=mkdir');
      assert.equal(made.status, 201);
      assert.equal(fileStatSchema.parse(made.json()).file.path, 'a/b c');
      assert.equal(statSync(inRoot('a/b c')).isDirectory(), true);
      assert.equal(reasonOf(await refused('POST', '/files/a?op=mkdir', 409, 'CONFLICT')), 'exists');
      await refused('POST', '/files/?op=mkdir', 409, 'CONFLICT');
    });

    it('moves files and folders, and makes the folders above the target', async () => {
      mkdirSync(inRoot('from'));
      writeFileSync(inRoot('from/x'), 'x');
      const moved = await call('POST', '/files/from?op=move&to=deep/er/to');
      assert.equal(moved.status, 201);
      assert.equal(fileStatSchema.parse(moved.json()).file.path, 'deep/er/to');
      assert.equal(readFileSync(inRoot('deep/er/to/x'), 'utf8'), 'x');
      assert.equal(existsSync(inRoot('from')), false);
      assert.equal((await call('POST', '/files/deep/er/to/x?op=move&to=a%20b')).status, 201);
      assert.equal(readFileSync(inRoot('a b'), 'utf8'), 'x');
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
            if (kind === 'folder') mkdirSync(inRoot(name));
            writeFileSync(kind === 'folder' ? inRoot(name, 'content') : inRoot(name), name);
          };
          make('one', from);
          make('two', to);
          const query = `op=${operation}&to=two`;
          assert.equal(reasonOf(await refused('POST', `/files/one?${query}`, 409, 'CONFLICT')), 'exists');
          assert.equal((await call('POST', `/files/one?${query}&overwrite=true`)).status, 200);
          const content = from === 'folder' ? inRoot('two', 'content') : inRoot('two');
          assert.equal(readFileSync(content, 'utf8'), 'one');
          assert.deepEqual(readdirSync(workspace.root).toSorted(), operation === 'move' ? ['two'] : ['one', 'two']);
          for (const name of readdirSync(workspace.root)) await call('DELETE', `/files/${name}`);
        }
      }
    });

    it('copies folders with modes, and links as links', async () => {
      mkdirSync(inRoot('from/empty'), { recursive: true });
      writeFileSync(inRoot('from/script'), 'x');
      chmodSync(inRoot('from/script'), 0o751);
      chmodSync(inRoot('from/empty'), 0o700);
      symlinkSync(workspace.outside, inRoot('from/link'));
      assert.equal((await call('POST', '/files/from?op=copy&to=to')).status, 201);
      assert.equal(statSync(inRoot('to/script')).mode & 0o7777, 0o751);
      assert.equal(statSync(inRoot('to/empty')).mode & 0o7777, 0o700);
      assert.equal(readlinkSync(inRoot('to/link')), workspace.outside);
      assert.equal(readFileSync(inRoot('from/script'), 'utf8'), 'x');
    });

    it('refuses to put a folder into itself or over what it is in, and leaves all as it was', async () => {
      mkdirSync(inRoot('a/b'), { recursive: true });
      writeFileSync(inRoot('a/b/x'), 'x');
      for (const operation of ['move', 'copy']) {
        for (const [from, to] of [
          ['a', 'a/b/c'],
          ['a/b', 'a'],
        ] as const) {
          const path = `/files/${from}?op=${operation}&to=${to}&overwrite=true`;
          assert.equal(reasonOf(await refused('POST', path, 409, 'CONFLICT')), 'inside_itself');
        }
        assert.equal((await call('POST', `/files/a?op=${operation}&to=a&overwrite=true`)).status, 200);
        await refused('POST', `/files/a?op=${operation}&to=a`, 409, 'CONFLICT');
      }
      assert.equal(readFileSync(inRoot('a/b/x'), 'utf8'), 'x');
    });

    it('leaves nothing of a copy that fails', async () => {
      mkdirSync(inRoot('from'));
      writeFileSync(inRoot('from/a'), 'a');
      execFileSync('mkfifo', [inRoot('from/pipe')]);
      assert.equal(reasonOf(await refused('POST', '/files/from?op=copy&to=new/to', 409, 'CONFLICT')), 'special_file');
      assert.deepEqual(readdirSync(workspace.root), ['from']);
    });

    it('deletes files, links themselves, and folders with all that is in them', async () => {
      mkdirSync(inRoot('folder/deep'), { recursive: true });
      writeFileSync(inRoot('folder/deep/x'), '');
      writeFileSync(join(workspace.outside, 'kept'), '');
      symlinkSync(workspace.outside, inRoot('folder/link'));
      symlinkSync(workspace.outside, inRoot('link'));
      assert.equal((await call('DELETE', '/files/link')).status, 204);
      assert.equal((await call('DELETE', '/files/folder')).status, 204);
      assert.deepEqual(readdirSync(workspace.root), []);
      assert.deepEqual(readdirSync(workspace.outside), ['kept']);
      await refused('DELETE', '/files/folder', 404, 'NOT_FOUND');
      await refused('DELETE', '/files/folder/below', 404, 'NOT_FOUND');
    });

    it('never touches the workspace folder itself', async () => {
      writeFileSync(inRoot('x'), '');
      for (const path of ['/files/', '/files/.', '/files/%2e', '/files/./'])
        await refused('DELETE', path, 403, 'FORBIDDEN');
      await refused('POST', '/files/?op=move&to=elsewhere', 403, 'FORBIDDEN');
      await refused('POST', '/files/?op=copy&to=elsewhere', 403, 'FORBIDDEN');
      await refused('POST', '/files/x?op=move&to=&overwrite=true', 403, 'FORBIDDEN');
      assert.deepEqual(readdirSync(workspace.root), ['x']);
    });
  });

  describe('staying inside', () => {
    const raw = async (method: string, target: string) => {
      const body = method === 'PUT' ? 'Content-Length: 3\r\n\r\nbad' : '\r\n';
      const answer = await askRaw(
        workspace.filesSocket,
        `${method} ${target} HTTP/1.1\r\nHost: seat\r\nConnection: close\r\n${body}`,
      );
      return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
    };

    it('refuses every path that leads out, with every method, as raw bytes', async () => {
      writeFileSync(join(workspace.outside, 'secret'), 'secret');
      symlinkSync(workspace.outside, inRoot('link'));
      symlinkSync('../outside/secret', inRoot('file-link'));
      mkdirSync(inRoot('a'));
      const ways = [
        '..',
        '../outside/secret',
        '%2e%2e/outside/secret',
        'a/../../outside/secret',
        '.%2e/outside/secret',
      ];
      const more = ['%2E%2E%2foutside%2fsecret', '/etc/passwd', '%2fetc%2fpasswd', 'a%00b', 'link/secret', 'a/..'];
      for (const way of [...ways, ...more]) {
        for (const method of ['GET', 'HEAD', 'PUT', 'DELETE'])
          assert.equal(await raw(method, `/files/${way}`), 403, `${method} ${way}`);
        for (const query of ['op=mkdir', 'op=move&to=stolen', 'op=copy&to=stolen'])
          assert.equal(await raw('POST', `/files/${way}?${query}`), 403, `POST ${way} ${query}`);
        assert.equal(await raw('GET', `/files/${way}?stat`), 403, `stat ${way}`);
        const encoded = encodeURIComponent(decodeURIComponent(way));
        assert.equal(await raw('GET', `/files?path=${encoded}`), 403, `list ${way}`);
        assert.equal(await raw('POST', `/files/a?op=move&to=${encoded}&overwrite=true`), 403, `move to ${way}`);
        assert.equal(await raw('POST', `/files/a?op=copy&to=${encoded}&overwrite=true`), 403, `copy to ${way}`);
      }
      for (const target of ['/files/file-link', '/files/file-link?stat', '/files/link/', '/files?path=link'])
        assert.equal(await raw('GET', target), 403, target);
      assert.equal(await raw('PUT', '/files/file-link'), 403);
      assert.deepEqual(readdirSync(workspace.root).toSorted(), ['a', 'file-link', 'link']);
      assert.equal(readFileSync(join(workspace.outside, 'secret'), 'utf8'), 'secret');
      assert.deepEqual(readdirSync(workspace.outside), ['secret']);
    });

    it('takes a backslash and a double encoding as plain names', async () => {
      for (const name of ['..%5c..%5cetc%5cpasswd', '%252e%252e', '%252fetc'])
        assert.equal(await raw('GET', `/files/${name}`), 404);
    });

    it('refuses a broken encoding, an address of another server, and what is no call', async () => {
      assert.equal(await raw('GET', '/files/%'), 400);
      assert.equal(await raw('GET', '/files/%c0%ae%c0%ae/etc'), 400);
      assert.equal(await raw('GET', 'http://seat/files/x'), 403);
      assert.equal(await raw('GET', '/../files/x'), 404);
      assert.equal(await raw('GET', '/filesx'), 404);
      assert.equal(await raw('GET', '/'), 404);
    });

    it('moves and deletes a link that leads outside as what it is', async () => {
      symlinkSync(workspace.outside, inRoot('link'));
      assert.equal(await raw('POST', '/files/link?op=move&to=moved'), 201);
      assert.equal(await raw('POST', '/files/moved?op=copy&to=copied'), 201);
      assert.equal(await raw('DELETE', '/files/copied'), 204);
      assert.equal(lstatSync(inRoot('moved')).isSymbolicLink(), true);
      assert.equal(await raw('DELETE', '/files/moved'), 204);
      assert.deepEqual(readdirSync(workspace.root), []);
    });

    it('is not led astray by a link that changes all the time', async () => {
      writeFileSync(join(workspace.outside, 'secret'), 'secret');
      mkdirSync(inRoot('inside'));
      writeFileSync(inRoot('inside/secret'), 'harmless');
      // Two links that take turns under one name, each put there by an atomic rename.
      const script = 'chdir shift; while (1) { for (qw(inside ../outside)) { symlink $_, "n"; rename "n", "way" } }';
      const swapper = spawn('/usr/bin/perl', ['-e', script, workspace.root], { stdio: 'ignore' });
      try {
        const seen = new Set<string>();
        for (let round = 0; round < 100; round++) {
          const answer = await call('GET', '/files/way/secret');
          seen.add(answer.status === 200 ? answer.text : String(answer.status));
          await put('/files/way/written', 'x');
        }
        assert.equal(seen.has('secret'), false);
        assert.ok(seen.has('harmless') && seen.has('403'), [...seen].join());
        assert.deepEqual(readdirSync(workspace.outside), ['secret']);
      } finally {
        swapper.kill('SIGKILL');
        await once(swapper, 'close');
      }
    });
  });

  describe('refusals', () => {
    it('have the form of all errors, with the id of the request', async () => {
      const answer = await call('GET', '/files/none', { headers: { 'x-request-id': 'request-7' } });
      assert.deepEqual(answer.json(), {
        error: { code: 'NOT_FOUND', message: '"none" does not exist.', request_id: 'request-7' },
      });
      assert.equal(answer.headers['x-request-id'], 'request-7');
      assert.match(answer.headers['content-type']!, /^application\/json/);
    });

    it('meet unknown fields, operations and methods', async () => {
      writeFileSync(inRoot('x'), '');
      for (const query of ['recursive=1', 'stat=no', 'stat&stat', 'path=x'])
        await refused('GET', `/files/x?${query}`, 400, 'INVALID_INPUT');
      await refused('GET', '/files?stat', 400, 'INVALID_INPUT');
      await refused('DELETE', '/files/x?force=1', 400, 'INVALID_INPUT');
      await refused('PUT', '/files/x?append=1', 400, 'INVALID_INPUT', { body: '' });
      for (const query of [
        '',
        'op=',
        'op=chmod',
        'op=move',
        'op=mkdir&to=y',
        'op=move&to=y&overwrite=yes',
        'op=copy&to=%zz',
      ])
        await refused('POST', `/files/x?${query}`, 400, 'INVALID_INPUT');
      const wrong = await refused('PATCH', '/files/x', 405, 'INVALID_INPUT');
      assert.equal(wrong.headers.allow, 'GET, HEAD, PUT, DELETE, POST');
      await refused('POST', '/files', 405, 'INVALID_INPUT');
      await refused('GET', '/exec', 405, 'INVALID_INPUT');
      assert.deepEqual(readdirSync(workspace.root), ['x']);
    });
  });
});
