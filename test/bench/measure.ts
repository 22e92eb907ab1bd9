/** Measurements over one way to a seat. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { Way } from './seat.ts';

const MEGABYTE = 1_000_000;

/** A terminal whose shell runs this command, once it has begun to. */
async function openTerminal(way: Way, command: string): Promise<WebSocket> {
  const terminal = way.openTerminal();
  await once(terminal, 'open');
  let output = '';
  const begun = new Promise<void>((resolve) => {
    terminal.on('message', function listen(data: Buffer) {
      output += data.toString();
      // The shell's echo of the line has the parts apart.
      if (!output.includes('BEGIN')) return;
      terminal.off('message', listen);
      resolve();
    });
  });
  terminal.send(Buffer.from(`stty raw -echo; printf BEG; printf IN; read -n 1 -s; ${command}\r`));
  await begun;
  return terminal;
}

/** Microseconds from a key to its echo, each of them. */
export async function echo(way: Way, keys: number): Promise<number[]> {
  const terminal = await openTerminal(way, 'exec cat');
  terminal.send(Buffer.from('g'));
  const times: number[] = [];
  for (let key = 0; key < keys; key += 1) {
    const begun = process.hrtime.bigint();
    terminal.send(Buffer.from('x'));
    await once(terminal, 'message');
    times.push(Number(process.hrtime.bigint() - begun) / 1000);
  }
  terminal.terminate();
  return times;
}

/** Megabytes per second of terminal output. */
export async function output(way: Way, megabytes: number): Promise<number> {
  const bytes = megabytes * MEGABYTE;
  const terminal = await openTerminal(way, `head -c ${bytes} /dev/zero | tr '\\\\0' x; exec cat`);
  let received = 0;
  const all = new Promise<void>((resolve) => {
    terminal.on('message', (data: Buffer) => {
      received += data.length;
      if (received >= bytes) resolve();
    });
  });
  const begun = performance.now();
  terminal.send(Buffer.from('g'));
  await all;
  const seconds = (performance.now() - begun) / 1000;
  terminal.terminate();
  return megabytes / seconds;
}

/** Megabytes per second of reading a file. */
export async function fileRead(way: Way, path: string): Promise<number> {
  const begun = performance.now();
  const request = get({ ...way.fileRequest(path), agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`Reading ${path} was answered with ${response.statusCode}.`);
  let received = 0;
  for await (const chunk of response) received += (chunk as Buffer).length;
  return received / MEGABYTE / ((performance.now() - begun) / 1000);
}

/** The value under which a fraction of them is. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}
