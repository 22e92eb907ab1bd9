/** Terminals of ttyd, the comparison: the same shell behind another server. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { OpenChannel } from '../support/terminal-measure.ts';

/** Names another program than the one on the PATH. */
const PROGRAM = process.env['CARAPACE_TTYD'] ?? 'ttyd';
export const HOW_TO_GET_TTYD =
  'ttyd is not installed: apt-get install ttyd (Debian has it in unstable only), or name its program in CARAPACE_TTYD';

/** Its protocol: the first byte of a message says what it is. */
const DATA = '0'.charCodeAt(0);
const START_MS = 10_000;

export interface Ttyd {
  readonly version: string;
  readonly open: OpenChannel;
  close(): Promise<void>;
}

/** Undefined where it is not installed. */
export async function startTtyd(folder: string): Promise<Ttyd | undefined> {
  const { stdout, status } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  // Port 0 is any free one; seats have no compression either.
  const words = ['--port', '0', '--interface', '127.0.0.1', '--writable', '--cwd', folder, 'bash', '--login'];
  const child = spawn(PROGRAM, words, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: folder } });
  const port = await portOf(child);
  return {
    version: stdout.trim(),
    open: () => openChannel(port),
    close: async () => {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
    },
  };
}

async function portOf(child: ChildProcess): Promise<number> {
  let log = '';
  const found = Promise.withResolvers<number>();
  const late = setTimeout(() => found.reject(new Error(`ttyd does not listen: ${log}`)), START_MS);
  child.stderr?.on('data', (chunk) => {
    log += String(chunk);
    const port = /Listening on port: (\d+)/.exec(log)?.[1];
    if (port !== undefined) found.resolve(Number(port));
  });
  child.once('exit', () => found.reject(new Error(`ttyd has ended: ${log}`)));
  return found.promise.finally(() => clearTimeout(late));
}

async function openChannel(port: number): ReturnType<OpenChannel> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'tty', { perMessageDeflate: false });
  await once(socket, 'open', { signal: AbortSignal.timeout(START_MS) });
  socket.send(Buffer.from(JSON.stringify({ AuthToken: '', columns: 80, rows: 24 })));
  return {
    send: (bytes) => socket.send(Buffer.concat([Buffer.from([DATA]), bytes])),
    listen: (listener) =>
      socket.removeAllListeners('message').on('message', (data: Buffer) => {
        if (data[0] === DATA) listener(data.subarray(1));
      }),
    close: () => socket.terminate(),
  };
}
