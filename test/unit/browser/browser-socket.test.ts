import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterEach, describe, it } from 'mocha';
import { WebSocketServer, type WebSocket as ServerSocket } from 'ws';
import { openBrowserSocket } from '../../../src/browser/browser-socket.ts';
import { ResumingTerminal } from '../../../src/client/terminal/resuming-terminal.ts';
import type { SeatTerminalHandlers } from '../../../src/client/terminal/seat-terminal-options.ts';
import type { CarapaceError } from '../../../src/protocol/errors.ts';
import { TERMINAL_SUBPROTOCOL } from '../../../src/protocol/terminal.ts';
import { serve, type TestServer } from '../client/servers.ts';

const READY = { type: 'ready', session: 's1', offset: 0, input_offset: 0, cols: 80, rows: 24, replayed: 0, skipped: 0 };

/** The WebSocket that Node.js has is that of browsers. */
describe('a terminal over a WebSocket of browsers', () => {
  const open: ResumingTerminal[] = [];
  let server: TestServer;
  let sockets: WebSocketServer;
  afterEach(async () => {
    for (const terminal of open.splice(0)) terminal.dispose();
    for (const client of sockets.clients) client.terminate();
    await server.close();
  });

  async function seat(visit: (socket: ServerSocket, request: IncomingMessage, number: number) => void): Promise<void> {
    server = await serve(() => undefined);
    sockets = new WebSocketServer({ server: server.server, handleProtocols: () => TERMINAL_SUBPROTOCOL });
    let number = 0;
    sockets.on('connection', (socket, request) => visit(socket, request, (number += 1)));
  }

  function terminal(handlers: Partial<SeatTerminalHandlers>): ResumingTerminal {
    let asked = 0;
    const made = new ResumingTerminal(
      openBrowserSocket,
      {
        getAccess: () => {
          asked += 1;
          return Promise.resolve({
            endpoint: server.url,
            token: `token.${asked}-_`,
            expires_at: '2099-01-01T00:00:00Z',
          });
        },
        workshopId: 'ws-1',
        seat: 1,
        cols: 80,
        rows: 24,
      },
      {
        onData: () => undefined,
        onState: () => undefined,
        onExit: () => undefined,
        onSkipped: () => undefined,
        onFailed: () => undefined,
        ...handlers,
      },
    );
    open.push(made);
    return made;
  }

  it('offers the token among the subprotocols and never in the address, types and shows', async () => {
    const typed = Promise.withResolvers<string>();
    const offered = Promise.withResolvers<string>();
    await seat((socket, request) => {
      offered.resolve(`${request.url} | ${request.headers['sec-websocket-protocol'] ?? ''}`);
      socket.send(JSON.stringify(READY));
      socket.send(Buffer.from('hällo'));
      socket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) typed.resolve(data.toString());
      });
    });
    const shown = Promise.withResolvers<string>();
    const made = terminal({ onData: (bytes) => shown.resolve(new TextDecoder().decode(bytes)) });
    made.write('ls ä\n');
    const [address, protocols] = (await offered.promise).split(' | ');
    assert.doesNotMatch(address ?? '', /token/);
    assert.match(protocols ?? '', /carapace\.tty\.v1, ?carapace\.bearer\.token\.1-_/);
    assert.equal(await typed.promise, 'ls ä\n');
    assert.equal(await shown.promise, 'hällo');
  });

  it('asks for another token when it is closed with 4001, and gives up at last', async () => {
    const tokens: string[] = [];
    await seat((socket, request) => {
      tokens.push(/bearer\.(\S+)/.exec(request.headers['sec-websocket-protocol'] ?? '')?.[1] ?? '');
      socket.close(4001, 'no');
    });
    const failed = Promise.withResolvers<CarapaceError>();
    terminal({ onFailed: (error) => failed.resolve(error) });
    assert.equal((await failed.promise).code, 'UNAUTHORIZED');
    assert.deepEqual(tokens, ['token.1-_', 'token.2-_', 'token.3-_']);
  });

  it('acknowledges what was shown, and not what has only come', async () => {
    const acknowledged: number[] = [];
    await seat((socket) => {
      socket.on('message', (data: Buffer, isBinary) => {
        const control = isBinary ? undefined : (JSON.parse(data.toString()) as { type: string; bytes: number });
        if (control?.type === 'ack') acknowledged.push(control.bytes);
      });
      socket.send(JSON.stringify(READY));
      socket.send(Buffer.alloc(20_000, 'x'));
    });
    const waiting: (() => void)[] = [];
    terminal({ whenShown: (told) => waiting.push(told) });
    while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(acknowledged, []);
    for (const told of waiting.splice(0)) told();
    while (acknowledged.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(acknowledged, [20_000]);
  });

  it('goes on where it was when the connection breaks, at once where it is told to', async () => {
    const offsets: (string | null)[] = [];
    await seat((socket, request, number) => {
      offsets.push(new URL(request.url ?? '', 'http://x').searchParams.get('offset'));
      socket.send(JSON.stringify({ ...READY, offset: number === 1 ? 0 : 3 }));
      socket.send(Buffer.from(number === 1 ? 'abc' : 'def'));
    });
    let shown = '';
    const states: string[] = [];
    const made = terminal({
      onData: (bytes) => (shown += new TextDecoder().decode(bytes)),
      onState: (state) => states.push(state),
    });
    while (shown.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    const [client] = sockets.clients;
    assert.ok(client !== undefined);
    client.terminate();
    await once(client, 'close');
    while (!states.includes('reconnecting')) await new Promise((resolve) => setTimeout(resolve, 5));
    made.retry();
    while (shown.length < 6) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(shown, 'abcdef');
    assert.deepEqual(offsets, [null, '3']);
    assert.deepEqual(states, ['connecting', 'connected', 'reconnecting', 'connected']);
  });
});
