/** Connects to a seat and replays a client's request to become a WebSocket. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { SeatAddress } from '../vmm/driver.ts';
import type { Header } from './headers.ts';

/** The most of an answer's head, in bytes. */
const MAX_HEAD_BYTES = 16_384;

const HEAD_END = '\r\n\r\n';

/** The seat's answer: its status, its head with the empty line, and a socket that is paused behind it. */
export interface UpgradeAnswer {
  readonly socket: Socket;
  readonly status: number;
  readonly head: Buffer;
}

async function open(address: SeatAddress, signal: AbortSignal): Promise<Socket> {
  const where = 'socketPath' in address ? { path: address.socketPath } : address;
  const socket = connect({ ...where, allowHalfOpen: true, noDelay: true });
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    socket.on('error', () => undefined).destroy();
    throw error;
  }
}

/** Reads to the end of an answer's head; what follows it stays in the socket, which is paused. */
function readHead(socket: Socket, signal: AbortSignal): Promise<Buffer> {
  let received = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const stop = () => {
      socket.off('data', take).off('error', fail).off('end', closed).off('close', closed).pause();
      signal.removeEventListener('abort', aborted);
    };
    const fail = (error: Error) => {
      stop();
      reject(error);
    };
    const closed = () => fail(new Error('The seat closed before it answered.'));
    const aborted = () => fail(new Error('The seat did not answer in time.', { cause: signal.reason }));
    const take = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf(HEAD_END);
      if (end === -1) {
        if (received.length > MAX_HEAD_BYTES) fail(new Error('The head of the answer is too large.'));
        return;
      }
      stop();
      const rest = received.subarray(end + HEAD_END.length);
      if (rest.length > 0) socket.unshift(rest);
      resolve(received.subarray(0, end + HEAD_END.length));
    };
    signal.addEventListener('abort', aborted);
    socket.on('error', fail).on('end', closed).on('close', closed).on('data', take);
  });
}

/** Sends the request and waits for the answer's head. @throws the socket's error, or the signal's reason */
export async function askForUpgrade(
  address: SeatAddress,
  path: string,
  headers: readonly Header[],
  signal: AbortSignal,
): Promise<UpgradeAnswer> {
  const socket = await open(address, signal);
  try {
    const lines = [`GET ${path} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`), '', ''];
    socket.write(lines.join('\r\n'), 'latin1');
    const head = await readHead(socket, signal);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head.toString('latin1'))?.[1]);
    if (Number.isNaN(status)) throw new Error('The seat did not answer in HTTP.');
    return { socket, status, head };
  } catch (error) {
    socket.on('error', () => undefined).destroy();
    throw error;
  }
}
