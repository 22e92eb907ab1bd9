import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SeatChannelAddress } from '../../../../../src/agent/vmm/machine/hypervisor.ts';
import { LineReader } from '../../../../../src/agent/vmm/machine/line-reader.ts';
import { askSeat } from '../../../../../src/agent/vmm/machine/seat-channel.ts';
import { ConflictError, TimedOutError, UnavailableError } from '../../../../../src/protocol/errors.ts';

/** What a peer does with one connection; `ask` gives the next line of the client. */
type Behaviour = (socket: Socket, ask: () => Promise<string>) => Promise<void> | void;

describe('the channel to the root program of a machine', () => {
  let folder: string;
  let path: string;
  let server: Server;
  let sockets: Socket[];
  /** For one connection after the other; the last one serves the rest. */
  let behaviours: Behaviour[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-channel-'));
    path = join(folder, 'channel');
    sockets = [];
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      const lines: string[] = [];
      const reader = new LineReader();
      socket.on('data', (piece: Buffer) => lines.push(...reader.read(piece)));
      const ask = async (): Promise<string> => {
        while (lines.length === 0) await sleep(2);
        return lines.shift()!;
      };
      const behaviour = behaviours.length > 1 ? behaviours.shift() : behaviours[0];
      void behaviour?.(socket, ask);
    });
    await once(server.listen(path), 'listening');
  });

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });

  function ask(options: { deadlineMs?: number; signal?: AbortSignal; vsock?: boolean } = {}): Promise<unknown> {
    const address: SeatChannelAddress =
      options.vsock === true ? { kind: 'vsock', socketPath: path, port: 1024 } : { kind: 'serial', socketPath: path };
    const signal = options.signal ?? new AbortController().signal;
    return askSeat(address, () => ({ op: 'status' }), { deadlineMs: options.deadlineMs ?? 5_000, signal });
  }

  function idOf(line: string): number {
    const request = JSON.parse(line) as { op: string; id: number };
    assert.equal(request.op, 'status');
    return request.id;
  }

  const answers: Behaviour = async (socket, next) => {
    socket.write(`${JSON.stringify({ id: idOf(await next()), ok: true, restarts: { workspace: 2 } })}\n`);
  };

  it('gives the answer to the question, and lets the connection go', async () => {
    behaviours = [answers];
    for (let count = 0; count < 3; count += 1) {
      const { ok, restarts } = (await ask()) as { ok: boolean; restarts: unknown };
      assert.deepEqual({ ok, restarts }, { ok: true, restarts: { workspace: 2 } });
    }
    while (!sockets.every((socket) => socket.destroyed || socket.readableEnded)) await sleep(2);
    assert.equal(sockets.length, 3);
  });

  it('ignores answers to others, lines that are none, and pieces of lines', async () => {
    behaviours = [
      async (socket, next) => {
        socket.write('rest of an answer"}\r\n\n{"id":1,"ok":true}\nnull\n[]\n{"id":"x"}\n');
        const id = idOf(await next());
        socket.write(`${JSON.stringify({ id: id - 1, ok: false, error: 'Old.' })}\n`);
        const answer = `${JSON.stringify({ id, ok: true, restarts: { ä: 1 } })}\r\n`;
        for (const byte of Buffer.from(answer)) {
          socket.write(Buffer.from([byte]));
          await sleep(1);
        }
      },
    ];
    assert.deepEqual(((await ask()) as { restarts: unknown }).restarts, { ä: 1 });
  });

  it('survives a line without an end', async () => {
    behaviours = [
      async (socket, next) => {
        const id = idOf(await next());
        for (let piece = 0; piece < 64; piece += 1) socket.write('x'.repeat(64 * 1024));
        socket.write(`{"id":${id},"ok":false}\n`);
        socket.write(`{"id":${id},"ok":true}\n`);
      },
    ];
    // What was too long is no answer, whatever it ends with.
    assert.equal(((await ask()) as { ok: boolean }).ok, true);
  });

  it('asks again where nobody listens yet, where the connection is cut, and where a proxy refuses', async () => {
    behaviours = [(socket) => void socket.destroy(), async (socket, next) => void socket.end(await next()), answers];
    assert.equal(((await ask()) as { ok: boolean }).ok, true);
    assert.equal(sockets.length, 3);
    server.close();
    const later = sleep(100).then(() => {
      behaviours = [answers];
      server.listen(path);
    });
    assert.equal(((await ask()) as { ok: boolean }).ok, true);
    await later;
  });

  it('tells why the machine could not, and does not ask again', async () => {
    behaviours = [
      async (socket, next) => {
        socket.write(`${JSON.stringify({ id: idOf(await next()), ok: false, error: 'No clock.' })}\n`);
      },
    ];
    await assert.rejects(
      ask(),
      (error: Error) => error instanceof UnavailableError && error.message.includes('No clock.'),
    );
    assert.equal(sockets.length, 1);
  });

  it('gives up at the deadline, with that in the error', async () => {
    behaviours = [() => undefined];
    await assert.rejects(ask({ deadlineMs: 200 }), (error: Error) => {
      return error instanceof TimedOutError && error.message.includes('0.2 s');
    });
  });

  it('gives up at once when nobody wants the answer any more', async () => {
    behaviours = [() => undefined];
    const stop = new AbortController();
    const asked = ask({ signal: stop.signal });
    await sleep(50);
    stop.abort(new ConflictError('The seat is being deleted.'));
    await assert.rejects(asked, ConflictError);
    while (!sockets.every((socket) => socket.destroyed || socket.readableEnded)) await sleep(2);
    await assert.rejects(ask({ signal: stop.signal }), ConflictError);
    assert.equal(sockets.length, 1);
  });

  describe('by vsock', () => {
    it('opens the port first', async () => {
      behaviours = [
        async (socket, next) => {
          assert.equal(await next(), 'CONNECT 1024');
          socket.write('OK 1073741824\n');
          await answers(socket, next);
        },
      ];
      assert.equal(((await ask({ vsock: true })) as { ok: boolean }).ok, true);
    });

    it('asks again where the machine does not listen yet', async () => {
      behaviours = [
        async (socket, next) => {
          await next();
          socket.end();
        },
        async (socket, next) => {
          await next();
          socket.write('OK 7\n');
          await answers(socket, next);
        },
      ];
      assert.equal(((await ask({ vsock: true })) as { ok: boolean }).ok, true);
      assert.equal(sockets.length, 2);
    });
  });
});
