/** What is no proper HTTP, or more of it than is taken. */
import fc from 'fast-check';

const LINE = '\r\n';
const any = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));

function head(...lines: string[]): string {
  return [...lines, '', ''].join(LINE);
}

const firstLines = fc.constantFrom(
  'GET / HTTP/1.1',
  'GET /',
  'GET / HTTP/0.9',
  'GET / HTTP/9.9',
  'get / http/1.1',
  'GET  /  HTTP/1.1',
  'GET /%zz HTTP/1.1',
  'GET /\u00ff HTTP/1.1',
  'GET http://elsewhere.example/api/health HTTP/1.1',
  'GET * HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'CONNECT 127.0.0.1:1 HTTP/1.1',
  'POST /api/join HTTP/1.1',
  'POST /vms HTTP/1.1',
  'PUT /files/x HTTP/1.1',
  'GET /proxy/ws-fuzz/1/terminal HTTP/1.1',
  'GET /terminal HTTP/1.1',
  'PRI * HTTP/2.0',
  `GET /${'a'.repeat(20_000)} HTTP/1.1`,
);

const headerLines = fc.array(
  fc.constantFrom(
    'Host: localhost',
    'Host: a',
    'Host: evil.example',
    'Content-Length: 5',
    'Content-Length: -1',
    'Content-Length: 99999999999999999999',
    'Content-Length: 5, 6',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: \u000bchunked',
    'Content-Type: application/json',
    'Expect: 100-continue',
    'Expect: nothing',
    'Upgrade: websocket',
    'Upgrade: h2c',
    'Connection: Upgrade, HTTP2-Settings',
    'Connection: upgrade',
    'Connection: close',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Version: 99',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Key: x',
    'Sec-WebSocket-Protocol: carapace.tty.v1, carapace.bearer.x',
    'Authorization: Bearer x',
    'Authorization: Basic eDp4',
    'X: \u0000',
    ' folded: line',
    ': no name',
    'no colon',
    `X: ${'y'.repeat(40_000)}`,
    ...Array.from({ length: 3 }, (_, index) => `X-${index}: \u00e9\u00ff`),
  ),
  { maxLength: 12 },
);

const tails = fc.oneof(
  fc.constantFrom(
    '',
    '{}',
    'hello',
    '5\r\nhello\r\n0\r\n\r\n',
    'zz\r\n',
    'FFFFFFFFFFFFFFFFF\r\n',
    '5\r\nhel',
    '0\r\nX: y\r\n\r\n',
  ),
  any.map((bytes) => bytes.toString('latin1')),
);

/** Bytes to be sent over a connection of their own. */
export const fuzzedBytes: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 1, arbitrary: any },
  {
    weight: 6,
    arbitrary: fc
      .tuple(firstLines, headerLines, tails)
      .map(([first, lines, tail]) => Buffer.from(head(first, ...lines) + tail, 'latin1')),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 50, max: 3_000 })
      .map((count) => Buffer.from(head('GET / HTTP/1.1', ...Array.from({ length: count }, (_, i) => `H${i}: v`)))),
  },
);
