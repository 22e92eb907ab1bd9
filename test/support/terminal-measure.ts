/** Measurements of a terminal, whatever protocol it speaks. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { SeatTerminal } from '../../src/client/terminal/seat-terminal.ts';
import type { Access } from '../../src/protocol/access.ts';

/** An open terminal: bytes in, bytes out. */
export interface Channel {
  send(bytes: Buffer): void;
  /** Called with each piece of output; a new listener replaces the one before. */
  listen(listener: (data: Uint8Array) => void): void;
  close(): void;
}

/** Opens a terminal; each time another shell. */
export type OpenChannel = () => Promise<Channel>;

const DEADLINE_MS = 30_000;
const MEGABYTE = 1_000_000;

/** A terminal of ours in the plain mode. */
export function plainChannel(open: () => WebSocket): OpenChannel {
  return async () => {
    const socket = open();
    await once(socket, 'open', { signal: AbortSignal.timeout(DEADLINE_MS) });
    return {
      send: (bytes) => socket.send(bytes),
      listen: (listener) => socket.removeAllListeners('message').on('message', listener),
      close: () => socket.terminate(),
    };
  };
}

/** A terminal of ours as the extension has it: with acknowledgements, both ways. */
export function clientChannel(access: Access, workshopId: string, seat: number): OpenChannel {
  return async () => {
    let listener: (data: Uint8Array) => void = () => undefined;
    const connected = Promise.withResolvers<undefined>();
    const terminal = new SeatTerminal(
      { getAccess: () => Promise.resolve(access), workshopId, seat, cols: 80, rows: 24 },
      {
        onData: (data) => listener(data),
        onState: (state) => state === 'connected' && connected.resolve(undefined),
        onExit: () => undefined,
        onSkipped: () => undefined,
        onFailed: (error) => connected.reject(error),
      },
    );
    await connected.promise;
    return {
      send: (bytes) => terminal.write(bytes),
      listen: (next) => (listener = next),
      close: () => terminal.dispose(),
    };
  };
}

/** A terminal whose shell runs this command once it gets a key. */
export async function openTerminal(open: OpenChannel, command: string): Promise<Channel> {
  const channel = await open();
  let output = '';
  const begun = Promise.withResolvers<undefined>();
  const late = setTimeout(() => begun.reject(new Error(`the terminal did not begin: ${output}`)), DEADLINE_MS);
  channel.listen((data) => {
    output += Buffer.from(data).toString();
    // The shell's echo of the line has the parts apart.
    if (output.includes('BEGIN')) begun.resolve(undefined);
  });
  channel.send(Buffer.from(`stty raw -echo; printf BEG; printf IN; read -n 1 -s; ${command}\r`));
  await begun.promise.finally(() => clearTimeout(late));
  return channel;
}

/** Microseconds from a key to its echo, each of them. */
export async function echo(open: OpenChannel, keys: number): Promise<number[]> {
  const channel = await openTerminal(open, 'exec cat');
  try {
    channel.send(Buffer.from('g'));
    // Until the program is there: before that the terminal itself could echo.
    await sleep(100);
    const times: number[] = [];
    for (let key = 0; key < keys; key += 1) times.push(await echoOfOne(channel));
    return times;
  } finally {
    channel.close();
  }
}

async function echoOfOne(channel: Channel): Promise<number> {
  const answered = Promise.withResolvers<undefined>();
  const late = setTimeout(() => answered.reject(new Error('a key had no echo')), DEADLINE_MS);
  channel.listen(() => answered.resolve(undefined));
  const begun = process.hrtime.bigint();
  channel.send(Buffer.from('x'));
  await answered.promise.finally(() => clearTimeout(late));
  return Number(process.hrtime.bigint() - begun) / 1000;
}

/** Megabytes per second of terminal output. */
export async function output(open: OpenChannel, megabytes: number): Promise<number> {
  const bytes = megabytes * MEGABYTE;
  const channel = await openTerminal(open, `head -c ${bytes} /dev/zero | tr '\\\\0' x; exec cat`);
  try {
    let received = 0;
    const all = Promise.withResolvers<undefined>();
    channel.listen((data) => {
      received += data.length;
      if (received >= bytes) all.resolve(undefined);
    });
    const begun = performance.now();
    channel.send(Buffer.from('g'));
    const late = setTimeout(() => all.reject(new Error(`only ${received} bytes came`)), 2 * DEADLINE_MS);
    await all.promise.finally(() => clearTimeout(late));
    return megabytes / ((performance.now() - begun) / 1000);
  } finally {
    channel.close();
  }
}
