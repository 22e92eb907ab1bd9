import assert from 'node:assert/strict';
import { headersForAgent, headersForClient, upgradeHead } from '../../../src/provisioning/http/relay-headers.ts';

describe('the headers that the relay passes', () => {
  const ID = 'the-id-of-this-request';

  it('to the agent are those of the request, without what is of the connection, of the server, or of its origin', () => {
    const rawHeaders = [
      ...[
        'Host',
        'class.example.org',
        'Origin',
        'https://class.example.org',
        'Cookie',
        'a=b',
        'Expect',
        '100-continue',
      ],
      ...['Connection', 'close, X-Named', 'X-Named', '1', 'Transfer-Encoding', 'chunked', 'X-Request-Id', 'forged'],
      ...['Authorization', 'Bearer abc', 'If-Match', '"1"', 'Accept', 'a/b', 'Accept', 'c/d'],
    ];
    assert.deepEqual(headersForAgent({ rawHeaders }, ID), {
      host: 'agent',
      'x-request-id': ID,
      authorization: 'Bearer abc',
      'if-match': '"1"',
      accept: ['a/b', 'c/d'],
    });
  });

  it('to the client are only what a file needs: nothing in them makes a browser do something', () => {
    const told = headersForClient({
      'content-type': 'text/html',
      'content-length': '3',
      etag: '"1"',
      'content-range': 'bytes 0-2/9',
      'x-request-id': ID,
      'retry-after': '2',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-security-policy': "default-src 'unsafe-inline'",
      'set-cookie': ['a=b'],
      'clear-site-data': '"*"',
      'service-worker-allowed': '/',
      'access-control-allow-origin': '*',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'alt-svc': 'h2="evil.example:443"',
      nel: '{}',
      'report-to': '{}',
      refresh: '0; url=https://evil.example',
      location: 'https://evil.example',
      link: '<https://evil.example>; rel=preload',
      connection: 'close',
    });
    assert.deepEqual(told, {
      'content-type': 'text/html',
      'content-length': '3',
      etag: '"1"',
      'content-range': 'bytes 0-2/9',
      'x-request-id': ID,
      'retry-after': '2',
      'cache-control': 'no-store',
      'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
  });

  it('of an upgrade have nothing that frames a body', () => {
    const rawHeaders = [
      ...['Host', 'a', 'Connection', 'Upgrade', 'Upgrade', 'websocket', 'Origin', 'https://a', 'Content-Length', '9'],
      ...['Transfer-Encoding', 'chunked', 'Sec-WebSocket-Key', 'k', 'Sec-WebSocket-Protocol', 'p, q'],
    ];
    const head = upgradeHead({ rawHeaders, headers: { upgrade: 'websocket' }, url: '/proxy/w/1/terminal?cols=1' }, ID);
    const [first, ...lines] = head.split('\r\n');
    assert.equal(first, 'GET /proxy/w/1/terminal?cols=1 HTTP/1.1');
    assert.deepEqual(lines.sort(), [
      '',
      '',
      'connection: Upgrade',
      'host: agent',
      'sec-websocket-key: k',
      'sec-websocket-protocol: p, q',
      'upgrade: websocket',
      `x-request-id: ${ID}`,
    ]);
  });
});
