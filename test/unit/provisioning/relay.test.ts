import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHttpService, type HttpService } from '../../../src/lib/http-service.ts';
import { LOOPBACK_ONLY } from '../../../src/provisioning/exposure.ts';
import { TokenLimiter } from '../../../src/provisioning/failure-limiter.ts';
import { addRelay, rewriteToRelay } from '../../../src/provisioning/http/relay.ts';
import { siteGuard } from '../../../src/provisioning/http/site-guard.ts';
import type { Store } from '../../../src/provisioning/store/store.ts';
import { signSeatToken } from '../../../src/provisioning/workshop/tokens.ts';
import { addWorkshop, openStore, SILENT, type TestStore } from './fixtures.ts';

const SECRET = 'the-secret-of-the-worker';

describe('the relay of terminals', () => {
  let test: TestStore;
  let service: HttpService;
  let agent: Server;
  let agentSockets: Set<Socket>;
  let accepted = 0;
  beforeEach(async () => {
    test = openStore();
    service = createHttpService({ log: SILENT, rewriteUrl: rewriteToRelay });
    agentSockets = new Set();
    accepted = 0;
    agent = createServer({ allowHalfOpen: true }, (socket) => {
      accepted += 1;
      agentSockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('end', () => socket.end());
      socket.on('data', (bytes: Buffer) => {
        // As an agent that has opened the terminal; an upload is answered once it has come.
        if (bytes.includes('pgrade: websocket')) {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
        }
      });
      socket.once('close', () => agentSockets.delete(socket));
    });
    await once(agent.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(async () => {
    await service.close();
    for (const socket of agentSockets) socket.destroy();
    agent.close();
    test.dispose();
  });

  for (const [what, head] of [
    ['terminal', 'Connection: Upgrade\r\nUpgrade: websocket'],
    ['upload', 'Content-Length: 10'],
  ] as const) {
    it(`keeps no ${what} open for a client that has gone while its token was checked`, () => isLetGo(head));
  }

  /** A client that sends such a request for a terminal or a file, and goes. */
  async function isLetGo(head: string): Promise<void> {
    const workshop = addWorkshop(test, { seats: 1 });
    const endpoint = `http://127.0.0.1:${(agent.address() as AddressInfo).port}`;
    const clients: Socket[] = [];
    service.server.on('connection', (socket: Socket) => clients.push(socket));
    let looks = 0;
    const store = {
      workshops: test.store.workshops,
      seats: test.store.seats,
      workers: {
        find: (name: string) => {
          const row = test.store.workers.find(name);
          return row && { ...row, endpoint };
        },
      },
      secrets: {
        find: () => {
          looks += 1;
          for (const client of clients) client.destroy();
          return SECRET;
        },
      },
    };
    const controlPlane = { store: store as unknown as Store, exposure: LOOPBACK_ONLY };
    addRelay(service, { controlPlane, limiter: new TokenLimiter() }, siteGuard(), SILENT);
    const url = new URL(await service.listen({ host: '127.0.0.1', port: 0 }));
    const { token } = await signSeatToken(SECRET, { workshop_id: workshop.id, seat: 1, role: 'learner' });
    const client = connect(Number(url.port), url.hostname);
    client.on('error', () => undefined);
    client.write(
      `${head.startsWith('Content') ? 'PUT' : 'GET'} /proxy/${workshop.id}/1/terminal HTTP/1.1\r\nHost: 127.0.0.1\r\n${head}\r\n` +
        `Authorization: Bearer ${token}\r\n\r\n`,
    );
    await once(client, 'close');
    assert.equal(looks, 1);
    // Where it is opened all the same it stays: nothing ends it any more.
    await sleep(200);
    assert.equal(agentSockets.size, 0, `${accepted} were opened`);
  }
});
