/** A control plane of its own whose `sky` finds no credentials: another home folder, another SkyPilot server. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlPlaneClient } from '../../client/control-plane.ts';
import { findControlPlane } from '../../client/daemon.ts';
import { runAsNode } from '../../lib/child-environment.ts';
import { run } from '../../provisioning/cluster/sky/process.ts';

const START_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 60_000;
const END_DEADLINE_MS = 15_000;
const POLL_MS = 100;

export interface BareOptions {
  /** The folder of the bundles. */
  readonly programFolder: string;
  /** Absolute path of the sky command. */
  readonly sky: string;
  readonly path: string;
  readonly signal: AbortSignal;
}

export class BareControlPlane {
  readonly client: ControlPlaneClient;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #sky: string;
  readonly #port: number;
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(
    client: ControlPlaneClient,
    child: ChildProcess,
    folder: string,
    sky: string,
    port: number,
    environment: Readonly<Record<string, string>>,
  ) {
    this.client = client;
    this.#child = child;
    this.#folder = folder;
    this.#sky = sky;
    this.#port = port;
    this.#environment = environment;
  }

  /** To be closed. @throws Error where it does not answer in time */
  static async start({ programFolder, sky, path, signal }: BareOptions): Promise<BareControlPlane> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'carapace-qa-')));
    const [home, state] = [join(folder, 'home'), join(folder, 'state')];
    await mkdir(home, { mode: 0o700 });
    const port = await freePort();
    const environment = bareEnvironment({ home, path, port });
    const program = join(programFolder, 'cli.cjs');
    const child = spawn(process.execPath, [program, 'serve', '--port', '0', '--state-dir', state], {
      cwd: folder,
      env: { ...environment, ...runAsNode() },
      stdio: 'ignore',
    });
    const failed = once(child, 'error').then(([error]: unknown[]) => {
      throw error;
    });
    try {
      const answering = untilAnswering(child, state, signal);
      const client = new ControlPlaneClient(await Promise.race([answering, failed]));
      return new BareControlPlane(client, child, folder, sky, port, environment);
    } catch (error) {
      await end(child);
      await removeFolder(folder);
      throw error;
    } finally {
      failed.catch(() => undefined);
    }
  }

  /** Ends it and the SkyPilot server that it may have started, and removes its folder. */
  async close(): Promise<void> {
    await end(this.#child);
    // An older SkyPilot knows no other port, and its "api stop" would end the user's own server.
    if (await isListening(this.#port)) {
      const options = { environment: this.#environment, deadlineMs: STOP_DEADLINE_MS };
      await run(this.#sky, ['api', 'stop'], { ...options, signal: new AbortController().signal });
    }
    await removeFolder(this.#folder);
  }
}

/** Nothing of the user's own but the PATH: no home, no profile, no variables with keys, no metadata service. */
function bareEnvironment({ home, path, port }: { home: string; path: string; port: number }): Record<string, string> {
  return {
    PATH: path,
    HOME: home,
    SHELL: '/bin/sh',
    LANG: 'C.UTF-8',
    SKYPILOT_API_SERVER_LOCAL_PORT: String(port),
    SKYPILOT_API_SERVER_ENDPOINT: `http://127.0.0.1:${port}`,
    SKYPILOT_DISABLE_USAGE_COLLECTION: '1',
    AWS_EC2_METADATA_DISABLED: 'true',
    NO_GCE_CHECK: 'true',
  };
}

async function untilAnswering(child: ChildProcess, state: string, signal: AbortSignal) {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const found = await findControlPlane(state, signal);
    if (found !== undefined) return found;
    await sleep(POLL_MS, undefined, { signal });
  }
  throw new Error('A second control plane, without credentials, could not be started.');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), END_DEADLINE_MS);
  await ended;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function isListening(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  return once(socket, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy());
}

/** What the ended processes still write is waited out. */
function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}
