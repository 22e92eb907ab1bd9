/** The program that the guest runs: it tries everything, and tells what it found, fact by fact. */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { chooseLimiter } from '../../../../../src/agent/limits/choose.ts';
import type { Facts, LimitFacts, Told } from '../facts.ts';
import { installWorker } from './install.ts';
import { measureLimits } from './limits.ts';
import { Metadata } from './metadata.ts';
import { killAndStop, lookAtHardening, playRuntime, startAgent, takeTokenAway } from './service.ts';
import { outputOf, run, until } from './tools.ts';

const PORT = '/dev/virtio-ports/carapace.facts';

function tell(told: Told): void {
  appendFileSync(PORT, `${JSON.stringify(told)}\n`);
}

/** One part that fails does not keep the others from being tried. */
async function find<K extends keyof Facts>(name: K, look: () => Facts[K] | Promise<Facts[K]>): Promise<void> {
  const began = performance.now();
  try {
    tell({ name, value: await look() });
  } catch (error) {
    tell({ name: 'failed', value: `${name}: ${error instanceof Error ? error.stack : String(error)}` });
  }
  process.stdout.write(`${name} took ${Math.round(performance.now() - began)} ms, up for ${process.uptime()} s\n`);
}

async function limitsOfSystemd(): Promise<LimitFacts> {
  const list = 'list-units --all --plain --no-legend clarateach-seat-*'.split(' ');
  const limiter = await chooseLimiter('tests');
  const facts = await measureLimits(limiter, () => groupsIn('/sys/fs/cgroup/clarateach.slice/clarateach-seats.slice'));
  // systemd may need a moment to forget a unit.
  await until('systemd to forget all scopes', async () => (await outputOf('systemctl', ...list)) === '');
  return facts;
}

function groupsIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** A part of the tree that systemd leaves alone plays a machine without systemd. */
async function limitsOfCgroups(): Promise<LimitFacts> {
  const root = '/sys/fs/cgroup/system.slice/played.scope';
  const options = ['--quiet', '--scope', '--unit=played.scope', '--slice=system.slice', '--property=Delegate=yes'];
  const holder = spawn('systemd-run', [...options, 'sleep', 'infinity'], { stdio: 'ignore' });
  await until('the played tree', () => readFileSync(`/proc/${holder.pid}/cgroup`, 'utf8').includes('played.scope'));
  // A group that passes controllers on has no processes of its own.
  mkdirSync(`${root}/holder`);
  writeFileSync(`${root}/holder/cgroup.procs`, String(holder.pid));
  try {
    const limiter = await chooseLimiter('tests', { cgroupRoot: root, systemdMark: '/nonexistent', path: '/usr/bin' });
    return await measureLimits(limiter, () => groupsIn(`${root}/clarateach/tests`));
  } finally {
    await run('systemctl', 'kill', '--signal=SIGKILL', 'played.scope');
  }
}

async function main(): Promise<void> {
  const metadata = new Metadata();
  await find('systemd', () => outputOf('systemctl', '--version'));
  await find('systemdLimits', limitsOfSystemd);
  await find('cgroupLimits', limitsOfCgroups);
  await find('install', installWorker);
  playRuntime();
  await run('systemctl', 'daemon-reload');
  const token = await startAgent(metadata).catch((error: unknown) => error as Error);
  await find('hardening', lookAtHardening);
  await find('restart', async () => killAndStop(await chooseLimiter('tests'), metadata));
  await find('token', async () => {
    if (token instanceof Error) throw token;
    return { ...token, ...(await takeTokenAway(metadata)) };
  });
  await metadata.close();
  tell({ name: 'end', value: true });
}

await main();
// A program that a failed part has left would keep this one from ending.
process.exit(0);
