/** The client against a socket that answers badly, late or never. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient, UnreachableError, withApi } from '../../../../../src/agent/vmm/firecracker/api-client.ts';
import { resumeRequest } from '../../../../../src/agent/vmm/firecracker/sequence.ts';
import { CarapaceError, TimedOutError, UnavailableError } from '../../../../../src/protocol/errors.ts';

describe("Firecracker's API client", () => {
  let folder: string;
  let socket: string;
  let server: Server | undefined;
  const { signal } = new AbortController();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fc-client-'));
    socket = join(folder, 's');
  });
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  function answerWith(listener: RequestListener): Promise<void> {
    server = createServer(listener);
    return new Promise((resolve) => server?.listen(socket, resolve));
  }

  function send(limit: AbortSignal = signal): Promise<void> {
    return withApi(socket, (api) => api.send(resumeRequest(), limit));
  }

  it('takes 204 for yes, and sends the body as JSON', async () => {
    let asked = '';
    await answerWith((request, response) => {
      request
        .setEncoding('utf8')
        .on('data', (text: string) => (asked += `${request.method ?? ''} ${request.url ?? ''} ${text}`));
      request.on('end', () => response.writeHead(204).end());
    });
    await send();
    assert.equal(asked, 'PATCH /vm {"state":"Resumed"}');
  });

  it('tells the fault message of a refusal', async () => {
    await answerWith((_request, response) => response.writeHead(400).end('{"fault_message":"No such thing."}'));
    const error = await send().catch((cause: unknown) => cause);
    assert.ok(error instanceof UnavailableError);
    assert.equal(error.message, 'Firecracker refused PATCH /vm: No such thing.');
    assert.equal(error.details?.['fault_message'], 'No such thing.');
  });

  it('is not led astray by an answer that is no JSON, empty, or of another status', async () => {
    for (const [status, text] of [
      [400, 'Bad'],
      [500, ''],
      [200, '{}'],
    ] as const) {
      await answerWith((_request, response) => response.writeHead(status).end(text));
      await assert.rejects(send(), CarapaceError, String(status));
      server?.closeAllConnections();
      server?.close();
    }
  });

  it('says that nobody is there', async () => {
    await assert.rejects(send(), UnreachableError);
    await answerWith((request) => request.socket.destroy());
    await assert.rejects(send(), UnreachableError);
  });

  it('ends with the signal of the caller, with its reason', async () => {
    await answerWith(() => undefined);
    await assert.rejects(send(AbortSignal.timeout(100)), { name: 'TimeoutError' });
  });

  it('waits for a process that starts, and not for ever', async () => {
    const api = new ApiClient(socket);
    await assert.rejects(api.waitUntilListening(150, signal), TimedOutError);
    const info = { id: 'x', state: 'Not started', vmm_version: '1.17.0', app_name: 'Firecracker' };
    setTimeout(() => void answerWith((_request, response) => response.end(JSON.stringify(info))), 100);
    assert.equal((await api.waitUntilListening(5_000, signal)).state, 'Not started');
    api.close();
  });
});
