/** What stands between SkyPilot and moto: it passes everything on, or refuses as AWS would, as long as a file says so. */
import { readFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { refusalOf } from './faults.ts';

function faultIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return 'none';
  }
}

async function answer(incoming: IncomingMessage, response: ServerResponse, port: number, file: string): Promise<void> {
  const body = await buffer(incoming);
  const refusal = refusalOf(faultIn(file), incoming.headers.authorization ?? '', body.toString('latin1'));
  if (refusal !== undefined) {
    response.writeHead(refusal.status, { 'content-type': refusal.type }).end(refusal.body);
    return;
  }
  const { method, url, headers } = incoming;
  const outgoing = request({ host: '127.0.0.1', port, method, path: url, headers }, (reply) => {
    response.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(response);
  });
  outgoing.once('error', () => response.destroy());
  outgoing.end(body);
}

/** Opens it on every address, since the machines come in by another than SkyPilot. */
export async function openDoor(port: number, behind: number, faultFile: string): Promise<void> {
  const server = createServer((incoming, response) => {
    answer(incoming, response, behind, faultFile).catch(() => response.destroy());
  });
  await new Promise<void>((done) => server.listen(port, '0.0.0.0', done));
}
