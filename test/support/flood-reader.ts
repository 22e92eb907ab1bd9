/**
 * A worker thread that lets a seat's terminal flood it, and takes everything: a client on another machine would not
 * share the event loop of who measures, either. It counts into the shared array that it is given, and posts the id of
 * its session once it has one (mode v1 only).
 */
import { parentPort, workerData } from 'node:worker_threads';
import { WebSocket } from 'ws';
import { SeatTerminal } from '../../src/client/terminal/seat-terminal.ts';
import type { Access } from '../../src/protocol/access.ts';

/** What the worker is given; `bytes` has one element. */
export interface Flood {
  readonly access: Access;
  readonly workshopId: string;
  readonly seat: number;
  /** As our own client, which acknowledges, or as any other. */
  readonly mode: 'v1' | 'plain';
  readonly bytes: BigInt64Array;
}

const { access, workshopId, seat, mode, bytes } = workerData as Flood;
const COMMAND = 'exec yes\r';

const count = (data: Uint8Array): void => {
  Atomics.add(bytes, 0, BigInt(data.length));
};

if (mode === 'v1') {
  const fail = (error: unknown): never => {
    throw error;
  };
  const terminal = new SeatTerminal(
    { getAccess: () => Promise.resolve(access), workshopId, seat, cols: 80, rows: 24 },
    {
      onData: count,
      onState: (state) => {
        if (state === 'connected') parentPort?.postMessage(terminal.session);
      },
      onExit: () => undefined,
      onSkipped: (skipped) => fail(new Error(`${skipped} bytes were skipped`)),
      onFailed: fail,
    },
  );
  terminal.write(COMMAND);
} else {
  const url = `${access.endpoint.replace('http', 'ws')}/proxy/${workshopId}/${seat}/terminal`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${access.token}` } });
  socket.on('message', count);
  socket.on('open', () => socket.send(Buffer.from(COMMAND)));
}
