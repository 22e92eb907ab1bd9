/** Real servers on loopback for the clients' tests. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TestServer {
  readonly url: string;
  readonly server: Server;
  close(): Promise<void>;
}

const fixtures = join(import.meta.dirname, 'fixtures');

/** Certificates made for these tests, each by its own key, which protects nothing. `expired` and `early` are out of date. */
export type CertificateName = 'one' | 'two' | 'expired' | 'early';

export function certificate(name: CertificateName): string {
  return readFileSync(join(fixtures, `${name}.cert.pem`), 'utf8');
}

export async function serve(handler: RequestListener): Promise<TestServer> {
  return listen(createServer(handler), 'http');
}

export async function serveTls(name: CertificateName, handler: RequestListener): Promise<TestServer> {
  const key = readFileSync(join(fixtures, `${name}.key.pem`), 'utf8');
  return listen(createTlsServer({ key, cert: certificate(name) }, handler), 'https');
}

async function listen(server: Server, scheme: string): Promise<TestServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    server,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
