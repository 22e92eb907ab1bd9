import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { readPublicServing } from '../../../src/provisioning/public-site.ts';

const FIXTURES = resolve(import.meta.dirname, '../client/fixtures');
const GIVEN = {
  tlsCert: join(FIXTURES, 'one.cert.pem'),
  tlsKey: join(FIXTURES, 'one.key.pem'),
  token: 'the-token-of-this-server-that-is-long-enough',
};

describe('what a server for others is called', () => {
  const calls: [string, string | undefined, string, string][] = [
    ['192.0.2.1', undefined, 'https://192.0.2.1:8443', 'https://192.0.2.1:8443'],
    ['2001:db8::1', undefined, 'https://[2001:db8::1]:8443', 'https://[2001:db8::1]:8443'],
    ['class.example.org', undefined, 'https://192.0.2.1:8443', 'https://class.example.org:8443'],
    ['Class.example.org', undefined, 'https://[2001:db8::1]:443', 'https://class.example.org'],
    ['192.0.2.1', 'https://class.example.org/a/', 'https://192.0.2.1:8443', 'https://class.example.org/a'],
  ];
  for (const [host, publicUrl, listening, wanted] of calls) {
    it(`${host}, ${publicUrl ?? 'no name'}: ${wanted}`, async () => {
      const serving = await readPublicServing(host, { ...GIVEN, ...(publicUrl !== undefined && { publicUrl }) });
      serving?.listensAt(listening);
      assert.equal(serving?.site.url(), wanted);
    });
  }
});
