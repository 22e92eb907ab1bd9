/**
 * An agent without seats: it keeps a list of them in its state folder, and misbehaves as the file `behaviour.json`
 * beside the control plane's state folder says at each request. It checks what it is asked against the protocol.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../../src/lib/atomic-file.ts';
import { acquireFileLock } from '../../src/lib/file-lock.ts';
import { ownIdentity } from '../../src/lib/process-identity.ts';
import { createVmSchema, type AgentHealth, type Vm } from '../../src/protocol/agent.ts';
import { runtimeSchema } from '../../src/protocol/workshop.ts';

/** How the agent behaves; seats are named by their numbers. */
export interface AgentBehaviour {
  readonly status?: AgentHealth['status'];
  readonly capacity?: number;
  /** Seats whose making never ends, or is refused. */
  readonly hang?: readonly number[];
  readonly refuse?: readonly number[];
  /** Seats that cannot be deleted. */
  readonly keep?: readonly number[];
  readonly unhealthy?: readonly number[];
  /** Making, resetting and stopping a seat wait until this is not so any more. */
  readonly hold?: boolean;
}

const { values } = parseArgs({
  strict: false,
  options: { 'state-dir': { type: 'string' }, runtime: { type: 'string', default: 'process' } },
});
const folder = String(values['state-dir'] ?? '');
// Without one its files would be wherever it was started.
if (folder === '') throw new Error('the fake agent needs --state-dir');
const runtime = runtimeSchema.parse(values.runtime);
const seatsFile = join(folder, 'seats.json');
// Held in a variable: a lock that nobody can reach any more is given back.
const lock = acquireFileLock(join(folder, 'agent.lock'));
if (lock === undefined) process.exit(3);

function readJson<T>(path: string, otherwise: T): T {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return otherwise;
  }
}

const behaviour = (): AgentBehaviour => readJson(join(dirname(dirname(folder)), 'behaviour.json'), {});
const seats = new Map(readJson<Vm[]>(seatsFile, []).map((vm) => [`${vm.workshop_id}/${vm.seat_id}`, vm]));
const save = (): void => writeFileSync(seatsFile, JSON.stringify([...seats.values()]));
const has = (list: readonly number[] | undefined, seat: number): boolean => list?.includes(seat) ?? false;

function health(): AgentHealth {
  const { status = 'healthy', capacity = 100 } = behaviour();
  const facts = { worker_id: 'fake', version: '0', runtime, accelerated: runtime === 'firecracker' } as const;
  return { status, ...facts, vm_count: seats.size, capacity, uptime_seconds: 1 };
}

function told(vm: Vm): Vm {
  return has(behaviour().unhealthy, vm.seat_id) ? { ...vm, status: 'unhealthy' } : vm;
}

async function released(): Promise<void> {
  while (behaviour().hold === true) await sleep(10);
}

type Answer = readonly [number, unknown];

function refusal(status: number, code: string, message: string): Answer {
  return [status, { error: { code, message } }];
}

function newVm(workshop_id: string, seat_id: number): Vm {
  const made = { ip: null, started_in_ms: 1, from_snapshot: false, connections: 0 };
  return { workshop_id, seat_id, status: 'ready', created_at: new Date().toISOString(), ...made };
}

async function create(body: string): Promise<Answer> {
  const { workshop_id, seat_id } = createVmSchema.parse(JSON.parse(body));
  const key = `${workshop_id}/${seat_id}`;
  if (seats.has(key)) return refusal(409, 'CONFLICT', 'It exists.');
  const { hang, refuse } = behaviour();
  if (has(refuse, seat_id)) return refusal(503, 'NO_CAPACITY', 'The fake has no room for it.');
  if (has(hang, seat_id)) await sleep(3_600_000);
  await released();
  seats.set(key, newVm(workshop_id, seat_id));
  save();
  return [201, seats.get(key)];
}

async function answer(request: IncomingMessage, body: string): Promise<Answer> {
  const { pathname } = new URL(request.url ?? '/', 'http://fake');
  const method = request.method ?? '';
  if (pathname === '/health') return [200, health()];
  if (request.headers.authorization !== `Bearer ${process.env['AGENT_TOKEN'] ?? ''}`) {
    return refusal(401, 'UNAUTHORIZED', 'Not for you.');
  }
  if (pathname === '/vms') {
    return method === 'POST' ? create(body) : [200, { vms: [...seats.values()].map(told) }];
  }
  const [, workshop = '', seat = '', verb] = /^\/vms\/([^/]+)\/(\d+)(?:\/(reset))?$/.exec(pathname) ?? [];
  const key = `${workshop}/${seat}`;
  const vm = seats.get(key);
  if (method === 'DELETE') {
    await released();
    if (has(behaviour().keep, Number(seat))) return refusal(500, 'INTERNAL', `The fake keeps seat ${seat}.`);
    seats.delete(key);
    save();
    return [204, undefined];
  }
  if (vm === undefined) return refusal(404, 'NOT_FOUND', 'There is none.');
  if (verb === 'reset') {
    await released();
    seats.set(key, newVm(workshop, Number(seat)));
    save();
  }
  return [200, told(seats.get(key) ?? vm)];
}

const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += String(chunk)));
  request.on('end', () => {
    void answer(request, body).then(([status, value]) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(value === undefined ? undefined : JSON.stringify(value));
    });
  });
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  const file = { url: `http://127.0.0.1:${port}`, ...ownIdentity(), version: '0' };
  void writeFileAtomic(join(folder, 'agent.json'), JSON.stringify(file));
});
process.on('SIGTERM', () => {
  lock.release();
  process.exit(0);
});
