/** Where a server listens, and how it starts and stops. */
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answerBrokenRequest, refuseTyped, refuseWithoutHost } from '../../lib/http-errors.ts';

/** A Unix socket of mode 0600, or a TCP address; port 0 is any free one. */
export type ListenAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** Of all headers together; the longest path that Linux knows is 4096 bytes, three times that when encoded. */
const MAX_HEADER_BYTES = 32_768;
const HEADERS_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 65_000;

/** An HTTP server with bounds on what a client can send before a handler sees it. Bodies have bounds of their own. */
export function boundedServer(handler: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: 0,
      noDelay: true,
      requireHostHeader: false,
    },
    (request, response) => {
      if (!refuseWithoutHost(request, response)) handler(request, response);
    },
  );
  server.on('clientError', answerBrokenRequest);
  refuseTyped(server);
  return server;
}

/** Starts listening; a socket file that an earlier server left is replaced. @throws the system's error */
export async function listen(server: Server, address: ListenAddress): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  server.once('error', reject);
  server.once('listening', () => resolve(undefined));
  if ('socketPath' in address) listenPrivately(server, address.socketPath);
  else server.listen(address.port, address.host);
  await promise;
  server.off('error', reject);
}

/** The socket is bound within the call, so it never exists with another mode. */
function listenPrivately(server: Server, path: string): void {
  rmSync(path, { force: true });
  const before = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
}

/** Stops listening, drops all connections, removes the socket file. */
export async function stopListening(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
