/** A workspace server in this process, on Unix sockets in a folder of its own, and clients for it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { createLog } from '../../../src/lib/log.ts';
import { processStartTime } from '../../../src/lib/process-identity.ts';
import { serverControlSchema, TERMINAL_SUBPROTOCOL, type ServerControl } from '../../../src/protocol/terminal.ts';
import {
  startWorkspaceServer,
  type WorkspaceServer,
  type WorkspaceServerOptions,
} from '../../../src/workspace/workspace-server.ts';

export const silent = createLog('test', 'silent');

export interface TestWorkspace {
  /** The workspace folder. */
  readonly root: string;
  /** A folder beside it, which nobody may reach. */
  readonly outside: string;
  readonly terminalSocket: string;
  readonly filesSocket: string;
  readonly server: WorkspaceServer;
  stop(): Promise<void>;
}

type Overrides = Partial<Omit<WorkspaceServerOptions, 'root' | 'terminal' | 'files' | 'shell'>>;

/** @param script what each terminal runs, as a bash script; default an interactive shell without start-up files */
export async function startWorkspace(script?: string, overrides: Overrides = {}): Promise<TestWorkspace> {
  const folder = mkdtempSync(join(tmpdir(), 'carapace-ws-'));
  const [root, outside, shell] = [join(folder, 'root'), join(folder, 'outside'), join(folder, 'shell')] as const;
  mkdirSync(root);
  mkdirSync(outside);
  writeFileSync(shell, `#!/bin/bash\n${script ?? 'PS1="$ " exec bash --norc --noprofile -i'}\n`);
  chmodSync(shell, 0o755);
  const [terminalSocket, filesSocket] = [join(folder, 'terminal.sock'), join(folder, 'files.sock')] as const;
  const server = await startWorkspaceServer({
    root,
    terminal: { socketPath: terminalSocket },
    files: { socketPath: filesSocket },
    shell,
    maxFileBytes: 64 * 1024 * 1024,
    log: silent,
    ...overrides,
  });
  const stop = async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { root, outside, terminalSocket, filesSocket, server, stop };
}

/** Waits until something is so. @throws where it is not within the deadline */
export async function until(condition: () => boolean, what: string, deadlineMs = 90_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    assert.ok(performance.now() < end, `waited in vain: ${what}`);
    await sleep(5);
  }
}

export interface TerminalOptions {
  readonly query?: string;
  readonly plain?: boolean;
  readonly name?: string;
  /** Whether all output is acknowledged as it comes; default true. */
  readonly acknowledges?: boolean;
}

/** A client of the terminal protocol that notes everything. */
export class TestTerminal {
  readonly socket: WebSocket;
  readonly control: ServerControl[] = [];
  readonly frames: Buffer[] = [];
  closed: { code: number; reason: string } | undefined;
  status: number | undefined;
  #offset = 0;
  #length = 0;

  constructor(workspace: TestWorkspace, options: TerminalOptions = {}) {
    const url = `ws+unix://${workspace.terminalSocket}:/terminal?${options.query ?? ''}`;
    const headers = { ...(options.name !== undefined && { 'x-carapace-name': encodeURIComponent(options.name) }) };
    this.socket = new WebSocket(url, options.plain === true ? [] : [TERMINAL_SUBPROTOCOL], { headers });
    const acknowledges = options.acknowledges ?? true;
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) {
        this.#control(serverControlSchema.parse(JSON.parse(data.toString())));
        return;
      }
      this.frames.push(data);
      this.#offset += data.length;
      this.#length += data.length;
      if (acknowledges && options.plain !== true) this.acknowledge();
    });
    this.socket.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }));
    this.socket.on('unexpected-response', (_request, response) => (this.status = response.statusCode));
    this.socket.on('error', () => undefined);
  }

  #control(message: ServerControl): void {
    if (message.type === 'ready') this.#offset = message.offset;
    this.control.push(message);
  }

  /** The absolute offset behind the last byte. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes that this connection got. */
  get received(): number {
    return this.#length;
  }

  get text(): string {
    return Buffer.concat(this.frames).toString();
  }

  all<T extends ServerControl['type']>(type: T): Extract<ServerControl, { type: T }>[] {
    return this.control.filter((message): message is Extract<ServerControl, { type: T }> => message.type === type);
  }

  last<T extends ServerControl['type']>(type: T): Extract<ServerControl, { type: T }> | undefined {
    return this.all(type).at(-1);
  }

  acknowledge(bytes = this.#offset): void {
    this.send({ type: 'ack', bytes });
  }

  send(message: object): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  type(input: string | Buffer): void {
    this.socket.send(Buffer.from(input), { binary: true });
  }

  async open(): Promise<this> {
    await once(this.socket, 'open');
    return this;
  }

  async ready(): Promise<Extract<ServerControl, { type: 'ready' }>> {
    await until(() => this.last('ready') !== undefined, 'ready');
    return this.last('ready')!;
  }

  /** The last output, as much as has to be looked through again and again. */
  get #tail(): string {
    let from = this.frames.length;
    for (let bytes = 0; from > 0 && bytes < 100_000; from--) bytes += this.frames[from - 1]!.length;
    return Buffer.concat(this.frames.slice(from)).toString();
  }

  async shows(text: string): Promise<void> {
    await until(() => this.#tail.includes(text), `output with ${JSON.stringify(text)}, got ${this.#tail.slice(-500)}`);
  }

  /** Waits until everything is here that the server has sent so far: the answer to a ping comes behind that. */
  async caughtUp(): Promise<void> {
    const t = this.all('pong').length + 1_000_000;
    this.send({ type: 'ping', t });
    await until(() => this.last('pong')?.t === t, 'pong');
  }

  async end(): Promise<{ code: number; reason: string }> {
    await until(() => this.closed !== undefined, 'close');
    return this.closed!;
  }

  /** Breaks the connection off without a word. */
  cut(): void {
    this.socket.terminate();
  }

  close(): void {
    this.socket.close(1000);
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  json(): unknown;
}

/** One HTTP request to the files server; the path goes out as it is. */
export async function ask(
  workspace: TestWorkspace,
  method: string,
  path: string,
  options: { readonly headers?: OutgoingHttpHeaders; readonly body?: string | Uint8Array } = {},
): Promise<Answer> {
  const sent = request({
    socketPath: workspace.filesSocket,
    method,
    path,
    agent: false,
    headers: { ...options.headers },
  });
  // Where the server refuses early, it may close before all of the body is sent.
  sent.on('error', () => undefined);
  sent.end(options.body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return {
    status: response.statusCode!,
    headers: response.headers,
    body,
    text: body.toString(),
    json: () => JSON.parse(body.toString()) as unknown,
  };
}

export interface Health {
  readonly status: string;
  readonly sessions: number;
  readonly connections: number;
  readonly viewers: number;
}

/** What the server tells of itself. */
export async function health(workspace: TestWorkspace): Promise<Health> {
  return (await ask(workspace, 'GET', '/health')).json() as Health;
}

/** What a terminal shows for `seq 1 last`. */
export function numbers(last: number): string {
  return Array.from({ length: last }, (_, index) => `${index + 1}\r\n`).join('');
}

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Sends bytes as they are and answers all that comes back until the server closes, or until `enough` of it is there. */
export async function askRaw(socketPath: string, text: string, enough?: RegExp): Promise<string> {
  const socket = connect(socketPath);
  socket.on('error', () => undefined);
  socket.write(text);
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if (enough?.test(Buffer.concat(chunks).toString()) === true) break;
  }
  return Buffer.concat(chunks).toString();
}

/** Whether a process runs; one that has ended and was not yet asked for its exit code does not. */
export function isRunning(pid: number): boolean {
  return processStartTime(pid) !== undefined;
}
