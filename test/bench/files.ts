/** Files up and down: nginx, the seat itself, and through the agent. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request as send, type IncomingMessage, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HOW_TO_GET_NGINX, startNginx } from './nginx.ts';
import { openSeat } from './seat.ts';
import { compare, heading, row } from './table.ts';

const ROUNDS = 5;
const LARGE_BYTES = 100_000_000;
const PIECE_BYTES = 65_536;
const SMALL_FILES = 1_000;
const SMALL_BYTES = 1_024;
/** As many requests at once as an editor has. */
const AT_ONCE = 8;

interface Way {
  readonly name: string;
  readonly request: (path: string) => RequestOptions;
}

/** What was measured of one way: rates in MB/s and files/s, times in milliseconds. */
interface Samples {
  readonly name: string;
  readonly up: number[];
  readonly down: number[];
  readonly upRate: number[];
  readonly downRate: number[];
  readonly upTimes: number[];
  readonly downTimes: number[];
}

export async function benchFiles(): Promise<void> {
  const seat = await openSeat();
  const folder = mkdtempSync(join(tmpdir(), 'carapace-bench-nginx-'));
  const nginx = await startNginx(folder);
  if (nginx === undefined) row(`\n${HOW_TO_GET_NGINX}`);
  try {
    const ways: Way[] = [
      ...(nginx === undefined ? [] : [{ name: nginx.version, request: nginx.fileRequest }]),
      { name: 'seat directly', request: seat.direct.fileRequest },
      { name: 'by the agent', request: seat.proxied.fileRequest },
    ];
    const samples = ways.map(({ name }): Samples => ({
      name,
      up: [],
      down: [],
      upRate: [],
      downRate: [],
      upTimes: [],
      downTimes: [],
    }));
    // By turns, as above; the first round only warms up.
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [index, way] of ways.entries()) await measure(way, round === 0 ? undefined : samples[index]);
    }
    print(samples);
  } finally {
    await nginx?.close();
    await seat.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure({ request }: Way, into: Samples | undefined): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const options = (path: string): RequestOptions => ({ ...request(path), agent });
  try {
    const megabytes = LARGE_BYTES / 1_000_000;
    const up = await seconds(() => put(options('large.bin'), LARGE_BYTES));
    const down = await seconds(() => get(options('large.bin'), LARGE_BYTES));
    const upTimes: number[] = [];
    const downTimes: number[] = [];
    const small = (act: (options: RequestOptions, bytes: number) => Promise<void>, times: number[]) =>
      seconds(() =>
        inTurn(async (index) => {
          times.push((await seconds(() => act(options(`small/${index}.txt`), SMALL_BYTES))) * 1000);
        }),
      );
    const upSmall = await small(put, upTimes);
    const downSmall = await small(get, downTimes);
    into?.up.push(megabytes / up);
    into?.down.push(megabytes / down);
    into?.upRate.push(SMALL_FILES / upSmall);
    into?.downRate.push(SMALL_FILES / downSmall);
    into?.upTimes.push(...upTimes);
    into?.downTimes.push(...downTimes);
  } finally {
    agent.destroy();
  }
}

/** All the small files, some at once. */
async function inTurn(act: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < SMALL_FILES) await act(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

async function seconds(act: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await act();
  return (performance.now() - begun) / 1000;
}

async function put(options: RequestOptions, bytes: number): Promise<void> {
  const request = send({ ...options, method: 'PUT' });
  request.setHeader('content-length', bytes);
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  await Promise.all([pipeline(Readable.from(pieces(bytes)), request), answered]);
  const [response] = await answered;
  if (response.statusCode !== 201 && response.statusCode !== 204 && response.statusCode !== 200) {
    throw new Error(`PUT ${options.path ?? ''} was answered with ${response.statusCode}`);
  }
  await received(response);
}

async function get(options: RequestOptions, bytes: number): Promise<void> {
  const request = send(options);
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const length = await received(response);
  if (response.statusCode === 200 && length === bytes) return;
  throw new Error(`GET ${options.path ?? ''} was answered with ${response.statusCode} and ${length} bytes`);
}

async function received(response: IncomingMessage): Promise<number> {
  let length = 0;
  for await (const chunk of response) length += (chunk as Buffer).length;
  return length;
}

function* pieces(bytes: number): Generator<Buffer, void, undefined> {
  const piece = Buffer.alloc(PIECE_BYTES, 'carapace');
  for (let left = bytes; left > 0; left -= PIECE_BYTES) yield left < PIECE_BYTES ? piece.subarray(0, left) : piece;
}

function print(samples: readonly Samples[]): void {
  const all = (pick: (one: Samples) => number[]) => samples.map((one) => ({ name: one.name, values: pick(one) }));
  heading('files', ...samples.map(({ name }) => name));
  compare(
    '100 MB up, MB/s',
    'rate',
    all(({ up }) => up),
  );
  compare(
    '100 MB down, MB/s',
    'rate',
    all(({ down }) => down),
  );
  compare(
    '1,000 small up, files/s',
    'rate',
    all(({ upRate }) => upRate),
  );
  compare(
    'each of them, ms',
    'time',
    all(({ upTimes }) => upTimes),
  );
  compare(
    '1,000 small down, files/s',
    'rate',
    all(({ downRate }) => downRate),
  );
  compare(
    'each of them, ms',
    'time',
    all(({ downTimes }) => downTimes),
  );
}
