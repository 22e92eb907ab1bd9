import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { mock } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventStream } from '../../../src/workspace/files/event-stream.ts';

const HEARTBEAT_MS = 15_000;
/** Rounds without room after which the kernel takes no more. */
const FULL_ROUNDS = 20;

describe('a stream of events', () => {
  it('that has ended lets a client go that takes nothing, and writes nothing more to it', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.pause();
    try {
      client.write('GET / HTTP/1.1\r\nHost: seat\r\n\r\n');
      const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
      const errors: unknown[] = [];
      response.on('error', (error) => errors.push(error));
      const stream = new EventStream(response);
      for (let full = 0; full < FULL_ROUNDS;) {
        if (response.writableNeedDrain) {
          full += 1;
          await sleep(5);
        } else {
          full = 0;
          stream.send({ type: 'created', path: 'x'.repeat(4000) });
        }
      }
      stream.end();
      for (let beat = 0; beat < 8; beat += 1) {
        assert.equal(response.destroyed, false);
        mock.timers.tick(HEARTBEAT_MS);
        await sleep(5);
      }
      assert.equal(response.destroyed, true);
      assert.deepEqual(errors, []);
    } finally {
      mock.timers.reset();
      client.destroy();
      server.closeAllConnections();
      server.close();
    }
  });
});
