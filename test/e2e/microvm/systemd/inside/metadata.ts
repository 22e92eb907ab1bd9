/** Plays the metadata server of a Compute Engine VM. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { run } from './tools.ts';

const ADDRESS = '169.254.169.254';
const PREFIX = '/computeMetadata/v1/instance/attributes/';

export class Metadata {
  readonly attributes = new Map<string, string>();
  #server: Server | undefined;

  async open(): Promise<void> {
    await run('ip', 'address', 'replace', `${ADDRESS}/32`, 'dev', 'lo');
    this.#server = createServer((request, response) => {
      // The real one refuses what a browser could be made to send.
      if (request.headers['metadata-flavor'] !== 'Google') return response.writeHead(403).end();
      const value = this.attributes.get(request.url?.replace(PREFIX, '') ?? '');
      if (value === undefined) return response.writeHead(404).end('<html>not found</html>');
      return response.writeHead(200, { 'Metadata-Flavor': 'Google' }).end(value);
    });
    this.#server.listen(80, ADDRESS);
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    this.#server?.close();
    await run('ip', 'address', 'delete', `${ADDRESS}/32`, 'dev', 'lo');
  }
}
