/** Runs real control planes on state folders of their own, kills them, and counts what they leave behind. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { waitForOperation } from '../../src/client/wait.ts';
import { daemonFileSchema, type DaemonFile } from '../../src/protocol/daemon.ts';
import type { ErrorBody } from '../../src/protocol/errors.ts';
import type { CarapaceEvent } from '../../src/protocol/event.ts';
import type { Operation } from '../../src/protocol/operation.ts';
import type { AgentBehaviour } from '../fakes/agent.ts';
import { readIfThere, writeWhole } from '../support/files.ts';
import { kill, processesNaming } from '../support/processes.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const PROGRAM = join(REPOSITORY, 'dist/cli.cjs');
const DEADLINE_MS = 60_000;

/** What may be there when no workshop is: the control plane's own. */
const OWN_FILES = /^(store\.db(-wal|-journal|\.lock(-journal)?)?|daemon\.json|logs|logs\/[a-z-]+\.log)$/;

export interface TestControlPlane {
  readonly client: ControlPlaneClient;
  readonly file: DaemonFile;
  readonly child: ChildProcess;
  /** Everything that it has printed. */
  readonly log: () => string;
}

/** A finished process. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** A state folder over all of its control planes. */
export class TestState {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-cp-')));
  readonly home = join(this.folder, 'state');
  readonly #children = new Set<ChildProcess>();
  #program = PROGRAM;

  /** From now on the control planes find this agent beside their program. */
  useFakeAgent(behaviour: AgentBehaviour): void {
    this.#program = join(this.folder, 'cli.cjs');
    copyFileSync(PROGRAM, this.#program);
    const fake = pathToFileURL(join(REPOSITORY, 'test/fakes/agent.ts')).href;
    writeFileSync(join(this.folder, 'agent.cjs'), `import(${JSON.stringify(fake)});\n`);
    this.behave(behaviour);
  }

  behave(behaviour: AgentBehaviour): void {
    writeWhole(join(this.folder, 'behaviour.json'), JSON.stringify(behaviour));
  }

  /** Starts a control plane, without waiting for anything. */
  spawn(
    environment: Record<string, string> = {},
    args: readonly string[] = [],
  ): { child: ChildProcess; log: () => string } {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: this.folder,
      NODE_NO_WARNINGS: '1',
      // None there: seats are processes.
      IMAGES_DIR: join(this.folder, 'no-images'),
      ...environment,
    };
    const words = [this.#program, 'serve', '--port', '0', '--state-dir', this.home, ...args];
    const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.add(child);
    let log = '';
    child.stdout.on('data', (chunk) => (log += String(chunk)));
    child.stderr.on('data', (chunk) => (log += String(chunk)));
    return { child, log: () => log };
  }

  /** Starts a control plane and returns once it serves. */
  async serve(environment: Record<string, string> = {}): Promise<TestControlPlane> {
    const { child, log } = this.spawn(environment);
    const file = await until('the control plane serves', () => {
      assert.ok(isRunning(child), `it ended: ${log()}`);
      const found = this.daemonFile();
      return found?.pid === child.pid ? found : undefined;
    });
    return { client: new ControlPlaneClient({ url: file.url, token: file.token }), file, child, log };
  }

  /** Runs a control plane that is expected to end by itself. */
  async runToEnd(args: readonly string[] = [], environment: Record<string, string> = {}): Promise<Ended> {
    const { child, log } = this.spawn(environment, args);
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return { code, signal, output: log() };
  }

  daemonFile(): DaemonFile | undefined {
    const text = readIfThere(join(this.home, 'daemon.json'));
    return text === undefined ? undefined : daemonFileSchema.parse(JSON.parse(text));
  }

  /** Agents, seats and whatever else runs for this state folder, without its control planes. */
  processes(): { readonly agents: number; readonly seats: number; readonly all: readonly string[] } {
    const all = processesNaming(this.folder)
      .map(({ command }) => command)
      .filter((command) => !command.includes('cli.cjs serve'));
    const count = (part: string): number => all.filter((command) => command.includes(part)).length;
    return { agents: count('agent.cjs'), seats: count('workspace.cjs'), all };
  }

  /** The processes of this state folder whose command line has that part. */
  processIds(part: string): number[] {
    return processesNaming(this.folder)
      .filter(({ command }) => command.includes(part))
      .map(({ pid }) => pid);
  }

  /** Files and folders of workers and seats. */
  leftFiles(): string[] {
    const names = readdirSync(this.home, { recursive: true, encoding: 'utf8' });
    return names.filter((name) => !OWN_FILES.test(name));
  }

  assertNothingIsLeft(): void {
    assert.deepEqual(this.processes().all, []);
    assert.deepEqual(this.leftFiles(), []);
    const sockets = readFileSync('/proc/net/unix', 'utf8');
    assert.ok(!sockets.includes(this.folder), 'no socket is left');
  }

  /** Ends everything and removes the folder. */
  async dispose(): Promise<void> {
    for (const child of this.#children) if (isRunning(child)) child.kill('SIGKILL');
    await until('nothing runs any more', () => {
      const left = processesNaming(this.folder);
      for (const { pid } of left) kill(pid);
      return left.length === 0 ? true : undefined;
    });
    rmSync(this.folder, { recursive: true });
  }
}

export function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Ends a control plane and waits for that. */
export async function end(controlPlane: TestControlPlane, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (isRunning(controlPlane.child)) {
    const closed = once(controlPlane.child, 'close');
    controlPlane.child.kill(signal);
    await closed;
  }
  return controlPlane.child.exitCode;
}

/** Waits until a control plane has died by itself. */
export async function death(controlPlane: TestControlPlane): Promise<NodeJS.Signals | null> {
  await until('the control plane dies', () => (isRunning(controlPlane.child) ? undefined : true));
  return controlPlane.child.signalCode;
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

/** Waits for an operation's end; tells what it told. */
export async function ended(
  client: ControlPlaneClient,
  operation: Operation | null,
  deadlineMs = DEADLINE_MS,
): Promise<Operation & { events: CarapaceEvent[] }> {
  assert.ok(operation !== null);
  const events: CarapaceEvent[] = [];
  const signal = AbortSignal.timeout(deadlineMs);
  const onEvent = (event: CarapaceEvent): number => events.push(event);
  return { ...(await waitForOperation(client, operation.id, { signal, onEvent })), events };
}

/** As {@link ended}, for what has to succeed. */
export async function succeeded(client: ControlPlaneClient, operation: Operation | null): Promise<void> {
  const { status, error } = await ended(client, operation);
  assert.equal(status, 'succeeded', JSON.stringify(error));
}

/** A call by hand. */
export async function call(
  { file }: TestControlPlane,
  method: string,
  path: string,
  options: { readonly body?: string; readonly headers?: Record<string, string>; readonly token?: string | null } = {},
): Promise<{ status: number; body: Partial<ErrorBody> & Record<string, unknown>; headers: Headers }> {
  const token = options.token === undefined ? file.token : options.token;
  const response = await fetch(file.url + path, {
    method,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(options.body !== undefined && { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body !== undefined && { body: options.body }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  const body = isJson ? (JSON.parse(text) as Partial<ErrorBody> & Record<string, unknown>) : { text };
  return { status: response.status, body, headers: response.headers };
}
