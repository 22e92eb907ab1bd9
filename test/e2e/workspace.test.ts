/** The workspace server as it is shipped: its bundle, as a process of its own. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { processStartTime } from '../../src/lib/process-identity.ts';
import { serverControlSchema, TERMINAL_SUBPROTOCOL, type ServerControl } from '../../src/protocol/terminal.ts';

interface Listening {
  readonly terminal: string;
  readonly files: string;
}

/** One server process and what it says. */
class Workspace {
  readonly child: ChildProcess;
  readonly log: string[] = [];
  readonly listening: Promise<Listening>;
  stderr = '';
  readonly #closed: Promise<unknown>;

  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    const { PATH = '' } = process.env;
    this.child = spawn(process.execPath, [resolve('dist/workspace.cjs'), ...args], {
      env: { PATH, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { promise, resolve: heard, reject } = Promise.withResolvers<Listening>();
    this.listening = promise;
    promise.catch(() => undefined);
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.log.push(line);
      const entry = JSON.parse(line) as { msg: string } & Listening;
      if (entry.msg === 'listening') heard(entry);
    });
    this.child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#closed = once(this.child, 'close');
    this.child.once('exit', () => reject(new Error(`The server has ended: ${this.stderr}`)));
  }

  /** Its exit code, once all that it said has come. */
  async exit(): Promise<number | null> {
    await this.#closed;
    return this.child.exitCode;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit();
  }
}

async function getJson(options: RequestOptions): Promise<unknown> {
  const [response] = (await once(get(options), 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited++) {
    assert.ok(waited < 6000, `waited in vain: ${what}`);
    await sleep(10);
  }
}

describe('the workspace server as a process', function () {
  this.timeout(120_000);
  let folder: string;
  let root: string;
  const workspaces: Workspace[] = [];
  const start = (args: readonly string[], environment?: Record<string, string>) => {
    const workspace = new Workspace(args, environment);
    workspaces.push(workspace);
    return workspace;
  };
  const onSockets = () => [
    '--root',
    root,
    '--terminal-socket',
    join(folder, 't.sock'),
    '--files-socket',
    join(folder, 'f.sock'),
  ];
  const onPorts = () => ['--root', root, '--host', '127.0.0.1', '--terminal-port', '0', '--files-port', '0'];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-ws-'));
    root = join(folder, 'root');
    mkdirSync(root);
  });
  afterEach(async () => {
    await Promise.all(workspaces.map((workspace) => workspace.kill()));
    workspaces.length = 0;
    rmSync(folder, { recursive: true, force: true });
  });

  it('serves on private sockets, in place of those that a killed one left, and removes them', async () => {
    const first = start(onSockets());
    const { terminal, files } = await first.listening;
    await first.kill();
    assert.ok(existsSync(terminal) && existsSync(files));
    const second = start(onSockets());
    await second.listening;
    for (const socketPath of [terminal, files]) {
      assert.equal(statSync(socketPath).mode & 0o777, 0o600);
      const health = (await getJson({ socketPath, path: '/health' })) as { status: string; sessions: number };
      assert.deepEqual([health.status, health.sessions], ['ok', 0]);
    }
    second.child.kill('SIGTERM');
    assert.equal(await second.exit(), 0);
    assert.equal(existsSync(terminal) || existsSync(files), false);
  });

  it('ends its shells when it is told to end, and shows them none of its secrets', async () => {
    const workspace = start(onPorts(), {
      AGENT_TOKEN: 'hidden-1',
      NODE_OPTIONS: '--no-warnings',
      CARAPACE_SEAT: '/seat',
    });
    const { terminal } = await workspace.listening;
    const socket = new WebSocket(`ws://${terminal}/terminal`);
    let text = '';
    socket.on('message', (data: Buffer) => (text += data.toString()));
    await once(socket, 'open');
    socket.send('echo "<$(env | sort | tr "\\n" " ")> pid $$ end"\n');
    const pattern = /<(.*)> pid (\d+) end/;
    await until(() => pattern.test(text), 'the environment');
    const [, environment = '', pid] = pattern.exec(text)!;
    assert.match(environment, new RegExp(`CARAPACE_SEAT=/seat .*HOME=${root} `));
    assert.doesNotMatch(environment, /hidden|NODE_OPTIONS/);
    const closed = once(socket, 'close');
    workspace.child.kill('SIGTERM');
    assert.equal(await workspace.exit(), 0);
    assert.equal((await closed)[0], 1001);
    assert.equal(processStartTime(Number(pid)), undefined);
    assert.doesNotMatch(workspace.log.join('\n'), /hidden/);
  });

  it('says in one sentence why it cannot start', async () => {
    const busy = createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const { port } = busy.address() as { port: number };
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('none', join(folder, 'dangling'));
    const cases: [string[], number, RegExp][] = [
      [[], 2, /--root is missing[\s\S]*Usage:/],
      [['--root', root], 2, /--host or both/],
      [['--root', join(folder, 'none'), '--host', '127.0.0.1'], 1, /ENOENT/],
      [['--root', join(folder, 'dangling'), '--host', '127.0.0.1'], 1, /ENOENT/],
      [['--root', join(folder, 'file'), '--host', '127.0.0.1'], 1, /ENOTDIR/],
      [['--root', root, '--host', '127.0.0.1', '--terminal-port', '0', '--files-port', String(port)], 1, /EADDRINUSE/],
    ];
    for (const [args, code, reason] of cases) {
      const workspace = start(args);
      assert.equal(await workspace.exit(), code, args.join(' '));
      assert.match(workspace.stderr, reason);
    }
    busy.close();
  });

  it('loses and doubles nothing, either way, when connections are reset at any byte', async () => {
    const input = randomBytes(3_000_000);
    const last = 300_000;
    const script = join(folder, 'shell');
    // The input waits for a second, while the output does not. bash gives a program in the background an empty input,
    // unless it is told otherwise.
    const reader = `{ sleep 1; <&3 head -c ${input.length} | sha256sum >sum; }`;
    const command = `stty raw -echo; echo go; ${reader} & seq 1 ${last}; wait; echo end; exit 7`;
    writeFileSync(script, `#!/bin/bash\nexec 3<&0\n${command}\n`, { mode: 0o755 });
    const { terminal } = await start([...onPorts(), '--shell', script]).listening;
    const client = new ResumingClient(terminal, input);
    await client.run();
    const expected = Array.from({ length: last }, (_, index) => `${index + 1}\n`).join('');
    const all = Buffer.concat(client.output).toString();
    assert.equal(
      createHash('sha256').update(all).digest('hex'),
      createHash('sha256').update(`go\n${expected}end\n`).digest('hex'),
    );
    assert.deepEqual(client.exit, { type: 'exit', code: 7, signal: null });
    assert.ok(client.resets >= 30, `only ${client.resets} connections were reset`);
    const { files } = await workspaces[0]!.listening;
    const [host = '', port = ''] = files.split(':');
    const sum = (await getJson({
      host,
      port,
      path: '/files/sum',
      headers: { accept: 'application/vnd.carapace.file+json' },
    })) as { content: string };
    assert.match(sum.content, new RegExp(`^${createHash('sha256').update(input).digest('hex')} `));
  });
});

/** Half of what the server queues: more would make it stop reading. */
const WINDOW_BYTES = 131_072;
const PIECE_BYTES = 20_000;

/** Connects again and again, each time until a random byte, and goes on where it was. */
class ResumingClient {
  readonly output: Buffer[] = [];
  exit: Extract<ServerControl, { type: 'exit' }> | undefined;
  resets = 0;
  readonly #address: string;
  readonly #input: Buffer;
  #session = '';
  #offset = 0;
  /** Of the input, over all connections. */
  #taken = 0;

  constructor(address: string, input: Buffer) {
    this.#address = address;
    this.#input = input;
  }

  async run(): Promise<void> {
    for (let attempt = 0; this.exit === undefined; attempt++) {
      assert.ok(attempt < 300, 'too many connections');
      // The last ones live, so that all comes to an end.
      await this.#connect(attempt < 40 ? Math.floor(Math.random() ** 2 * 100_000) : Infinity);
    }
  }

  async #connect(resetAfter: number): Promise<void> {
    const [host, port] = this.#address.split(':');
    const tcp = connect({ host: host!, port: Number(port) });
    this.#resetAt(tcp, resetAfter);
    const resume = this.#session === '' ? '' : `&session=${this.#session}&offset=${this.#offset}`;
    const url = `ws://${this.#address}/terminal?client=resuming-client${resume}`;
    const socket = new WebSocket(url, [TERMINAL_SUBPROTOCOL], { createConnection: () => tcp });
    let sent = Infinity;
    const send = () => {
      // Before its first word the program has not switched off the echo.
      while (this.#offset > 0 && sent < this.#input.length && sent - this.#taken < WINDOW_BYTES) {
        socket.send(this.#input.subarray(sent, sent + PIECE_BYTES));
        sent += PIECE_BYTES;
      }
    };
    socket.on('message', (data: Buffer, isBinary) => {
      readSlowly();
      if (isBinary) {
        this.output.push(data);
        this.#offset += data.length;
        socket.send(JSON.stringify({ type: 'ack', bytes: this.#offset }));
        send();
        return;
      }
      const message = serverControlSchema.parse(JSON.parse(data.toString()));
      if (message.type === 'ready') {
        assert.deepEqual([message.offset, message.skipped], [this.#offset, 0]);
        this.#session = message.session;
        sent = message.input_offset;
        send();
      } else if (message.type === 'ack') {
        this.#taken = Math.max(this.#taken, message.bytes);
        send();
      }
      if (message.type === 'exit') this.exit = message;
    });
    socket.on('error', () => undefined);
    await once(socket, 'close');
  }

  #resetAt(tcp: Socket, bytes: number): void {
    let received = 0;
    tcp.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received >= bytes && !tcp.destroyed) {
        this.resets++;
        tcp.resetAndDestroy();
      }
    });
  }
}

/** So slowly that the network is full of what the client has not got yet. */
function readSlowly(): void {
  const until = performance.now() + 5;
  while (performance.now() < until);
}
