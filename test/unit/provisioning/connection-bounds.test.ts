import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { Writable } from 'node:stream';
import { createHttpService, type HttpService } from '../../../src/lib/http-service.ts';
import { createLog } from '../../../src/lib/log.ts';
import {
  boundConnections,
  boundsFor,
  connectionBounds,
  type ConnectionBounds,
} from '../../../src/provisioning/http/connection-bounds.ts';

const GIB = 1024 ** 3;
/** 500 learners behind one address, with ten connections each. */
const CLASS = 5_000;

describe('the bounds on connections', () => {
  it('let a class pass that shares an address, on any machine that could hold one', () => {
    assert.deepEqual(boundsFor(1_048_576, 64 * GIB), { total: 20_000, perAddress: 15_000 });
    for (const memory of [2, 4, 64]) {
      const { total, perAddress } = boundsFor(524_288, memory * GIB);
      assert.ok(perAddress >= CLASS && perAddress < total, `${memory} GiB: ${perAddress} of ${total}`);
    }
  });

  it('stay under what the process may open and what the machine can hold', () => {
    assert.equal(boundsFor(4_096, 64 * GIB).total, 1_798);
    assert.equal(boundsFor(Infinity, GIB).total, 4_096);
    assert.deepEqual(boundsFor(256, GIB), { total: 100, perAddress: 75 });
  });

  it('are found for this machine', async () => {
    const { total, perAddress } = await connectionBounds();
    assert.ok(Number.isInteger(total) && total >= 100 && total <= 20_000 && perAddress < total);
  });
});

describe('a server with bounds', () => {
  const folder = resolve(import.meta.dirname, '../client/fixtures');
  const cert = readFileSync(resolve(folder, 'one.cert.pem'), 'utf8');
  const key = readFileSync(resolve(folder, 'one.key.pem'), 'utf8');
  let service: HttpService;
  let lines: string[];
  const clients: Socket[] = [];
  /** The server's ends of them. */
  let accepted: Socket[];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await service.close();
  });

  async function serve(bounds: ConnectionBounds, tls?: { cert: string; key: string }): Promise<void> {
    lines = [];
    const destination = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString());
        done();
      },
    });
    const log = createLog('test', 'warn', destination);
    service = createHttpService({ log, ...(tls && { tls }) });
    accepted = [];
    service.server.on('connection', (socket: Socket) => accepted.push(socket));
    boundConnections(service.server, bounds, log);
    await service.listen({ host: '0.0.0.0', port: 0 });
  }

  /** Opens a connection; whether it is still there once the server has dealt with it. */
  async function open(from = '127.0.0.1'): Promise<boolean> {
    const { port } = service.server.address() as AddressInfo;
    const client = connect({ port, host: '127.0.0.1', localAddress: from });
    clients.push(client);
    client.on('error', () => undefined).resume();
    const closed = once(client, 'close');
    const dealtWith = Promise.race([
      once(service.server, 'connection').then(() => accepted.at(-1)?.destroyed === false),
      once(service.server, 'drop').then(() => false),
    ]);
    const [isKept] = await Promise.all([dealtWith, once(client, 'connect')]);
    if (!isKept) await closed;
    return isKept && !client.destroyed;
  }

  for (const [what, tls] of [
    ['HTTP', undefined],
    ['TLS', { cert, key }],
  ] as const) {
    it(`closes what one address opens beyond its bound, by ${what}, and takes others and later ones`, async () => {
      await serve({ total: 10, perAddress: 2 }, tls);
      assert.deepEqual([await open(), await open(), await open(), await open()], [true, true, false, false]);
      assert.equal(await open('127.0.0.2'), true);
      const freed = once(accepted[0]!, 'close');
      clients[0]?.destroy();
      await freed;
      assert.equal(await open(), true);
      assert.equal(lines.length, 1, 'not a line for each');
      assert.match(lines[0] ?? '', /"refused":1,"of":"one address".*too many are open/);
    });
  }

  it('closes what all together open beyond the bound', async () => {
    await serve({ total: 3, perAddress: 2 });
    const opened = [await open(), await open(), await open('127.0.0.2'), await open('127.0.0.3')];
    assert.deepEqual(opened, [true, true, true, false]);
    assert.match(lines[0] ?? '', /"of":"all"/);
  });
});
