/**
 * What a client that reads nothing costs the programs that serve it. Measured is the resident memory of /proc after a
 * collection of garbage, before and with many such clients; what the kernel keeps for their sockets is not in it. Each
 * is sent more than the kernel takes, and it is shown that it was.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { WebSocket } from 'ws';
import { TERMINAL_SUBPROTOCOL, type ServerControl } from '../../src/protocol/terminal.ts';
import type { Flood } from '../support/flood-reader.ts';
import { COLLECTABLE, collected, mebibytes, processorTicks, writeCollectable, untilIdle } from '../support/memory.ts';
import {
  createSeat,
  createWorker,
  endAgent,
  processesOf,
  removeWorker,
  REPOSITORY,
  seatToken,
  startAgent,
  until,
  type TestAgent,
  type Worker as TestWorker,
} from './agent-harness.ts';
import { TestState } from './control-plane-harness.ts';

/** Those that are there before: whatever only the first ones cost is in the first measurement. */
const FIRST = 4;
const CLIENTS = 16;
const BOUND = 2 * 1024 ** 2;
/** What the kernel keeps for a connection on this machine, and more. */
const BEYOND_KERNEL = 16_000_000;
const FILE_BYTES = 5 * BEYOND_KERNEL;
/** Less than the events of 10,000 seats. */
const BEYOND_SNAPSHOT = 3_000_000;
const WORKSHOP = 'ws-a';

interface Case<T> {
  readonly what: string;
  /** The programs that {@link Case.measure} tells of. */
  readonly names: readonly string[];
  readonly open: () => Promise<T>;
  /** Sends to all that are open more than the kernel takes. */
  readonly fill: () => Promise<unknown>;
  readonly measure: () => Promise<number[]>;
}

/** Opens clients, and compares what the programs have with {@link FIRST} of them and with {@link CLIENTS} more. */
async function assertCost<T>({ what, names, open, fill, measure }: Case<T>): Promise<T[]> {
  const openSome = async (count: number): Promise<{ clients: T[]; memory: number[] }> => {
    const clients: T[] = [];
    for (let index = 0; index < count; index += 1) clients.push(await open());
    await fill();
    return { clients, memory: await measure() };
  };
  const [first, more] = [await openSome(FIRST), await openSome(CLIENTS)];
  for (const [index, name] of names.entries()) {
    const [from, to] = [first.memory[index] ?? Number.NaN, more.memory[index] ?? Number.NaN];
    const each = (to - from) / CLIENTS;
    const text = `${what} costs the ${name} ${mebibytes(each)}`;
    console.log(`      ${text} (${mebibytes(from)} with ${FIRST}, ${mebibytes(to)} with ${FIRST + CLIENTS})`);
    assert.ok(each <= BOUND, text);
  }
  return [...first.clients, ...more.clients];
}

describe('a client that reads nothing', function () {
  this.timeout(360_000);

  describe('at the agent and in the seat', () => {
    let worker: TestWorker;
    let agent: TestAgent;
    let token: string;
    const threads = new Set<Worker>();
    const sockets = new Set<{ destroy(): void }>();

    beforeEach(async () => {
      worker = createWorker();
      const workspace = writeCollectable(join(worker.base, 'workspace.cjs'), join(REPOSITORY, 'dist/workspace.cjs'));
      agent = await startAgent(worker, { args: ['--workspace-program', workspace], environment: COLLECTABLE });
      await createSeat(agent, WORKSHOP, 1);
      token = await seatToken(WORKSHOP, 1);
    });

    afterEach(async () => {
      for (const thread of threads) await thread.terminate();
      for (const socket of sockets) socket.destroy();
      threads.clear();
      sockets.clear();
      await endAgent(agent, 'SIGKILL');
      removeWorker(worker);
    });

    it('costs little at a terminal that it only views, while another reads on', async () => {
      const { bytes, session } = await flood();
      const clients = await assertCost({
        what: 'a stalled viewer',
        names: ['agent', 'seat'],
        open: () => stalledTerminal(`session=${session}&mode=view`),
        fill: async () => {
          const from = read(bytes);
          await until('more was written than the kernel takes', () =>
            read(bytes) > from + BEYOND_KERNEL ? true : undefined,
          );
        },
        measure,
      });
      for (const { socket } of clients) socket.resume();
      await until('each is told that it has missed something', () =>
        clients.every(({ skipped }) => skipped() > 0) ? true : undefined,
      );
    });

    it('costs little at a terminal of its own', async () => {
      let opened = 0;
      await assertCost({
        what: 'a stalled writer, with its session,',
        names: ['agent', 'seat'],
        open: async () => {
          const { socket } = await stalledTerminal('');
          socket.send(Buffer.from('exec yes\r'));
          opened += 1;
        },
        fill: async () => {
          await until('each program runs', () => (cpuOf('yes').size === opened ? true : undefined));
          const programs = [...cpuOf('yes').keys()].map((line) => parseInt(line, 10));
          await untilIdle(agent.child.pid!, seatServer(), ...programs);
        },
        measure,
      });
      // Their programs wait, or this would be no stall.
      const first = cpuOf('yes');
      assert.equal(first.size, FIRST + CLIENTS);
      await sleep(1000);
      assert.deepEqual(cpuOf('yes'), first, 'a program whose output nobody takes runs on');
    });

    it('costs little at a download', async () => {
      const file = join(worker.state, 'seats', WORKSHOP, '1/home/large.bin');
      writeFileSync(file, '');
      truncateSync(file, FILE_BYTES);
      const clients = await assertCost({
        what: 'a stalled download',
        names: ['agent', 'seat'],
        open: async () => {
          const socket = await ask(agent.port, `/proxy/${WORKSHOP}/1/files/large.bin`, token);
          sockets.add(socket);
          return socket;
        },
        fill: () => untilIdle(agent.child.pid!, seatServer()),
        measure,
      });
      let received = 0;
      clients[0]?.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
      await until('the rest comes', () => (received >= FILE_BYTES ? true : undefined));
    });

    function seatServer(): number {
      const seats = processesOf(worker).filter((line) => line.includes('workspace.cjs\0--root'));
      assert.equal(seats.length, 1, seats.join('\n'));
      return parseInt(seats[0]!, 10);
    }

    async function measure(): Promise<number[]> {
      return [await collected(agent.child.pid!), await collected(seatServer())];
    }

    /** Processor time of each process of the seat that runs this program, in ticks. */
    function cpuOf(program: string): Map<string, number> {
      const lines = processesOf(worker).filter((line) => line.replaceAll('\0', ' ').trimEnd().endsWith(` ${program}`));
      return new Map(lines.map((line) => [line, processorTicks(parseInt(line, 10))]));
    }

    /** Floods a terminal that a thread reads at once. */
    async function flood(): Promise<{ bytes: BigInt64Array; session: string }> {
      const bytes = new BigInt64Array(new SharedArrayBuffer(8));
      const access = { endpoint: agent.url, token, expires_at: new Date(Date.now() + 600_000).toISOString() };
      const workerData: Flood = { access, workshopId: WORKSHOP, seat: 1, mode: 'v1', bytes };
      const thread = new Worker(new URL('../support/flood-reader.ts', import.meta.url), { workerData });
      threads.add(thread);
      const [session] = (await once(thread, 'message')) as [string];
      return { bytes, session };
    }

    /** A terminal of the v1 mode that reads nothing after the handshake. */
    async function stalledTerminal(query: string): Promise<{ socket: WebSocket; skipped: () => number }> {
      const url = `${agent.url.replace('http', 'ws')}/proxy/${WORKSHOP}/1/terminal?${query}`;
      const socket = new WebSocket(url, TERMINAL_SUBPROTOCOL, { headers: { authorization: `Bearer ${token}` } });
      sockets.add({ destroy: () => socket.terminate() });
      let skipped = 0;
      socket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) return;
        const control = JSON.parse(data.toString()) as ServerControl;
        if (control.type === 'ready') skipped += control.skipped;
      });
      await once(socket, 'open');
      socket.pause();
      // What it missed before it came counts for nothing.
      skipped = 0;
      return { socket, skipped: () => skipped };
    }
  });

  it('costs the control plane little at a stream of events, also with 10,000 seats', async () => {
    const state = new TestState();
    const sockets: Socket[] = [];
    try {
      const controlPlane = await state.serve(COLLECTABLE);
      const { client, child, file } = controlPlane;
      for (let index = 0; index < 20; index += 1) await client.createWorkshop({ seats: 500, start: false });
      const port = Number(new URL(file.url).port);
      // As many readers before: what is compiled and kept for the first ones is not to be counted.
      const readers = await Promise.all(Array.from({ length: 20 }, () => ask(port, '/api/events', file.token)));
      for (const reader of readers) reader.resume();
      await untilIdle(child.pid!);
      for (const reader of readers) reader.destroy();
      await assertCost({
        what: 'a stalled stream of events',
        names: ['control plane'],
        open: async () => sockets.push(await ask(port, '/api/events', file.token)),
        fill: () => untilIdle(child.pid!),
        measure: async () => [await collected(child.pid!)],
      });
      // It was not all in the kernel's hands: the rest comes only now.
      const [first] = sockets;
      const before = first!.bytesRead;
      first!.resume();
      await until('the rest comes', () => (first!.bytesRead > before + BEYOND_SNAPSHOT ? true : undefined));
    } finally {
      for (const socket of sockets) socket.destroy();
      await state.dispose();
    }
  });
});

/** A socket that has sent a GET and reads nothing. */
async function ask(port: number, path: string, bearer: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${bearer}\r\n\r\n`);
  return socket;
}

function read(bytes: BigInt64Array): number {
  return Number(Atomics.load(bytes, 0));
}
