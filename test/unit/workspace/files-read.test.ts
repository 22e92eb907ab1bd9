import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { FILE_JSON_TYPE, fileStatSchema, filesAnswerSchema } from '../../../src/protocol/files.ts';
import { FilesHarness, reasonOf } from './files-harness.ts';

describe('reading files of the workspace', function () {
  this.timeout(120_000);
  const seat = new FilesHarness();

  describe('listing', () => {
    it('has folders first, then by name, with true sizes, times and modes', async () => {
      mkdirSync(seat.inRoot('zoo'));
      writeFileSync(seat.inRoot('b.txt'), 'hello');
      chmodSync(seat.inRoot('b.txt'), 0o640);
      utimesSync(seat.inRoot('b.txt'), 1e9, 1_234_567_890.5);
      writeFileSync(seat.inRoot('A'), '');
      symlinkSync('zoo', seat.inRoot('link-to-zoo'));
      symlinkSync('b.txt', seat.inRoot('link-to-b'));
      symlinkSync(seat.workspace.outside, seat.inRoot('link-outside'));
      execFileSync('mkfifo', [seat.inRoot('pipe')]);
      const { files } = filesAnswerSchema.parse((await seat.call('GET', '/files')).json());
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
      mkdirSync(seat.inRoot('a b', 'c'), { recursive: true });
      writeFileSync(seat.inRoot('a b', 'c', 'x'), '');
      for (const path of ['/files?path=a%20b%2Fc', '/files?path=a+b/c', '/files/a%20b/c/']) {
        const { files } = filesAnswerSchema.parse((await seat.call('GET', path)).json());
        assert.deepEqual(
          files.map((file) => file.path),
          ['a b/c/x'],
          path,
        );
      }
      for (const path of ['/files', '/files/', '/files?path=', '/files?path=/', '/files?path=.']) {
        const { files } = filesAnswerSchema.parse((await seat.call('GET', path)).json());
        assert.deepEqual(
          files.map((file) => file.path),
          ['a b'],
          path,
        );
      }
    });

    it('refuses files, and what is not there', async () => {
      writeFileSync(seat.inRoot('file'), '');
      assert.equal(reasonOf(await seat.refused('GET', '/files/file/', 409, 'CONFLICT')), 'not_a_directory');
      await seat.refused('GET', '/files?path=none', 404, 'NOT_FOUND');
      await seat.refused('GET', '/files?path=file/below', 409, 'CONFLICT');
    });
  });

  describe('reading', () => {
    it('gives the bytes, with their ETag, length and time', async () => {
      const bytes = randomBytes(300_000);
      writeFileSync(seat.inRoot('data'), bytes);
      const answer = await seat.call('GET', '/files/data');
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body, bytes);
      assert.match(answer.headers.etag!, /^"[0-9a-z-]+"$/);
      assert.equal(answer.headers['content-length'], '300000');
      assert.equal(answer.headers['last-modified'], statSync(seat.inRoot('data')).mtime.toUTCString());
      const head = await seat.call('HEAD', '/files/data');
      assert.equal(head.body.length, 0);
      assert.equal(head.headers['content-length'], '300000');
      assert.equal(head.headers.etag, answer.headers.etag);
      const stat = fileStatSchema.parse((await seat.call('GET', '/files/data?stat')).json());
      assert.equal(stat.etag, answer.headers.etag);
      assert.deepEqual([stat.file.size, stat.file.type, stat.file.path], [300_000, 'file', 'data']);
    });

    it('has another ETag for every version, even of the same length within the same millisecond', async () => {
      const tags = new Set<string>();
      for (let version = 0; version < 20; version++) {
        tags.add((await seat.put('/files/data', `version ${version % 10}`)).headers.etag!);
        utimesSync(seat.inRoot('data'), 1e9, 1e9);
      }
      assert.equal(tags.size, 20);
    });

    it('gives single ranges', async () => {
      writeFileSync(seat.inRoot('data'), '0123456789');
      const part = await seat.call('GET', '/files/data', { headers: { range: 'bytes=2-5' } });
      assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, '2345', 'bytes 2-5/10']);
      const end = await seat.call('GET', '/files/data', { headers: { range: 'bytes=-3' } });
      assert.deepEqual([end.status, end.text], [206, '789']);
      const behind = await seat.refused('GET', '/files/data', 416, 'INVALID_INPUT', {
        headers: { range: 'bytes=10-' },
      });
      assert.equal(behind.headers['content-range'], 'bytes */10');
      const several = await seat.call('GET', '/files/data', { headers: { range: 'bytes=0-1,4-5' } });
      assert.deepEqual([several.status, several.text], [200, '0123456789']);
      const stale = await seat.call('GET', '/files/data', { headers: { range: 'bytes=2-5', 'if-range': '"old"' } });
      assert.deepEqual([stale.status, stale.text], [200, '0123456789']);
    });

    it('answers 304 for a version that the client has, and 412 for one that it must have', async () => {
      writeFileSync(seat.inRoot('data'), 'x');
      const etag = (await seat.call('GET', '/files/data')).headers.etag!;
      const same = await seat.call('GET', '/files/data', { headers: { 'if-none-match': etag } });
      assert.deepEqual([same.status, same.text, same.headers.etag], [304, '', etag]);
      assert.equal((await seat.call('GET', '/files/data', { headers: { 'if-none-match': '"old"' } })).status, 200);
      await seat.refused('GET', '/files/data', 412, 'CHANGED', { headers: { 'if-match': '"old"' } });
    });

    it('wraps a file in JSON, as text only where it is UTF-8', async () => {
      const read = async () => (await seat.call('GET', '/files/data', { headers: { accept: FILE_JSON_TYPE } })).json();
      writeFileSync(seat.inRoot('data'), '\ufeffžluťoučký 🐚\n');
      assert.deepEqual(await read(), { content: '\ufeffžluťoučký 🐚\n', encoding: 'utf-8' });
      writeFileSync(seat.inRoot('data'), Buffer.from([0xff, 0x00, 0xc3]));
      assert.deepEqual(await read(), { content: '/wDD', encoding: 'base64' });
    });

    it('refuses folders, pipes and devices, and never waits for one', async () => {
      mkdirSync(seat.inRoot('folder'));
      execFileSync('mkfifo', [seat.inRoot('pipe')]);
      assert.equal(reasonOf(await seat.refused('GET', '/files/folder', 409, 'CONFLICT')), 'is_a_directory');
      assert.equal(reasonOf(await seat.refused('GET', '/files/pipe', 409, 'CONFLICT')), 'special_file');
      await seat.refused('PUT', '/files/pipe', 409, 'CONFLICT', { body: 'x' });
      await seat.refused('GET', '/files/none', 404, 'NOT_FOUND');
    });

    it('breaks off where the file gets shorter meanwhile, so that it does not look whole', async () => {
      writeFileSync(seat.inRoot('data'), Buffer.alloc(50_000_000));
      const sent = request({ socketPath: seat.workspace.filesSocket, path: '/files/data' });
      sent.end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.pause();
      writeFileSync(seat.inRoot('data'), 'short');
      response.resume();
      await assert.rejects(once(response, 'end'), /aborted/);
    });
  });

  describe('refusals', () => {
    it('have the form of all errors, with the id of the request', async () => {
      const answer = await seat.call('GET', '/files/none', { headers: { 'x-request-id': 'request-7' } });
      assert.deepEqual(answer.json(), {
        error: { code: 'NOT_FOUND', message: '"none" does not exist.', request_id: 'request-7' },
      });
      assert.equal(answer.headers['x-request-id'], 'request-7');
      assert.match(answer.headers['content-type']!, /^application\/json/);
    });

    it('meet unknown fields, operations and methods', async () => {
      writeFileSync(seat.inRoot('x'), '');
      for (const query of ['recursive=1', 'stat=no', 'stat&stat', 'path=x'])
        await seat.refused('GET', `/files/x?${query}`, 400, 'INVALID_INPUT');
      await seat.refused('GET', '/files?stat', 400, 'INVALID_INPUT');
      await seat.refused('DELETE', '/files/x?force=1', 400, 'INVALID_INPUT');
      await seat.refused('PUT', '/files/x?append=1', 400, 'INVALID_INPUT', { body: '' });
      for (const query of [
        '',
        'op=',
        'op=chmod',
        'op=move',
        'op=mkdir&to=y',
        'op=move&to=y&overwrite=yes',
        'op=copy&to=%zz',
      ])
        await seat.refused('POST', `/files/x?${query}`, 400, 'INVALID_INPUT');
      const wrong = await seat.refused('PATCH', '/files/x', 405, 'INVALID_INPUT');
      assert.equal(wrong.headers.allow, 'GET, HEAD, PUT, DELETE, POST');
      await seat.refused('POST', '/files', 405, 'INVALID_INPUT');
      await seat.refused('GET', '/exec', 405, 'INVALID_INPUT');
      assert.deepEqual(readdirSync(seat.workspace.root), ['x']);
    });
  });
});
