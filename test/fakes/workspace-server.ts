/**
 * A workspace server that tells what it was asked, and misbehaves on demand.
 *
 * Files: every request is answered with what arrived; `?fake=` chooses something else (see {@link misbehave}).
 * Terminal: a WebSocket that first tells what arrived and then echoes; `?fake=refuse` and `?fake=silent` do not upgrade.
 * A seat of workshop `ws-broken` ends at once; one of `ws-mute` never listens.
 */
import { createHash } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { WebSocketServer } from 'ws';

const { values } = parseArgs({
  options: {
    root: { type: 'string', default: '' },
    'terminal-socket': { type: 'string', default: '' },
    'files-socket': { type: 'string', default: '' },
    shell: { type: 'string' },
  },
});

function listen(server: Server, path: string): void {
  rmSync(path, { force: true });
  server.listen(path, () => chmodSync(path, 0o600));
}

function answerHealth(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.url !== '/health') return false;
  response.setHeader('content-type', 'application/json');
  response.end('{"status":"ok"}');
  return true;
}

/** True where the request was dealt with. */
function misbehave(request: IncomingMessage, response: ServerResponse): boolean {
  switch (/[?&]fake=([a-z-]+)/.exec(request.url ?? '')?.[1]) {
    case 'die':
      request.socket.destroy();
      return true;
    case 'die-half':
      response.writeHead(200, { 'content-length': 1000 });
      response.write('half', () => request.socket.destroy());
      return true;
    case 'early':
      response.writeHead(412).end('too early');
      return true;
    case 'silent':
      console.log('a request is not answered');
      request.on('close', () => console.log('the client went away'));
      return true;
    case 'cookie':
      response.setHeader('set-cookie', 'a=b');
      response.setHeader('connection', 'x-hop, keep-alive');
      response.setHeader('x-hop', 'one');
      response.setHeader('x-end', 'two');
      response.end('cookie');
      return true;
    case 'big':
      response.writeHead(200);
      for (let index = 0; index < 64; index++) response.write(Buffer.alloc(1024 * 1024, index));
      response.end();
      return true;
    default:
      return false;
  }
}

function tell(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => {
    const { method, url, rawHeaders } = request;
    const body = JSON.stringify({ root: values.root, method, url, rawHeaders, bytes, sha256: hash.digest('hex') });
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  });
}

const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });

sockets.on('headers', (headers, { url = '' }) => {
  if (url.includes('fake=cookie')) headers.push('Set-Cookie: a=b', 'Clear-Site-Data: "*"');
});

function upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
  const fake = /[?&]fake=([a-z-]+)/.exec(request.url ?? '')?.[1];
  if (fake === 'silent') return;
  if (fake === 'refuse') {
    socket.on('data', (chunk) => console.log(`past the gate: ${chunk.toString()}`));
    socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (webSocket) => {
    webSocket.send(JSON.stringify({ root: values.root, url: request.url, rawHeaders: request.rawHeaders }));
    webSocket.on('message', (data, isBinary) => webSocket.send(data, { binary: isBinary }));
  });
}

if (values.root.includes('/ws-broken/')) {
  console.log('the reason stands here');
  process.exit(7);
}
if (values.root.includes('/ws-mute/')) setInterval(() => undefined, 60_000);
else {
  const terminal = createServer((request, response) => {
    if (!answerHealth(request, response)) response.writeHead(404).end();
  });
  terminal.on('upgrade', upgrade);
  listen(terminal, values['terminal-socket']);
  const files = createServer((request, response) => {
    if (!answerHealth(request, response) && !misbehave(request, response)) tell(request, response);
  });
  listen(files, values['files-socket']);
}
process.on('SIGTERM', () => process.exit(0));
