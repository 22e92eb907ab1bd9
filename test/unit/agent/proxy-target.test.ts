import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseTarget } from '../../../src/agent/proxy/target.ts';

describe('the target of a request to the proxy', () => {
  for (const [target, service, path] of [
    ['/proxy/ws-a/1/terminal', 'terminal', '/terminal'],
    ['/proxy/ws-a/1/terminal?cols=80&rows=24', 'terminal', '/terminal?cols=80&rows=24'],
    ['/proxy/ws-a/1/files', 'files', '/files'],
    ['/proxy/ws-a/1/files?path=a', 'files', '/files?path=a'],
    ['/proxy/ws-a/1/files/', 'files', '/files/'],
    ['/proxy/ws-a/1/files/a%2f..%2Fb//c/../d?stat', 'files', '/files/a%2f..%2Fb//c/../d?stat'],
    ['/proxy/ws-a/1/files/\u00ff\u0080', 'files', '/files/\u00ff\u0080'],
    ['/proxy/ws-a/1/exec', 'exec', '/exec'],
    ['/proxy/ws-a/1/health', 'health', '/health'],
    ['/proxy/ws-a/1/sessions', 'sessions', '/sessions'],
    ['/proxy/ws-a/1/watch?path=a%20b', 'watch', '/watch?path=a%20b'],
    ['/proxy/ws-a/1/archive', 'archive', '/archive'],
  ] as const) {
    it(`passes on ${target}`, () => {
      assert.deepEqual(parseTarget(target), { key: { workshopId: 'ws-a', seatId: 1 }, service, path });
    });
  }

  for (const target of [
    '/proxy',
    '/proxy/',
    '/proxy/ws-a/1',
    '/proxy/ws-a/1/',
    '/proxy/ws-a/1/other',
    '/proxy/ws-a/1/filesystem',
    '/proxy/ws-a/1/files#fragment',
    '/proxy/ws-a/1/exec/more',
    '/proxy/ws-a/1/sessions/1',
    '/proxy/ws-a/1/watch/..',
    '/proxy/ws-a/1/archives',
    '/proxy/ws-a/1/terminal/..',
    '/proxy/ws-a/0/files',
    '/proxy/ws-a/01/files',
    '/proxy/ws-a/501/files',
    '/proxy/ws-a/1e1/files',
    '/proxy/WS-A/1/files',
    '/proxy/ws-a/../ws-b/1/files',
    '/proxy/ws-a/1/../2/files',
    '/proxy/ws-a/%31/files',
    '/proxy//ws-a/1/files',
    '//proxy/ws-a/1/files',
    '/%70roxy/ws-a/1/files',
    '/proxy/ws-a%2f1/1/files',
    'http://agent/proxy/ws-a/1/files',
    '*',
    '',
  ]) {
    it(`refuses ${target === '' ? 'nothing' : target}`, () => assert.equal(parseTarget(target), undefined));
  }

  it('never selects another seat by what follows the prefix, and never changes it', () => {
    const part = fc.constantFrom('..', '%2e%2e', '/', '//', '%2f', '2', 'files', '?', '#', ';', '\\', '%00', 'a', '.');
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const rest = parts.join('');
        const parsed = parseTarget(`/proxy/ws-a/1/files/${rest}`);
        assert.deepEqual(parsed, { key: { workshopId: 'ws-a', seatId: 1 }, service: 'files', path: `/files/${rest}` });
      }),
    );
  });
});
