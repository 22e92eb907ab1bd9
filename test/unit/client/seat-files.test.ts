import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { SeatFiles } from '../../../src/client/seat-files.ts';
import { ChangedError, InvalidInputError } from '../../../src/protocol/errors.ts';
import { serve, type TestServer } from './servers.ts';

/** A server that keeps bytes under the raw target of the request. */
describe('SeatFiles', () => {
  let server: TestServer;
  let files: SeatFiles;
  const kept = new Map<string, Buffer>();
  const log: string[] = [];

  beforeEach(async () => {
    kept.clear();
    log.length = 0;
    server = await serve((request, response) => {
      const target = request.url ?? '';
      log.push(`${request.method ?? ''} ${target}`);
      void request.toArray().then((chunks) => {
        const body = Buffer.concat(chunks as Buffer[]);
        if (request.headers['if-none-match'] === '*' && kept.has(target)) {
          response.writeHead(412).end('{"error":{"code":"CHANGED","message":"There is one."}}');
        } else if (request.method === 'PUT') {
          kept.set(target, body);
          response.writeHead(204, { etag: `"${body.length}"` }).end();
        } else if (request.method === 'GET' && kept.has(target)) {
          response.writeHead(200, { etag: '"e"' }).end(kept.get(target));
        } else {
          response.writeHead(request.method === 'GET' ? 404 : 204).end();
        }
      });
    });
    files = new SeatFiles({
      access: { endpoint: server.url, token: 't', expires_at: '2030-01-01T00:00:00Z' },
      workshopId: 'ws-1',
      seat: 3,
    });
  });
  afterEach(() => server.close());

  it('sends any name so that it arrives as it is', async () => {
    const names = ['a#b', '100%', '%2e%2e', 'a b', '💥é', 'new\nline', '?x=1', "it's", 'back\\slash', '..', 'a&b=c'];
    for (const name of names) {
      const bytes = Buffer.from(name);
      await files.write(`dir/${name}`, bytes);
      assert.deepEqual((await files.read(`dir/${name}`)).bytes, bytes);
      const encoded = [...kept.keys()].at(-1)!;
      assert.ok(encoded.startsWith('/proxy/ws-1/3/files/dir/'));
      assert.equal(decodeURIComponent(encoded.slice('/proxy/ws-1/3/files/dir/'.length)), name);
    }
    assert.equal(kept.size, names.length);
    await assert.rejects(files.read('\ud800'), InvalidInputError);
  });

  it('names both ends of a move or a copy, and whether to replace', async () => {
    await files.move('a b', 'c&d', { overwrite: false });
    await files.copy('x', 'y', { overwrite: true });
    await files.makeFolder('new/dir');
    await files.remove('old');
    assert.deepEqual(log, [
      'POST /proxy/ws-1/3/files/a%20b?op=move&to=c%26d',
      'POST /proxy/ws-1/3/files/x?op=copy&to=y&overwrite=true',
      'POST /proxy/ws-1/3/files/new/dir?op=mkdir',
      'DELETE /proxy/ws-1/3/files/old',
    ]);
  });

  it('writes under a condition', async () => {
    const { etag } = await files.write('one', Buffer.from('1'), { ifNoneMatch: '*' });
    assert.equal(etag, '"1"');
    await assert.rejects(files.write('one', Buffer.from('2'), { ifNoneMatch: '*' }), ChangedError);
  });

  it('streams large files both ways', async () => {
    const size = 8 * 1024 * 1024;
    const chunk = Buffer.alloc(65_536, 'carapace');
    const source = Readable.from(Array.from({ length: size / chunk.length }, () => chunk));
    await files.writeFrom('big', source);
    const target = new PassThrough();
    const hash = createHash('sha256');
    target.on('data', (data: Buffer) => hash.update(data));
    await files.readTo('big', target);
    const expected = createHash('sha256').update(Buffer.alloc(size, 'carapace')).digest('hex');
    assert.equal(hash.digest('hex'), expected);
  });
});
