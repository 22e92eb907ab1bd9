import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { splice } from '../../../src/lib/splice.ts';

const HALF_OPEN_MS = 150;

/** The two ends of a connection; neither answers the other's end by itself. */
interface Line {
  readonly far: Socket;
  readonly near: Socket;
}

describe('two joined sockets', () => {
  let server: Server;
  const open: Socket[] = [];

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });

  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy();
    server.close();
  });

  async function line(): Promise<Line> {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const port = (server.address() as AddressInfo).port;
    const far = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    const [near] = await accepted;
    for (const socket of [far, near]) open.push(socket.on('error', () => undefined));
    return { far, near };
  }

  it('are both let go when one has ended and the other does not answer that', async () => {
    const [client, seat] = [await line(), await line()];
    const joined = splice(client.near, seat.near, HALF_OPEN_MS);
    client.far.resume();
    seat.far.end('the last word');
    await joined;
    assert.deepEqual([client.near.destroyed, seat.near.destroyed], [true, true]);
    assert.equal(client.far.bytesRead, 'the last word'.length);
  });

  it('stay as they are for as long as nobody has ended them, however silent they are', async () => {
    const [client, seat] = [await line(), await line()];
    const joined = splice(client.near, seat.near, HALF_OPEN_MS);
    await sleep(3 * HALF_OPEN_MS);
    assert.equal(client.near.destroyed, false);
    client.far.destroy();
    await joined;
  });

  it('bring everything to a reader who is slow, after the other side has ended', async () => {
    const [client, seat] = [await line(), await line()];
    const bytes = 8 * 1024 * 1024;
    const joined = splice(client.near, seat.near, HALF_OPEN_MS);
    seat.far.end(Buffer.alloc(bytes));
    let read = 0;
    client.far.on('readable', () => undefined);
    for (let pause = 0; read < bytes; pause += 1) {
      // Each pause is shorter than the limit, all of them are longer.
      await sleep(HALF_OPEN_MS / 15);
      for (let chunk: Buffer | null; (chunk = client.far.read() as Buffer | null) !== null;) read += chunk.length;
      assert.ok(pause < 3_000 && !client.far.errored, `${read} bytes have come`);
    }
    client.far.end();
    await joined;
  });
});
