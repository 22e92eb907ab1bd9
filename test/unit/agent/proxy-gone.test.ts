import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Gate } from '../../../src/agent/proxy/gate.ts';
import { proxyRequest } from '../../../src/agent/proxy/http.ts';
import { createHttpService } from '../../../src/lib/http-service.ts';
import { createLog } from '../../../src/lib/log.ts';

describe('an upload to a seat', () => {
  it('is not begun for a client that has gone while its token was checked', async () => {
    const open = new Set<Socket>();
    const seat = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => undefined).resume();
      socket.once('close', () => open.delete(socket));
    });
    await once(seat.listen(0, '127.0.0.1'), 'listening');
    const service = createHttpService({ log: createLog('test', 'silent') });
    const clients: Socket[] = [];
    service.server.on('connection', (socket: Socket) => clients.push(socket));
    const address = { host: '127.0.0.1', port: (seat.address() as AddressInfo).port };
    let checked = 0;
    const gate = {
      seats: { ready: () => ({ files: address, terminal: address }), gone: () => new AbortController().signal },
      verify: async () => {
        checked += 1;
        for (const client of clients) client.destroy();
        await sleep(20);
        return { role: 'learner', name: undefined, seat: undefined };
      },
      allowedOrigins: new Set(),
      isOpen: () => true,
    } as unknown as Gate;
    service.removeAllContentTypeParsers();
    service.addContentTypeParser('*', (_request, _body, done) => done(null));
    service.put('/proxy/*', (request, reply) => proxyRequest(gate, request, reply));
    try {
      const url = new URL(await service.listen({ host: '127.0.0.1', port: 0 }));
      const client = connect(Number(url.port), url.hostname);
      client.on('error', () => undefined);
      const head = 'PUT /proxy/ws-1/1/files?path=a HTTP/1.1\r\nHost: agent\r\nAuthorization: Bearer x\r\n';
      client.write(`${head}Content-Length: 10\r\n\r\n`);
      await once(client, 'close');
      await sleep(300);
      assert.equal(checked, 1);
      assert.equal(open.size, 0, 'nothing would end it but a limit of minutes');
    } finally {
      await service.close();
      for (const socket of open) socket.destroy();
      seat.close();
    }
  });
});
