import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createHttpService, type HttpService, type HttpServiceOptions } from '../../../src/lib/http-service.ts';
import { createLog } from '../../../src/lib/log.ts';
import { UnauthorizedError } from '../../../src/protocol/errors.ts';

const FIXTURES = resolve(import.meta.dirname, '../client/fixtures');
const TLS = {
  cert: readFileSync(resolve(FIXTURES, 'one.cert.pem'), 'utf8'),
  key: readFileSync(resolve(FIXTURES, 'one.key.pem'), 'utf8'),
};

describe('a client that keeps a connection and asks for nothing', () => {
  let service: HttpService;
  const clients: Socket[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await service.close();
  });

  /** Serves with short times; one route refuses everything before it has read a body. */
  async function serve(options: Partial<HttpServiceOptions> = {}): Promise<void> {
    const times = { headersTimeoutMs: 200, checkEveryMs: 50, restMs: 200 };
    service = createHttpService({ log: createLog('test', 'silent'), ...times, ...options });
    const refuse = (): never => {
      throw new UnauthorizedError('Not without a token.');
    };
    service.put('/refused', { onRequest: (_request, _reply, done) => done(new UnauthorizedError('No.')) }, refuse);
    // More than the kernel keeps for somebody who does not read.
    service.get('/large', () => 'x'.repeat(32 * 1024 * 1024));
    service.get('/fine', () => ({ fine: true }));
    await service.listen({ host: '127.0.0.1', port: 0 });
  }

  /** A client that never ends its side; what it gets, and that it was let go, seen from the server. */
  async function send(bytes: string, secure = false): Promise<{ text(): string; readonly letGo: Promise<unknown> }> {
    const { port } = service.server.address() as AddressInfo;
    const accepted = once(service.server, 'connection') as Promise<[Socket]>;
    const options = { port, host: '127.0.0.1', allowHalfOpen: true };
    const client = secure ? connectTls({ ...options, rejectUnauthorized: false }) : connect(options);
    clients.push(client);
    let text = '';
    client.on('error', () => undefined).on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    if (bytes !== '') client.write(bytes);
    const [socket] = await accepted;
    return { text: () => text, letGo: once(socket, 'close') };
  }

  for (const [what, bytes] of [
    ['nothing', ''],
    ['half a head', 'GET /fine HTTP/1.1\r\nHost: a\r\nX-Half: '],
  ] as const) {
    it(`is let go after a while with 408 when it has sent ${what}, by TLS too`, async () => {
      await serve();
      const plain = await send(bytes);
      await plain.letGo;
      assert.match(plain.text(), /^HTTP\/1\.1 408 .*TIMED_OUT/s);
      await service.close();
      await serve({ tls: TLS });
      const secure = await send(bytes, true);
      await secure.letGo;
      assert.match(secure.text(), /^HTTP\/1\.1 408 /);
    });
  }

  for (const [what, bytes] of [
    ['nothing at all', ''],
    ['half a greeting', '\u0016\u0003'],
    ['no TLS', 'GET /fine HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['nonsense', `\u0016\u0003\u0001~~${'z'.repeat(100)}`],
  ] as const) {
    it(`is let go when TLS was expected and ${what} came`, async () => {
      await serve({ tls: TLS });
      await (
        await send(bytes)
      ).letGo;
    });
  }

  it('is not waited for by a server that ends', async () => {
    await serve({ tls: TLS, headersTimeoutMs: 60_000 });
    const { letGo } = await send('');
    await service.close();
    await letGo;
  });

  it('is let go when it does not read its answer', async () => {
    await serve({ silenceMs: 300 });
    const reading = await send('');
    clients[0]?.pause();
    clients[0]?.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
    await reading.letGo;
  });

  it('is let go when it goes on with a body after it was refused', async () => {
    await serve();
    const upload = await send('PUT /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nbegin');
    await upload.letGo;
    assert.match(upload.text(), /^HTTP\/1\.1 401 /);
  });

  it('keeps it after a whole request, for the next one', async () => {
    // So long that what is whole is not taken for slow where the machine is.
    await serve({ headersTimeoutMs: 1_500, restMs: 1_500 });
    const request = 'GET /fine HTTP/1.1\r\nHost: a\r\n\r\n';
    const kept = await send(request);
    for (const answers of [1, 2]) {
      while (kept.text().split('{"fine":true}').length <= answers) await once(clients[0]!, 'data');
      // Longer than any of its limits.
      await new Promise((go) => setTimeout(go, 2_000));
      assert.equal(kept.text().includes('408'), false);
      clients[0]?.write(request);
    }
  });
});
