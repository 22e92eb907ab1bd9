import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FilesHarness } from './files-harness.ts';
import { askRaw, until } from './support.ts';

describe('the files of the workspace server', function () {
  this.timeout(120_000);
  const seat = new FilesHarness();

  describe('staying inside', () => {
    const raw = async (method: string, target: string) => {
      const body = method === 'PUT' ? 'Content-Length: 3\r\n\r\nbad' : '\r\n';
      const answer = await askRaw(
        seat.workspace.filesSocket,
        `${method} ${target} HTTP/1.1\r\nHost: seat\r\nConnection: close\r\n${body}`,
      );
      return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
    };

    it('refuses every path that leads out, with every method, as raw bytes', async () => {
      writeFileSync(join(seat.workspace.outside, 'secret'), 'secret');
      symlinkSync(seat.workspace.outside, seat.inRoot('link'));
      symlinkSync('../outside/secret', seat.inRoot('file-link'));
      mkdirSync(seat.inRoot('a'));
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
      assert.deepEqual(readdirSync(seat.workspace.root).toSorted(), ['a', 'file-link', 'link']);
      assert.equal(readFileSync(join(seat.workspace.outside, 'secret'), 'utf8'), 'secret');
      assert.deepEqual(readdirSync(seat.workspace.outside), ['secret']);
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
      symlinkSync(seat.workspace.outside, seat.inRoot('link'));
      assert.equal(await raw('POST', '/files/link?op=move&to=moved'), 201);
      assert.equal(await raw('POST', '/files/moved?op=copy&to=copied'), 201);
      assert.equal(await raw('DELETE', '/files/copied'), 204);
      assert.equal(lstatSync(seat.inRoot('moved')).isSymbolicLink(), true);
      assert.equal(await raw('DELETE', '/files/moved'), 204);
      assert.deepEqual(readdirSync(seat.workspace.root), []);
    });

    it('is not led astray by a link that changes all the time', async () => {
      writeFileSync(join(seat.workspace.outside, 'secret'), 'secret');
      mkdirSync(seat.inRoot('inside'));
      writeFileSync(seat.inRoot('inside/secret'), 'harmless');
      // Two links that take turns under one name, each put there by an atomic rename.
      const script =
        'chdir shift; while (1) { for (qw(inside ../outside)) { symlink $_, "n"; rename "n", "way"; select undef, undef, undef, 0.0003 } }';
      const swapper = spawn('/usr/bin/perl', ['-e', script, seat.workspace.root], { stdio: 'ignore' });
      try {
        await until(() => existsSync(seat.inRoot('way')), 'the first link');
        const seen = new Set<string>();
        for (let round = 0; round < 100; round++) {
          const answer = await seat.call('GET', '/files/way/secret');
          seen.add(answer.status === 200 ? answer.text : String(answer.status));
          await seat.put('/files/way/written', 'x');
        }
        assert.equal(seen.has('secret'), false);
        assert.ok(seen.has('harmless') && seen.has('403'), [...seen].join());
        assert.deepEqual(readdirSync(seat.workspace.outside), ['secret']);
      } finally {
        swapper.kill('SIGKILL');
        await once(swapper, 'close');
      }
    });
  });
});
