/** The memory of control plane and agent at rest and with a hundred seats. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { agentHealthSchema, type AgentHealth } from '../../src/protocol/agent.ts';
import {
  createSeat,
  createWorker,
  endAgent,
  openTerminal,
  processesOf,
  removeWorker,
  startAgent,
  type TestAgent,
} from '../e2e/agent-harness.ts';
import { succeeded, TestState } from '../e2e/control-plane-harness.ts';
import { quantile } from '../support/figures.ts';
import { residentBytes } from '../support/memory.ts';
import { heading, row } from './table.ts';

const SEATS = 100;
const SETTLE_MS = 5_000;
const AT_ONCE = 4;
/** Below this the machine would begin to suffer; then there are fewer seats. */
const SPARE_BYTES = 4 * 1024 ** 3;
const MEBIBYTE = 1024 ** 2;

export async function benchMemory(): Promise<void> {
  heading('memory, MiB', 'at rest', `with ${SEATS} seats`);
  await controlPlane();
  await agent();
}

/** Its seats are stubs: it knows of seats, it does not hold them. */
async function controlPlane(): Promise<void> {
  const state = new TestState();
  try {
    state.useFakeAgent({ capacity: SEATS });
    const { client, child } = await state.serve();
    const rest = await settled(child.pid ?? 0);
    const { workshop, operation } = await client.createWorkshop({ seats: SEATS });
    await succeeded(client, operation);
    for (let index = 0; index < SEATS; index += 1) await client.join({ code: workshop.code });
    row('control plane, everybody joined', rest, await settled(child.pid ?? 0));
  } finally {
    await state.dispose();
  }
}

/** Real seats, each with a terminal that somebody has open; as many as the memory of this machine allows. */
async function agent(): Promise<void> {
  const worker = createWorker();
  const running = await startAgent(worker, { args: ['--capacity', String(SEATS), '--log-level', 'info'] });
  try {
    const pid = running.child.pid ?? 0;
    const rest = await settled(pid);
    // A worker takes no more process seats than its cores bear.
    const most = Math.min(SEATS, (await health(running)).capacity);
    let seats = 0;
    const lane = async (): Promise<void> => {
      while (seats < most && spareBytes() > SPARE_BYTES) {
        seats += 1;
        const seat = seats;
        await createSeat(running, 'ws-bench', seat);
        await openTerminal(running, 'ws-bench', seat);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    row(`agent, ${seats} seats with a terminal open`, rest, await settled(pid));
    const servers = processesOf(worker)
      .filter((line) => line.includes('workspace.cjs\0--root'))
      .map((line) => parseInt(line, 10));
    const own = servers.map((server) => proportionalBytes(server) / MEBIBYTE);
    row('each seat, its share, median and most', quantile(own, 0.5), Math.max(...own));
  } finally {
    await endAgent(running, 'SIGKILL');
    removeWorker(worker);
  }
}

async function health({ url }: TestAgent): Promise<AgentHealth> {
  return agentHealthSchema.parse(await (await fetch(`${url}/health`)).json());
}

/** MiB that are resident after a while. */
async function settled(pid: number): Promise<number> {
  await sleep(SETTLE_MS);
  return residentBytes(pid) / MEBIBYTE;
}

/** What a process has, what it shares counted in parts (Pss of proc(5)). */
function proportionalBytes(pid: number): number {
  return kilobytes(`/proc/${pid}/smaps_rollup`, 'Pss') * 1024;
}

function spareBytes(): number {
  return kilobytes('/proc/meminfo', 'MemAvailable') * 1024;
}

function kilobytes(file: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8'))?.[1]);
}
