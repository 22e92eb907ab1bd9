import assert from 'node:assert/strict';
import {
  answerHead,
  answerHeaders,
  bearerSubprotocol,
  offeredSubprotocols,
  requestHeaders,
  upgradeHeaders,
} from '../../../src/agent/proxy/headers.ts';
import type { Caller } from '../../../src/agent/token.ts';

const LEARNER: Caller = { role: 'learner', name: 'Zoë\r\nX: y', seat: { workshopId: 'ws-a', seatId: 1 } };
const AGENT: Caller = { role: 'instructor', name: undefined, seat: undefined };

describe('the headers that pass the proxy', () => {
  it('are the client’s, without its secrets, what is of one connection only, and what it says of itself', () => {
    const sent = [
      ...['Host', 'agent:9090', 'Authorization', 'Bearer secret', 'Cookie', 'a=secret', 'Expect', '100-continue'],
      ...['Connection', 'keep-alive, X-Named', 'X-Named', '1', 'Keep-Alive', 'timeout=5', 'TE', 'trailers'],
      ...['Transfer-Encoding', 'chunked', 'Proxy-Authorization', 'secret', 'Upgrade', 'h2c', 'Trailer', 'a'],
      ...['X-Carapace-Role', 'instructor', 'x-CARAPACE-name', 'Mallory', 'X-Carapace-Other', '1'],
      ...['Sec-WebSocket-Protocol', 'carapace.bearer.secret'],
      ...['If-Match', '"1"', 'Content-Length', '5', 'Accept', 'a', 'accept', 'b'],
    ];
    assert.deepEqual(requestHeaders(sent, LEARNER), [
      ['If-Match', '"1"'],
      ['Content-Length', '5'],
      ['Accept', 'a'],
      ['accept', 'b'],
      ['x-carapace-role', 'learner'],
      ['x-carapace-name', 'Zo%C3%AB%0D%0AX%3A%20y'],
    ]);
  });

  it('cannot be made to drop what the agent says, by naming it as of one connection', () => {
    const sent = ['Connection', 'x-carapace-role, close'];
    assert.deepEqual(requestHeaders(sent, AGENT), [['x-carapace-role', 'instructor']]);
  });

  it('ask for the upgrade with every subprotocol but the token', () => {
    const sent = [
      ...['Connection', 'keep-alive, Upgrade', 'Upgrade', 'websocket', 'Sec-WebSocket-Key', 'k', 'Content-Length', '3'],
      ...['Sec-WebSocket-Protocol', 'carapace.tty.v1,carapace.bearer.secret', 'sec-websocket-protocol', 'other'],
    ];
    assert.deepEqual(upgradeHeaders(sent, AGENT), [
      ['Host', 'seat'],
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Key', 'k'],
      ['Sec-WebSocket-Protocol', 'carapace.tty.v1, other'],
      ['x-carapace-role', 'instructor'],
    ]);
    assert.equal(bearerSubprotocol(offeredSubprotocols(sent)), 'secret');
    const bearerOnly = ['Sec-WebSocket-Protocol', 'carapace.bearer.secret'];
    assert.ok(!upgradeHeaders(bearerOnly, AGENT).flat().join().includes('secret'));
  });

  it('of an answer are the seat’s, without what is of one connection only and without cookies', () => {
    const answer = { connection: 'close, X-Hop', 'x-hop': '1', 'set-cookie': ['a=b'], etag: '"1"', vary: ['a', 'b'] };
    const passed = { etag: '"1"', vary: ['a', 'b'], 'x-content-type-options': 'nosniff' };
    assert.deepEqual(answerHeaders({ ...answer, 'transfer-encoding': 'chunked', 'keep-alive': 'timeout=5' }), passed);
  });

  it('of an answer to an upgrade are those of the handshake: a browser obeys what else a seat says', () => {
    const accepted = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    const handshake = ['sec-websocket-accept: k', 'Sec-WebSocket-Protocol: carapace.tty.v1', 'X-Request-Id: id'];
    const harmful = ['Set-Cookie: a=b', 'Clear-Site-Data: "*"', 'Alt-Svc: h2=":1"', ' folded: x', 'nothing', ': none'];
    const head = [...accepted, ...harmful, ...handshake, '', ''].join('\r\n');
    assert.equal(answerHead(head), [...accepted, ...handshake, '', ''].join('\r\n'));
    // Lenient clients end a line, and the whole head, without a carriage return.
    assert.equal(
      answerHead('HTTP/1.1 101 Yes\r\nUpgrade: a\nSet-Cookie: b\rSet-Cookie: c\n\nHTTP/1.1 200 OK\r\n\r\n'),
      ['HTTP/1.1 101 Yes', 'Upgrade: a', '', ''].join('\r\n'),
    );
    const refusal = 'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n';
    assert.equal(answerHead(refusal), refusal);
  });
});
