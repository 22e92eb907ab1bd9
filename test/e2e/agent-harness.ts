/** Starts real agents on folders of their own, talks to them, and counts what they leave behind. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import { agentFileSchema, type Vm } from '../../src/protocol/agent.ts';
import { workshopKey } from '../../src/protocol/access.ts';
import type { ErrorBody } from '../../src/protocol/errors.ts';
import { readIfThere } from '../support/files.ts';
import { kill } from '../support/processes.ts';

export const REPOSITORY = resolve(import.meta.dirname, '../..');
export const FAKE_WORKSPACE = join(REPOSITORY, 'test/fakes/workspace-server.ts');

/** What tests need to know of the bundles: the agent's program, with workspace.cjs beside it. */
export const AGENT_PROGRAM = join(REPOSITORY, 'dist/agent.cjs');

const DEADLINE_MS = 60_000;
const SECRET = 'secret-of-the-workshops-1234567890';
export const AGENT_TOKEN = 'token-of-the-agent-1234567890';

/** Folders of one worker, over all of its agents. */
export interface Worker {
  readonly base: string;
  readonly state: string;
  readonly sockets: string;
}

export function createWorker(): Worker {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-e2e-')));
  return { base, state: join(base, 'state'), sockets: join(base, 'run') };
}

export interface TestAgent {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
  /** Everything that it has printed. */
  log(): string;
}

/** Starts the agent's program and waits for its end. */
export async function runAgent(
  args: readonly string[],
  environment: Record<string, string>,
): Promise<{ code: number | null; stderr: string }> {
  const env = { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', ...environment };
  const child = spawn(process.execPath, [AGENT_PROGRAM, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

export function agentArguments(worker: Worker): string[] {
  return ['--state-dir', worker.state, '--listen', '127.0.0.1:0', '--insecure-loopback'];
}

export function agentEnvironment(worker: Worker): Record<string, string> {
  return { AGENT_TOKEN, WORKSPACE_TOKEN_SECRET: SECRET, SOCKET_DIR: worker.sockets };
}

/** Starts an agent and returns once it listens; with `until: 'healthy'`, once it can make seats. */
export async function startAgent(
  worker: Worker,
  options: { args?: readonly string[]; environment?: Record<string, string>; until?: 'listening' | 'healthy' } = {},
): Promise<TestAgent> {
  const own = { PATH: process.env['PATH'] ?? '', HOME: worker.base, ...agentEnvironment(worker) };
  const env = { ...own, ...options.environment };
  const args = [AGENT_PROGRAM, ...agentArguments(worker), '--log-level', 'trace', ...(options.args ?? [])];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stdout.on('data', (chunk) => (log += String(chunk)));
  child.stderr.on('data', (chunk) => (log += String(chunk)));
  const url = await until('the agent listens', () => {
    assert.equal(child.exitCode, null, `the agent ended: ${log}`);
    const text = readIfThere(join(worker.state, 'agent.json'));
    if (text === undefined) return undefined;
    const file = agentFileSchema.parse(JSON.parse(text));
    return file.pid === child.pid ? file.url : undefined;
  });
  const agent: TestAgent = { url, port: Number(new URL(url).port), child, log: () => log };
  if (options.until !== 'listening') {
    await until('the agent is healthy', async () => {
      const health = (await (await fetch(`${url}/health`)).json()) as { status: string };
      return health.status === 'healthy' ? true : undefined;
    });
  }
  return agent;
}

/** Ends an agent and waits for that. */
export async function endAgent(agent: TestAgent, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (agent.child.exitCode !== null || agent.child.signalCode !== null) return agent.child.exitCode;
  const closed = once(agent.child, 'close');
  agent.child.kill(signal);
  const [code] = (await closed) as [number | null];
  return code;
}

/** Asks again and again until there is an answer. */
export async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    assert.ok(Date.now() < deadline, `waited in vain until ${what}`);
    await sleep(20);
  }
}

/** A call of the agent's API with its token. */
export async function call(
  agent: TestAgent,
  method: string,
  path: string,
  body?: unknown,
  token = AGENT_TOKEN,
): Promise<{ status: number; body: Vm & ErrorBody & { vms: Vm[] }; headers: Headers }> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await fetch(agent.url + path, init);
  const text = await response.text();
  const answer = JSON.parse(text === '' ? '{}' : text) as Vm & ErrorBody & { vms: Vm[] };
  return { status: response.status, headers: response.headers, body: answer };
}

export async function createSeat(agent: TestAgent, workshop: string, seat: number): Promise<Vm> {
  const answer = await call(agent, 'POST', '/vms', { workshop_id: workshop, seat_id: seat });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

export async function seatToken(
  workshop: string,
  seat: number,
  changes: Record<string, unknown> = {},
): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const claims = { workshop_id: workshop, seat, role: 'learner', name: 'Ada', exp, ...changes };
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(await workshopKey(SECRET, workshop));
}

/** Sends bytes as they are, and reads until the other side closes. */
export async function sendRaw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.write(request, 'latin1');
  await once(socket, 'close');
  return answer;
}

/** A terminal of a seat in the plain mode: what is typed, and all that was shown. */
export interface PlainTerminal {
  readonly socket: WebSocket;
  type(text: string): void;
  shown(): string;
  /** Waits until the terminal shows the text. */
  shows(text: string): Promise<void>;
  close(): Promise<void>;
}

export async function openTerminal(
  agent: TestAgent,
  workshop: string,
  seat: number,
  options: { query?: string; token?: string; protocols?: string[] } = {},
): Promise<PlainTerminal> {
  const url = `${agent.url.replace('http', 'ws')}/proxy/${workshop}/${seat}/terminal${options.query ?? ''}`;
  const headers = { authorization: `Bearer ${options.token ?? AGENT_TOKEN}` };
  const socket = new WebSocket(url, options.protocols ?? [], { headers });
  let text = '';
  socket.on('message', (data: Buffer) => (text += data.toString()));
  socket.on('error', () => undefined);
  await once(socket, 'open');
  return {
    socket,
    type: (typed) => socket.send(Buffer.from(typed)),
    shown: () => text,
    shows: async (wanted) => {
      await until(`the terminal shows ${JSON.stringify(wanted)}`, () => (text.includes(wanted) ? true : undefined));
    },
    close: async () => {
      if (socket.readyState === WebSocket.CLOSED) return;
      const closed = once(socket, 'close');
      socket.terminate();
      await closed;
    },
  };
}

/** The processes that have anything to do with a worker: by their environment, command line or folder. */
export function processesOf(worker: Worker): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
    try {
      const traces = ['environ', 'cmdline'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1'));
      const isZombie = readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
      if (!isZombie && traces.some((trace) => trace.includes(worker.base))) found.push(`${pid} ${traces[1] ?? ''}`);
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

/** A time in seconds for which nobody else on this machine sleeps, so that {@link countCommand} counts ours alone. */
export function ownNap(number: number): string {
  return `9876${number}${process.pid}`;
}

/** How many processes run exactly this command. */
export function countCommand(...command: string[]): number {
  const wanted = `${command.join('\0')}\0`;
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1') === wanted;
    } catch {
      return false;
    }
  }).length;
}

/** Every file and folder of a worker but the agent's lock. */
export function filesOf(worker: Worker): string[] {
  return readdirSync(worker.base, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/^(state|run|state\/agent\.lock(-journal)?|state\/agent\.json)$/.test(name))
    .sort();
}

/** Ends whatever is left of a worker and removes its folders, so that a failed test leaves nothing. */
export function removeWorker(worker: Worker): void {
  for (const line of processesOf(worker)) kill(parseInt(line, 10));
  rmSync(worker.base, { recursive: true, force: true, maxRetries: 5 });
}
