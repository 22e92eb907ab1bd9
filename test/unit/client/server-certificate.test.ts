import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'mocha';
import { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import { english } from '../../../src/client/english.ts';
import { fingerprintGroups, inspectServer } from '../../../src/client/server-certificate.ts';
import { UnreachableError } from '../../../src/client/unreachable.ts';
import { certificate, serve, serveTls } from './servers.ts';

describe('the certificate of a server', () => {
  it('is shown before anything is told to it, and is what can be pinned', async () => {
    const asked: (string | undefined)[] = [];
    const server = await serveTls('one', (request, response) => {
      asked.push(request.url);
      response.setHeader('content-type', 'application/json').end('{"status":"ok","version":"0.1.0"}');
    });
    try {
      const found = await inspectServer(server.url, english);
      assert.equal(found.certificate?.trim(), certificate('one').trim());
      assert.deepEqual(asked, []);
      await new ControlPlaneClient({ url: server.url, token: '', ...found } as never).health();
      assert.deepEqual(asked, ['/api/health']);
    } finally {
      await server.close();
    }
  });

  it('is not looked for where there is none', async () => {
    const server = await serve((_request, response) => response.end());
    try {
      assert.deepEqual(await inspectServer(server.url, english), { certificate: undefined });
    } finally {
      await server.close();
    }
  });

  it('is not asked about where it is out of date: pinned it would open nothing', async () => {
    for (const [name, sentence] of [
      ['expired', /The certificate of 127\.0\.0\.1:\d+ has expired\. Check the clock/],
      ['early', /The certificate of 127\.0\.0\.1:\d+ is not valid yet\. Check the clock/],
    ] as const) {
      const server = await serveTls(name, (_request, response) => response.end());
      try {
        await assert.rejects(inspectServer(server.url, english), sentence);
        const pinned = new ControlPlaneClient({ url: server.url, token: '', certificate: certificate(name) });
        await assert.rejects(pinned.health(), UnreachableError, name);
      } finally {
        await server.close();
      }
    }
  });

  it('is not there where something else than TLS answers, which is said', async () => {
    const server = await serve((_request, response) => response.end());
    try {
      const url = server.url.replace('http', 'https');
      await assert.rejects(inspectServer(url, english), /127\.0\.0\.1:\d+ does not speak HTTPS as the link says/);
    } finally {
      await server.close();
    }
  });

  it('is told in groups that two people can compare', () => {
    const groups = fingerprintGroups(certificate('one'));
    assert.match(groups, /^([0-9A-F]{4} ){7}[0-9A-F]{4}\n([0-9A-F]{4} ){7}[0-9A-F]{4}$/);
    assert.notEqual(groups, fingerprintGroups(certificate('two')));
  });

  it('is waited for until somebody gives up', async () => {
    // It takes connections, and says nothing.
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`;
    try {
      const asked = new AbortController();
      const looking = inspectServer(url, english, asked.signal);
      asked.abort();
      await assert.rejects(looking, { name: 'AbortError' });
    } finally {
      mute.close();
    }
    await assert.rejects(
      inspectServer(url, english),
      /The server 127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)\./,
    );
  });
});
