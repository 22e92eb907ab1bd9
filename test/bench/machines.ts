/**
 * What machines cost on this computer: a cold boot, restores one by one, eight seats at once, memory per seat. Runs in the
 * namespaces of test/e2e/microvm/enter.sh; prints one line of JSON for machine-parts.ts.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentClient } from '../../src/client/agent.ts';
import { agentFileSchema } from '../../src/protocol/agent.ts';
import { processesNaming } from '../support/processes.ts';
import type { MachineFigures } from './machine-figures.ts';

const ALONE = 5;
const TOGETHER = 8;
const DEADLINE_MS = 300_000;

const folder = mkdtempSync(join(tmpdir(), 'carapace-bench-machines-'));
const state = join(folder, 'state');
const secrets = { AGENT_TOKEN: 'token-of-the-bench-1', WORKSPACE_TOKEN_SECRET: 'secret-of-the-bench-1' };
const agent = spawn(
  process.execPath,
  [
    resolve('dist/agent.cjs'),
    '--runtime',
    'qemu',
    '--state-dir',
    state,
    '--listen',
    '127.0.0.1:0',
    '--insecure-loopback',
  ],
  { env: { ...process.env, ...secrets, SOCKET_DIR: join(folder, 'run') }, stdio: ['ignore', 'ignore', 'inherit'] },
);

async function connect(): Promise<AgentClient> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    if (agent.exitCode !== null || Date.now() > deadline) throw new Error('the agent does not serve');
    try {
      const { url } = agentFileSchema.parse(JSON.parse(readFileSync(join(state, 'agent.json'), 'utf8')));
      const client = new AgentClient({ url, token: secrets.AGENT_TOKEN }, { seatDeadlineMs: DEADLINE_MS });
      if ((await client.health()).status === 'healthy') return client;
    } catch (error) {
      if (error instanceof SyntaxError) throw error;
    }
    await sleep(100);
  }
}

/** MiB of memory that are a machine's own, and those that it shares with others of its kind. */
function memory(): { own: number; shared: number }[] {
  return processesNaming(folder)
    .filter(({ command }) => command.includes('qemu-system'))
    .map(({ pid }) => {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      const of = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(rollup)?.[1] ?? 0) / 1024;
      return { own: of('Private_Clean') + of('Private_Dirty'), shared: of('Shared_Clean') + of('Shared_Dirty') };
    });
}

async function measure(): Promise<MachineFigures> {
  const begun = performance.now();
  const client = await connect();
  const firstMs = performance.now() - begun;
  const seat = (seat_id: number) => client.createVm({ workshop_id: 'bench', seat_id });
  const alone: number[] = [];
  for (let index = 1; index <= ALONE; index += 1) {
    alone.push((await seat(1)).started_in_ms);
    await client.deleteVm('bench', 1);
  }
  // Over a disk that was kept, a machine has to boot.
  await seat(1);
  await client.deleteVm('bench', 1, { keepFiles: true });
  const cold = await seat(1);
  if (cold.from_snapshot) throw new Error('the machine did not boot');
  await client.deleteVm('bench', 1);
  const together = performance.now();
  const seats = await Promise.all(Array.from({ length: TOGETHER }, (_, index) => seat(index + 1)));
  const togetherMs = performance.now() - together;
  const used = memory();
  await Promise.all(seats.map(({ seat_id }) => client.deleteVm('bench', seat_id)));
  return {
    firstMs,
    coldMs: cold.started_in_ms,
    alone,
    together: seats.map(({ started_in_ms }) => started_in_ms),
    togetherMs,
    memory: used,
  };
}

try {
  console.log(JSON.stringify(await measure()));
} finally {
  agent.kill('SIGTERM');
  await new Promise((ended) => (agent.exitCode === null ? agent.once('exit', ended) : ended(0)));
  if (readdirSync(folder).length > 0) rmSync(folder, { recursive: true, force: true });
}
