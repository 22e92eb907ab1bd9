import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveIdentity, hostnameOf } from '../../../../../src/agent/vmm/machine/identity.ts';
import { seatLabel } from '../../../../../src/agent/vmm/machine/machine-paths.ts';
import { seatRequestSchema, type SeatRequest } from '../../../../../src/protocol/seat-init.ts';

type Identify = Extract<SeatRequest, { op: 'identify' }>;

describe('who a machine is', () => {
  it('has a name that is a host’s and no other seat’s', () => {
    assert.equal(hostnameOf({ workshopId: 'ws-7k2m9xq4', seatId: 3 }), 'seat-3-7k2m9xq4');
    const long = hostnameOf({ workshopId: `${'a'.repeat(54)}-${'b'.repeat(8)}`, seatId: 500 });
    assert.match(long, /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);
  });

  it('has a name on the worker that says which seat it is, or is short all the same', () => {
    assert.equal(seatLabel({ workshopId: 'ws-7k2m9xq4', seatId: 3 }), 'seat-ws-7k2m9xq4-3');
    const [one, two] = [1, 2].map((seatId) => seatLabel({ workshopId: 'w'.repeat(63), seatId }));
    assert.notEqual(one, two);
    assert.ok(one!.length <= 40);
  });

  it('is told again, with the time of then, where the machine was slow to hear it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carapace-identity-'));
    const path = join(folder, 'channel');
    const heard: { request: Identify; at: number }[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (line: Buffer) => {
        const request = seatRequestSchema.parse(JSON.parse(line.toString())) as Identify;
        heard.push({ request, at: Date.now() });
        void sleep(heard.length === 1 ? 1_200 : 1).then(() => {
          socket.write(`${JSON.stringify({ id: request.id, ok: true })}\n`);
        });
      });
    });
    await once(server.listen(path), 'listening');
    try {
      const options = { deadlineMs: 20_000, signal: new AbortController().signal };
      const key = { workshopId: 'ws-a', seatId: 3 };
      await giveIdentity({ kind: 'serial', socketPath: path }, key, 'f'.repeat(32), options);
      assert.ok(heard.length >= 2);
      for (const [index, { request, at }] of heard.entries()) {
        const told = Number(BigInt(request.time_ns) / 1_000_000n);
        assert.ok(told >= (heard[index - 1]?.at ?? 0) && told <= at, `${told} was heard at ${at}`);
        assert.deepEqual([request.machine_id, request.hostname, request.seat], ['f'.repeat(32), 'seat-3-a', 3]);
        assert.ok(Buffer.from(request.entropy, 'base64').length >= 64);
      }
      assert.notEqual(heard[0]?.request.entropy, heard[1]?.request.entropy);
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});
