import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createHttpService, type HttpService } from '../../../src/lib/http-service.ts';
import { BROWSER_FILES, readBrowserFiles } from '../../../src/provisioning/http/browser-files.ts';
import { addBrowserPages } from '../../../src/provisioning/http/browser-page.ts';
import { SILENT } from './fixtures.ts';

const PATHS: readonly [path: string, name: string, type: string][] = [
  ['/join', 'join.html', 'text/html; charset=utf-8'],
  ['/seat', 'seat.html', 'text/html; charset=utf-8'],
  ['/browser/join.js', 'join.js', 'text/javascript; charset=utf-8'],
  ['/browser/seat.js', 'seat.js', 'text/javascript; charset=utf-8'],
  ['/browser/join.css', 'join.css', 'text/css; charset=utf-8'],
  ['/browser/seat.css', 'seat.css', 'text/css; charset=utf-8'],
];

describe('the pages for browsers', () => {
  let folder: string;
  let service: HttpService;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'carapace-pages-'))));
  afterEach(async () => {
    await service.close();
    rmSync(folder, { recursive: true });
  });

  const textOf = (name: string): string => `the bytes of ${name} ä\n`.repeat(20);

  /** Puts the files there, and serves what a program of `programFolder` finds. */
  function serve(at: string, names: readonly string[] = BROWSER_FILES, programFolder = folder): void {
    mkdirSync(join(folder, at), { recursive: true });
    for (const name of names) writeFileSync(join(folder, at, name), textOf(name));
    service = createHttpService({ log: SILENT });
    addBrowserPages(service, readBrowserFiles(programFolder));
  }

  it('are served with their types, to be shown and run only as pages of this server', async () => {
    serve('browser');
    for (const [url, name, type] of PATHS) {
      const { statusCode, headers, body } = await service.inject({ url });
      assert.deepEqual([statusCode, body, headers['content-type']], [200, textOf(name), type], url);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.equal(headers['x-frame-options'], 'DENY');
      assert.equal(headers['cache-control'], 'no-cache');
      const policy = String(headers['content-security-policy']);
      for (const part of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) {
        assert.ok(policy.split('; ').includes(part), `${url}: ${policy}`);
      }
      assert.doesNotMatch(policy, /unsafe-eval|https?:|\*/);
      // The terminal alone needs it.
      assert.equal(policy.includes('unsafe-inline'), url === '/seat');
      assert.doesNotMatch(policy, /script-src [^;]*unsafe-inline/);
    }
  });

  it('are found beside a bundle, and by a source in its checkout', async () => {
    serve('dist/browser', BROWSER_FILES, join(folder, 'src'));
    assert.equal((await service.inject({ url: '/join' })).body, textOf('join.html'));
  });

  it('are nothing else of that folder', async () => {
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    serve('browser');
    writeFileSync(join(folder, 'browser/other.js'), 'other');
    for (const url of ['/browser/other.js', '/browser/', '/browser/../secret.txt', '/browser/%2e%2e/secret.txt']) {
      assert.equal((await service.inject({ url })).statusCode, 404, url);
    }
  });

  it('stay what they were at the start, whatever becomes of the files', async () => {
    serve('browser');
    rmSync(join(folder, 'browser'), { recursive: true });
    assert.equal((await service.inject({ url: '/browser/seat.js' })).body, textOf('seat.js'));
  });

  it('are not sent again to who has them', async () => {
    serve('browser');
    const first = await service.inject({ url: '/seat' });
    const etag = String(first.headers['etag']);
    assert.match(etag, /^"[\w-]{43}"$/);
    for (const known of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
      const again = await service.inject({ url: '/seat', headers: { 'if-none-match': known } });
      assert.deepEqual([again.statusCode, again.body, again.headers['etag']], [304, '', etag], known);
      assert.equal(again.headers['content-security-policy'], first.headers['content-security-policy']);
    }
    const other = await service.inject({ url: '/seat', headers: { 'if-none-match': '"other"' } });
    assert.equal(other.statusCode, 200);
    assert.notEqual((await service.inject({ url: '/join' })).headers['etag'], etag);
  });

  it('are packed for who takes that', async () => {
    serve('browser');
    const ask = (accepted: string) =>
      service.inject({ url: '/browser/seat.js', headers: { 'accept-encoding': accepted } });
    const plain = await service.inject({ url: '/browser/seat.js' });
    for (const accepted of ['gzip', 'deflate, gzip, br', 'br;q=1.0, GZIP;q=0.8']) {
      const { headers, rawPayload } = await ask(accepted);
      assert.equal(headers['content-encoding'], 'gzip', accepted);
      assert.equal(gunzipSync(rawPayload).toString(), textOf('seat.js'));
      assert.equal(headers['content-length'], String(rawPayload.length));
      assert.notEqual(headers['etag'], plain.headers['etag'], 'other bytes, another validator');
      assert.equal(headers['vary'], 'accept-encoding');
    }
    for (const accepted of ['br', 'gzip;q=0', 'gzip; q=0.000', 'identity', 'x-gzip-not']) {
      const { headers, body } = await ask(accepted);
      assert.deepEqual([headers['content-encoding'], body], [undefined, textOf('seat.js')], accepted);
    }
  });

  it('say in a sentence that they are missing, each by itself', async () => {
    serve('browser', ['join.html']);
    assert.equal((await service.inject({ url: '/join' })).statusCode, 200);
    for (const url of ['/seat', '/browser/join.js']) {
      const { statusCode, headers, body } = await service.inject({ url });
      assert.equal(statusCode, 503);
      assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
      assert.match(body, /has no pages for browsers: .* builds or installs it again\./);
    }
  });
});
