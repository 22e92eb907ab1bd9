import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { SeatFiles } from '../../../src/client/seat-files.ts';
import { NoCapacityError, UnavailableError } from '../../../src/protocol/errors.ts';
import type { WatchEvent } from '../../../src/protocol/files.ts';
import { serve, type TestServer } from './servers.ts';

describe('SeatFiles.watch', () => {
  let server: TestServer;
  let files: SeatFiles;
  let answer: (response: ServerResponse) => void;
  let asked: string[];
  let clientGone: Promise<unknown>;

  beforeEach(async () => {
    asked = [];
    server = await serve((request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
      clientGone = new Promise((resolve) => response.once('close', resolve));
      answer(response);
    });
    const access = { endpoint: server.url, token: 't', expires_at: '2030-01-01T00:00:00Z' };
    files = new SeatFiles({ access, workshopId: 'ws-1', seat: 3 });
  });
  afterEach(() => server.close());

  function tell(...events: object[]): (response: ServerResponse) => void {
    return (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
    };
  }

  it('yields what it is told under any name, passes over what it does not know, and leaves when its caller does', async () => {
    const path = 'dir/odd #1 100% 💥\n"';
    answer = tell({ type: 'reset' }, { type: 'new-kind', path }, { type: 'created', path });
    const told: WatchEvent[] = [];
    for await (const event of files.watch('a b#', { signal: new AbortController().signal })) {
      told.push(event);
      if (told.length === 2) break;
    }
    assert.deepEqual(told, [{ type: 'reset' }, { type: 'created', path }]);
    assert.deepEqual(asked, ['GET /proxy/ws-1/3/watch?path=a%20b%23']);
    await clientGone;
  });

  it('throws when the stream ends or breaks, and what its signal says when that aborts', async () => {
    const drain = async (signal: AbortSignal) => {
      for await (const event of files.watch('', { signal })) assert.equal(event.type, 'reset');
    };
    const never = new AbortController().signal;
    answer = (response) => {
      tell({ type: 'reset' })(response);
      response.end();
    };
    await assert.rejects(drain(never), UnavailableError);
    answer = (response) => {
      tell({ type: 'reset' })(response);
      setTimeout(() => response.destroy(), 20);
    };
    await assert.rejects(drain(never), UnavailableError);
    answer = tell({ type: 'reset' });
    const gone = new AbortController();
    setTimeout(() => gone.abort(new Error('left')), 50);
    await assert.rejects(drain(gone.signal), /left/);
    await clientGone;
    answer = (response) => {
      response.writeHead(503).end('{"error":{"code":"NO_CAPACITY","message":"16 watches."}}');
    };
    await assert.rejects(drain(never), NoCapacityError);
  });
});
