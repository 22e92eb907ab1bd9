/**
 * `npm run bench`: what the agent's proxy costs against the seat itself, measured in one run so that the machine cancels
 * out; how long programs take to begin; how large the bundles are. Nothing here passes or fails.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { bundleHostTests } from '../host/bundle.ts';
import { runInHost } from '../host/harness.ts';
import { benchCluster } from './cluster.ts';
import type { MachineFigures } from './machine-figures.ts';
import { echo, fileRead, output, quantile } from './measure.ts';
import { openSeat, type BenchSeat, type Way } from './seat.ts';

const ROUNDS = 5;
const KEYS_PER_ROUND = 400;
const TERMINAL_MEGABYTES = 20;
const FILE_BYTES = 100_000_000;
const FILE = 'large.bin';
const STARTS = 10;

function row(name: string, ...columns: (string | number)[]): void {
  const cells = columns.map((column) => (typeof column === 'number' ? shown(column) : column));
  console.log(name.padEnd(34) + cells.map((cell) => cell.padStart(14)).join(''));
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

interface Samples {
  readonly echo: number[];
  readonly output: number[];
  readonly file: number[];
}

async function measure(way: Way, into: Samples): Promise<void> {
  into.echo.push(...(await echo(way, KEYS_PER_ROUND)));
  into.output.push(await output(way, TERMINAL_MEGABYTES));
  into.file.push(await fileRead(way, FILE));
}

async function compareProxy(seat: BenchSeat): Promise<void> {
  writeFileSync(join(seat.folder, FILE), Buffer.alloc(FILE_BYTES, 'carapace'));
  const [direct, proxied] = [0, 1].map((): Samples => ({ echo: [], output: [], file: [] })) as [Samples, Samples];
  // By turns, so that whatever else the machine does meets both.
  for (let round = 0; round < ROUNDS; round += 1) {
    await measure(seat.direct, direct);
    await measure(seat.proxied, proxied);
  }
  const compare = (name: string, a: number, b: number): void => row(name, a, b, `× ${(b / a).toFixed(2)}`);
  row('', 'direct', 'by the proxy', 'ratio');
  compare('echo of a key, median, µs', quantile(direct.echo, 0.5), quantile(proxied.echo, 0.5));
  compare('echo of a key, 99 %, µs', quantile(direct.echo, 0.99), quantile(proxied.echo, 0.99));
  compare('terminal output, MB/s', quantile(direct.output, 0.5), quantile(proxied.output, 0.5));
  compare('reading a file, MB/s', quantile(direct.file, 0.5), quantile(proxied.file, 0.5));
}

/** Milliseconds that a program of Node takes from start to end, the median. */
async function startTime(...args: string[]): Promise<number> {
  const times: number[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    const begun = performance.now();
    await execa(process.execPath, args);
    times.push(performance.now() - begun);
  }
  return quantile(times, 0.5);
}

async function compareStart(): Promise<void> {
  const node = await startTime('-e', '0');
  const cli = await startTime('dist/cli.cjs', '--version');
  row('\nstart, ms', 'node', 'carapace', 'ratio');
  row('to the end of --version', node, cli, `× ${(cli / node).toFixed(2)}`);
}

async function activation(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'carapace-bench-'));
  const file = join(folder, 'activation');
  process.env['CARAPACE_ACTIVATION_FILE'] = file;
  try {
    const code = await runInHost(await bundleHostTests('test/host/activation.ts'));
    row('activation in VS Code, ms', code === 0 ? Number(readFileSync(file, 'utf8')) : 'failed');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function cluster(): Promise<void> {
  const { seen, cpuSecondsPerHour, requestsPerHour } = await benchCluster();
  row('\ncloud server', '');
  row('change to event, median, s', quantile(seen, 0.5));
  row('change to event, longest, s', Math.max(...seen));
  row('CPU of an unwatched hour, s', cpuSecondsPerHour);
  row('requests to SkyPilot in it', requestsPerHour);
}

/** Machines need root, and an image, which bin/test has built. */
async function machines(): Promise<void> {
  const find = '. bin/lib.sh && ensure_images && echo "$images_folder"';
  const images = (await execa('bash', ['-c', find], { stderr: 'inherit' })).stdout;
  if (images === '') {
    row('\nmachines', 'need root');
    return;
  }
  const program = [process.execPath, 'test/bench/machines.ts'];
  const words = ['env', `IMAGES_DIR=${images}`, ...program];
  const { stdout } = await execa('test/e2e/microvm/enter.sh', words, { stderr: 'ignore' });
  const figures = JSON.parse(stdout) as MachineFigures;
  row('\nmachines', '');
  row('from the agent to the first, s', figures.firstMs / 1000);
  row('a seat booted cold, s', figures.coldMs / 1000);
  row('a seat restored, median, s', quantile(figures.alone, 0.5) / 1000);
  row(
    `${figures.together.length} at once: median, all, s`,
    quantile(figures.together, 0.5) / 1000,
    figures.togetherMs / 1000,
  );
  const mean = (pick: 'own' | 'shared'): number =>
    figures.memory.reduce((sum, machine) => sum + machine[pick], 0) / figures.memory.length;
  row('memory per seat, own, shared, MiB', mean('own'), mean('shared'));
}

function sizes(): void {
  console.log('\nsizes, KB');
  for (const path of ['extension', 'cli', 'agent', 'workspace'].map((name) => `dist/${name}.cjs`))
    row(path, (statSync(path).size / 1024).toFixed(0));
}

await execa(process.execPath, ['esbuild.js', '--production']);
const seat = await openSeat();
try {
  await compareProxy(seat);
} finally {
  await seat.close();
}
await compareStart();
await activation();
await cluster();
await machines();
sizes();
