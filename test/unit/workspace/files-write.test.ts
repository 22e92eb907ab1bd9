import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { FILE_JSON_TYPE, filesAnswerSchema } from '../../../src/protocol/files.ts';
import { errorOf, FilesHarness, reasonOf } from './files-harness.ts';
import { startWorkspace, until } from './support.ts';

describe('writing files of the workspace', function () {
  this.timeout(120_000);
  const seat = new FilesHarness();

  describe('writing', () => {
    it('makes a file and the folders above it, then replaces it', async () => {
      const bytes = randomBytes(1_000_000);
      const made = await seat.put('/files/a/b/c.bin', bytes);
      assert.equal(made.status, 201);
      assert.deepEqual(readFileSync(seat.inRoot('a/b/c.bin')), bytes);
      assert.equal((await seat.call('HEAD', '/files/a/b/c.bin')).headers.etag, made.headers.etag);
      const replaced = await seat.put('/files/a/b/c.bin', 'new');
      assert.equal(replaced.status, 204);
      assert.notEqual(replaced.headers.etag, made.headers.etag);
      assert.equal(readFileSync(seat.inRoot('a/b/c.bin'), 'utf8'), 'new');
      assert.deepEqual(readdirSync(seat.inRoot('a/b')), ['c.bin']);
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
        assert.equal((await seat.put(`/files/${encodeURIComponent(name)}`, name)).status, 201, name);
        assert.equal(readFileSync(seat.inRoot(name), 'utf8'), name);
        assert.equal((await seat.call('GET', `/files/${encodeURIComponent(name)}`)).text, name);
        assert.equal((await seat.call('DELETE', `/files/${encodeURIComponent(name)}`)).status, 204);
      }
      await seat.refused('PUT', `/files/${'x'.repeat(256)}`, 400, 'INVALID_INPUT', { body: '' });
    });

    it('unwraps JSON, strictly', async () => {
      const write = (value: unknown) =>
        seat.put('/files/data', JSON.stringify(value), { 'content-type': `${FILE_JSON_TYPE}; charset=utf-8` });
      assert.equal((await write({ content: 'žluťoučký', encoding: 'utf-8' })).status, 201);
      assert.equal(readFileSync(seat.inRoot('data'), 'utf8'), 'žluťoučký');
      assert.equal((await write({ content: '/wDD', encoding: 'base64' })).status, 204);
      assert.deepEqual(readFileSync(seat.inRoot('data')), Buffer.from([0xff, 0x00, 0xc3]));
      for (const wrong of [
        {},
        { content: 'x' },
        { content: 'x', encoding: 'latin1' },
        { content: 'x', encoding: 'utf-8', mode: 1 },
        { content: '/wD', encoding: 'base64' },
        { content: '@@@@', encoding: 'base64' },
        { content: '\ud800', encoding: 'utf-8' },
      ])
        assert.equal(errorOf(await write(wrong)).code, 'INVALID_INPUT', JSON.stringify(wrong));
      assert.equal(
        errorOf(await seat.put('/files/data', '{', { 'content-type': FILE_JSON_TYPE })).code,
        'INVALID_INPUT',
      );
      assert.deepEqual(readFileSync(seat.inRoot('data')), Buffer.from([0xff, 0x00, 0xc3]));
    });

    it('keeps the mode of what it replaces, and writes what a link leads to', async () => {
      writeFileSync(seat.inRoot('script'), 'old');
      chmodSync(seat.inRoot('script'), 0o750);
      symlinkSync('script', seat.inRoot('link'));
      symlinkSync('made', seat.inRoot('dangling'));
      assert.equal((await seat.put('/files/link', 'new')).status, 204);
      assert.equal(readFileSync(seat.inRoot('script'), 'utf8'), 'new');
      assert.equal(statSync(seat.inRoot('script')).mode & 0o7777, 0o750);
      assert.equal(readlinkSync(seat.inRoot('link')), 'script');
      assert.equal((await seat.put('/files/dangling', 'made')).status, 201);
      assert.equal(readFileSync(seat.inRoot('made'), 'utf8'), 'made');
    });

    it('does not change what other names of a file show', async () => {
      writeFileSync(seat.inRoot('one'), 'old');
      linkSync(seat.inRoot('one'), seat.inRoot('two'));
      await seat.put('/files/one', 'new');
      assert.equal(readFileSync(seat.inRoot('two'), 'utf8'), 'old');
    });

    it('writes only over the version that is named', async () => {
      const first = (await seat.put('/files/data', 'one')).headers.etag!;
      const second = (await seat.put('/files/data', 'two', { 'if-match': first })).headers.etag!;
      await seat.refused('PUT', '/files/data', 412, 'CHANGED', { body: 'x', headers: { 'if-match': first } });
      await seat.refused('PUT', '/files/data', 412, 'CHANGED', { body: 'x', headers: { 'if-none-match': '*' } });
      await seat.refused('PUT', '/files/none/none', 412, 'CHANGED', { body: 'x', headers: { 'if-match': second } });
      await seat.refused('DELETE', '/files/data', 412, 'CHANGED', { headers: { 'if-match': first } });
      assert.equal(readFileSync(seat.inRoot('data'), 'utf8'), 'two');
      assert.deepEqual(readdirSync(seat.workspace.root), ['data']);
      writeFileSync(seat.inRoot('data'), 'by the shell');
      await seat.refused('PUT', '/files/data', 412, 'CHANGED', { body: 'x', headers: { 'if-match': second } });
    });

    it('lets one of many win a race, and tells the others', async () => {
      const etag = (await seat.put('/files/data', 'start')).headers.etag!;
      const writers = Array.from({ length: 8 }, (_, index) =>
        seat.put('/files/data', `writer ${index}`, { 'if-match': etag }),
      );
      const makers = Array.from({ length: 8 }, (_, index) =>
        seat.put('/files/made', `maker ${index}`, { 'if-none-match': '*' }),
      );
      const written = (await Promise.all(writers)).map(({ status }) => status);
      const made = (await Promise.all(makers)).map(({ status }) => status);
      assert.deepEqual(written.toSorted(), [204, 412, 412, 412, 412, 412, 412, 412]);
      assert.deepEqual(made.toSorted(), [201, 412, 412, 412, 412, 412, 412, 412]);
      assert.equal(readFileSync(seat.inRoot('data'), 'utf8'), `writer ${written.indexOf(204)}`);
      assert.equal(readFileSync(seat.inRoot('made'), 'utf8'), `maker ${made.indexOf(201)}`);
    });

    it('checks the condition again when all has come', async () => {
      const etag = (await seat.put('/files/data', 'start')).headers.etag!;
      const slow = request({
        socketPath: seat.workspace.filesSocket,
        method: 'PUT',
        path: '/files/data',
        headers: { 'if-match': etag, 'content-length': 10 },
      });
      slow.write('12345');
      await until(() => readdirSync(seat.workspace.root).length === 2, 'the upload');
      assert.equal(filesAnswerSchema.parse((await seat.call('GET', '/files')).json()).files.length, 1);
      writeFileSync(seat.inRoot('data'), 'by the shell');
      slow.end('67890');
      const [response] = (await once(slow, 'response')) as [IncomingMessage];
      response.resume();
      assert.equal(response.statusCode, 412);
      assert.equal(readFileSync(seat.inRoot('data'), 'utf8'), 'by the shell');
      assert.deepEqual(readdirSync(seat.workspace.root), ['data']);
    });

    it('never shows a reader half a file', async () => {
      const contents = ['a', 'b'].map((letter) => letter.repeat(400_000));
      await seat.put('/files/data', contents[0]!);
      let writing = true;
      const write = async () => {
        for (let round = 0; round < 20; round++) await seat.put('/files/data', contents[round % 2]!);
        writing = false;
      };
      const read = async () => {
        while (writing)
          assert.ok(contents.includes((await seat.call('GET', '/files/data')).text), 'a mixture was read');
      };
      await Promise.all([write(), read(), read()]);
    });

    it('leaves nothing of an upload that breaks off', async () => {
      const socket = connect(seat.workspace.filesSocket);
      socket.write('PUT /files/new/folder/data HTTP/1.1\r\nHost: seat\r\nContent-Length: 1000000\r\n\r\n');
      socket.write(Buffer.alloc(400_000));
      const folder = seat.inRoot('new/folder');
      await until(() => existsSync(folder) && readdirSync(folder).length === 1, 'the upload');
      socket.destroy();
      await until(() => !existsSync(seat.inRoot('new')), 'its end');
      assert.deepEqual(readdirSync(seat.workspace.root), []);
    });

    it('refuses what is too large, by its length or once it is', async () => {
      await seat.workspace.stop();
      seat.workspace = await startWorkspace(undefined, { maxFileBytes: 1000 });
      await seat.refused('PUT', '/files/data', 413, 'TOO_LARGE', { body: Buffer.alloc(5_000_000) });
      const headers = { 'transfer-encoding': 'chunked' };
      await seat.refused('PUT', '/files/data', 413, 'TOO_LARGE', { body: Buffer.alloc(5_000_000), headers });
      const content = 'x'.repeat(1001);
      const body = JSON.stringify({ content, encoding: 'utf-8' });
      await seat.refused('PUT', '/files/data', 413, 'TOO_LARGE', { body, headers: { 'content-type': FILE_JSON_TYPE } });
      assert.deepEqual(readdirSync(seat.workspace.root), []);
      assert.equal((await seat.put('/files/data', Buffer.alloc(1000))).status, 201);
    });

    it('refuses folders, parts and encodings', async () => {
      mkdirSync(seat.inRoot('folder'));
      writeFileSync(seat.inRoot('file'), '');
      assert.equal(
        reasonOf(await seat.refused('PUT', '/files/folder', 409, 'CONFLICT', { body: 'x' })),
        'is_a_directory',
      );
      assert.equal(reasonOf(await seat.refused('PUT', '/files/', 409, 'CONFLICT', { body: 'x' })), 'is_a_directory');
      assert.equal(
        reasonOf(await seat.refused('PUT', '/files/file/x', 409, 'CONFLICT', { body: 'x' })),
        'not_a_directory',
      );
      await seat.refused('PUT', '/files/new/', 400, 'INVALID_INPUT', { body: 'x' });
      await seat.refused('PUT', '/files/new', 400, 'INVALID_INPUT', { headers: { 'content-range': 'bytes 0-0/1' } });
      await seat.refused('PUT', '/files/new', 400, 'INVALID_INPUT', { headers: { 'content-encoding': 'gzip' } });
      assert.deepEqual(readdirSync(seat.workspace.root).toSorted(), ['file', 'folder']);
    });
  });
});
