/** A namespace that plays a machine behind a TAP device: what a learner with root can do there, these tests do. */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const RIG = dirname(fileURLToPath(import.meta.url));
const execute = promisify(execFile);

/** How a guest is connected: the TAP device's name and namespace, its own address, and the way out. */
export interface Connection {
  readonly tap: string;
  /** A path; undefined for this process's own namespace. */
  readonly tapNamespace: string | undefined;
  readonly mac: string;
  readonly address: string;
  readonly prefix: number;
  readonly gateway: string;
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The command line in a namespace, or here. */
export function within(namespace: string | undefined, command: readonly string[]): [string, string[]] {
  const [program = '', ...parameters] =
    namespace === undefined ? command : ['nsenter', `--net=${namespace}`, ...command];
  return [program, parameters];
}

/** Starts a program that says "ready" on its first line. */
export async function startReady(namespace: string | undefined, command: readonly string[]): Promise<ChildProcess> {
  const child = spawn(...within(namespace, command), { stdio: ['ignore', 'pipe', 'inherit'] });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${command.join(' ')} has ended`))),
  ]);
  return child;
}

/** What came in by a link since the start: see frames.py. */
export class Watch {
  #lines = '';
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => (this.#lines += chunk.toString()));
  }

  static async start(namespace: string | undefined, link: string): Promise<Watch> {
    return new Watch(await startReady(namespace, ['python3', join(RIG, 'frames.py'), 'watch', link]));
  }

  /** Whether such a frame has come. */
  hasSeen(line: RegExp): boolean {
    return this.#lines.split('\n').some((its) => line.test(its));
  }

  stop(): string[] {
    this.#child.kill('SIGKILL');
    return this.#lines.split('\n').filter((line) => line !== '');
  }
}

export class PlayedGuest {
  readonly name: string;
  readonly namespace: string;
  readonly #children: ChildProcess[] = [];

  constructor(name: string) {
    this.name = name;
    this.namespace = `/run/netns/${name}`;
  }

  /** With a server on port 3001 that tells its name, and one on port 7 that says everything again. */
  static async start(name: string, connection: Connection): Promise<PlayedGuest> {
    const guest = new PlayedGuest(name);
    ip('netns', 'add', name);
    const wire = ['python3', join(RIG, 'wire.py'), connection.tap, guest.namespace];
    guest.#children.push(await startReady(connection.tapNamespace, wire));
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'link', 'set', 'eth0', 'address', connection.mac, 'up');
    ip('-n', name, 'address', 'add', `${connection.address}/${connection.prefix}`, 'dev', 'eth0');
    ip('-n', name, 'route', 'add', 'default', 'via', connection.gateway);
    const folder = join('/run/rig', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'index.html'), `This is ${name}.\n`);
    await guest.#serve(3001, ['busybox', 'httpd', '-f', '-p', '3001', '-h', folder]);
    await guest.#serve(7, ['busybox', 'nc', '-ll', '-p', '7', '-e', 'cat']);
    return guest;
  }

  async #serve(port: number, command: string[]): Promise<void> {
    const child = spawn(...within(this.namespace, command), { stdio: 'ignore' });
    this.#children.push(child);
    const listening = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A `);
    const deadline = performance.now() + 10_000;
    for (;;) {
      // The process's own namespace, as soon as it is in it.
      const tables = ['tcp', 'tcp6'].map((table) => readFileSync(`/proc/${child.pid ?? 0}/net/${table}`, 'utf8'));
      if (tables.some((table) => listening.test(table))) return;
      if (performance.now() > deadline) throw new Error(`${command.join(' ')} does not listen.`);
      await sleep(10);
    }
  }

  /** What the command prints; rejects where it fails. */
  async run(...command: string[]): Promise<string> {
    const { stdout } = await execute(...within(this.namespace, command), { timeout: 40_000 });
    return stdout;
  }

  async succeeds(...command: string[]): Promise<boolean> {
    return await this.run(...command).then(
      () => true,
      () => false,
    );
  }

  /** Whether an HTTP server answers. */
  reaches(url: string): Promise<boolean> {
    return this.succeeds('curl', '--silent', '--globoff', '--max-time', '2', url);
  }

  async send(...frames: string[]): Promise<void> {
    await this.run('python3', join(RIG, 'frames.py'), 'send', 'eth0', ...frames);
  }

  stop(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    ip('netns', 'delete', this.name);
  }
}
