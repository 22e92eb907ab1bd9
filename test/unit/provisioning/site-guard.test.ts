import assert from 'node:assert/strict';
import { siteGuard } from '../../../src/provisioning/http/site-guard.ts';

/** What is answered to a request that names that host and that origin. */
function status(publicUrl: string | undefined, host: string | undefined, origin?: string): number {
  const guard = publicUrl === undefined ? siteGuard() : siteGuard(() => publicUrl);
  const headers = { ...(host !== undefined && { host }), ...(origin !== undefined && { origin }) };
  return guard({ headers })?.status ?? 200;
}

describe('whose requests a server takes', () => {
  const SITE = 'https://class.example.org:8443/a';

  for (const host of ['127.0.0.1:8080', 'localhost:8080', '[::1]:8080', 'LOCALHOST:8080', 'localhost']) {
    it(`those of its own pages on this machine, by ${host}, and of no browser`, () => {
      assert.equal(status(undefined, host), 200);
      assert.equal(status(undefined, host, `http://${host.toLowerCase()}`), 200);
    });
  }

  const foreign: readonly [string, string, string][] = [
    ['another site', '127.0.0.1:8080', 'https://evil.example'],
    ['another port of this machine', '127.0.0.1:8080', 'http://127.0.0.1:9090'],
    ['another name of this machine', '127.0.0.1:8080', 'http://localhost:8080'],
    ['the other scheme', '127.0.0.1:8080', 'https://127.0.0.1:8080'],
    ['a frame without an origin', '127.0.0.1:8080', 'null'],
    ['two origins', '127.0.0.1:8080', 'http://127.0.0.1:8080, https://evil.example'],
    ['an empty one', '127.0.0.1:8080', ''],
    ['a name that begins alike', '127.0.0.1:8080', 'http://127.0.0.1:8080.evil.example'],
    ['an extension of a browser', 'localhost:8080', 'chrome-extension://abcdef'],
  ];
  for (const [whose, host, origin] of foreign) {
    it(`not those of ${whose}`, () => assert.equal(status(undefined, host, origin), 403));
  }

  it('for others, those by its public name and by its addresses', () => {
    for (const [host, origin] of [
      ['class.example.org:8443', 'https://class.example.org:8443'],
      ['CLASS.example.org:8443', 'https://class.example.org:8443'],
      ['192.0.2.1:8443', 'https://192.0.2.1:8443'],
      ['[2001:db8::1]:443', 'https://[2001:db8::1]'],
      // A proxy in front of it writes its own Host.
      ['10.0.0.7:8443', 'https://class.example.org:8443'],
    ] as const) {
      assert.equal(status(SITE, host), 200, host);
      assert.equal(status(SITE, host, origin), 200, origin);
    }
    for (const [host, origin] of [
      ['class.example.org:8443', 'https://evil.example'],
      ['class.example.org:8443', 'http://class.example.org:8443'],
      ['class.example.org:8443', 'https://class.example.org'],
      ['class.example.org:8443', 'https://192.0.2.1:8443'],
      ['class.example.org:8443', 'null'],
    ] as const) {
      assert.equal(status(SITE, host, origin), 403, origin);
    }
  });

  it('and none of a name that somebody else made lead here, whatever its origin', () => {
    for (const site of [undefined, SITE]) {
      assert.equal(status(site, 'evil.example:8080'), 403);
      assert.equal(status(site, 'evil.example:8080', 'http://evil.example:8080'), 403);
      assert.equal(status(site, 'evil.example:8080', 'https://evil.example:8080'), 403);
      assert.equal(status(site, undefined), 403);
    }
  });
});
