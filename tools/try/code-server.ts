/** The browser edition of VS Code (the npm package code-server) as a process: install into it, start, find, stop. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { cleanEnvironment } from '../../src/lib/child-environment.ts';
import { isAlive, processStartTime, type ProcessIdentity } from '../../src/lib/process-identity.ts';
import type { Place } from './place.ts';
import { ToolError } from './say.ts';

/** A server that was started here, as its server.json tells. */
export interface Serving extends ProcessIdentity {
  readonly port: number;
}

export const HOST = '127.0.0.1';
const START_DEADLINE_MS = 180_000;
const STOP_DEADLINE_MS = 10_000;
const POLL_MS = 100;

/** Other ways to tell code-server where to listen and whom to let in, which must not override ours. */
const FOREIGN_VARIABLES = ['PORT', 'PASSWORD', 'HASHED_PASSWORD', 'GITHUB_TOKEN', 'LOG_LEVEL'];

/** What the server and everything in it sees: this environment without what an editor, npm or a host put there. */
export function serverEnvironment(): Record<string, string> {
  const kept = Object.entries(cleanEnvironment()).filter(([name]) => !FOREIGN_VARIABLES.includes(name));
  return Object.fromEntries(kept.filter(([name]) => !name.startsWith('npm_')));
}

function program(vscode: string): string {
  return join(vscode, 'node_modules/code-server/out/node/entry.js');
}

function folders(place: Place): string[] {
  return ['--config', place.config, '--user-data-dir', place.userData, '--extensions-dir', place.extensions];
}

/** Installs a .vsix unless exactly this one is there already. @returns whether it had to */
export async function installExtension(vscode: string, place: Place, vsix: string): Promise<boolean> {
  const mark = join(place.folder, 'installed');
  const hash = createHash('sha256')
    .update(await readFile(vsix))
    .digest('hex');
  const present = (await readdir(place.extensions)).some((name) => name.startsWith('carapace.carapace-'));
  if (present && existsSync(mark) && (await readFile(mark, 'utf8')) === hash) return false;
  const installing = await execa(
    process.execPath,
    [program(vscode), ...folders(place), '--install-extension', vsix, '--force'],
    {
      env: serverEnvironment(),
      extendEnv: false,
      stdin: 'ignore',
      all: true,
      reject: false,
      timeout: START_DEADLINE_MS,
    },
  );
  if (installing.exitCode !== 0) throw new ToolError(`VS Code did not take ${vsix}:\n${installing.all}`);
  await writeFile(mark, hash);
  return true;
}

/**
 * Starts a server that outlives this process, and waits until its page answers.
 * @param switches more of code-server's command line
 * @throws ToolError where the port is taken, the server ends, or the page does not answer in time
 */
export async function startServer(vscode: string, place: Place, port: number, ...switches: string[]): Promise<Serving> {
  await requireFreePort(port);
  const log = await open(place.log, 'w');
  const server = spawn(
    process.execPath,
    [
      program(vscode),
      ...folders(place),
      ...['--auth', 'none', '--bind-addr', `${HOST}:${port}`, '--app-name', 'Carapace'],
      ...['--disable-telemetry', '--disable-update-check', '--disable-workspace-trust'],
      '--disable-getting-started-override',
      ...switches,
      place.sample,
    ],
    { env: serverEnvironment(), cwd: place.sample, detached: true, stdio: ['ignore', log.fd, log.fd] },
  );
  const failed = new Promise<never>((_, reject) => {
    server.once('error', (error) => reject(new ToolError(`VS Code could not be started: ${error.message}`)));
    server.once('exit', () => reject(new ToolError(`VS Code ended at its start. Its log is ${place.log}`)));
  });
  failed.catch(() => undefined);
  await log.close();
  const pid = server.pid;
  if (pid === undefined) return failed;
  const serving = { pid, start_time: processStartTime(pid) ?? 'unknown', port };
  await writeFile(place.serverFile, JSON.stringify(serving));
  try {
    await Promise.race([failed, waitForPage(port, place.log)]);
  } catch (error) {
    await stopServer(place);
    throw error;
  }
  server.unref();
  return serving;
}

/** The server of this place, where it still runs. */
export async function findServer(place: Place): Promise<Serving | undefined> {
  if (!existsSync(place.serverFile)) return undefined;
  const serving = JSON.parse(await readFile(place.serverFile, 'utf8')) as Serving;
  return isAlive(serving) ? serving : undefined;
}

/** Ends the server of this place and all its helpers. @returns whether one ran */
export async function stopServer(place: Place): Promise<boolean> {
  const serving = await findServer(place);
  if (serving !== undefined) {
    signalGroup(serving.pid, 'SIGTERM');
    if (!(await endsWithin(serving, STOP_DEADLINE_MS))) {
      signalGroup(serving.pid, 'SIGKILL');
      await endsWithin(serving, STOP_DEADLINE_MS);
    }
  }
  await rm(place.serverFile, { force: true });
  return serving !== undefined;
}

/** Resolves when the server has ended. */
export async function serverEnded(serving: Serving, signal: AbortSignal): Promise<void> {
  while (isAlive(serving) && !signal.aborted) await sleep(POLL_MS);
}

async function endsWithin(serving: Serving, milliseconds: number): Promise<boolean> {
  const deadline = AbortSignal.timeout(milliseconds);
  await serverEnded(serving, deadline);
  return !isAlive(serving);
}

/** It leads its process group; seats, terminals and the control plane are in groups of their own. */
function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}

/** Whether this port can be listened on. @throws ToolError where it cannot */
async function requireFreePort(port: number): Promise<void> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new ToolError(
          error.code === 'EADDRINUSE'
            ? `Port ${port} is used by another program. Choose another one with --port.`
            : `Port ${port} cannot be used (${error.message}). Choose another one with --port.`,
        ),
      ),
    );
    probe.listen(port, HOST, () => probe.close(() => resolve()));
  });
}

/** Whether the workbench's page is served. */
export async function pageAnswers(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://${HOST}:${port}/`, { signal: AbortSignal.timeout(5000) });
    return answer.ok && (await answer.text()).includes('workbench');
  } catch {
    return false;
  }
}

async function waitForPage(port: number, log: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  while (Date.now() < deadline) {
    if (await pageAnswers(port)) return;
    await sleep(POLL_MS);
  }
  throw new ToolError(`VS Code does not answer on port ${port}. Its log is ${log}`);
}
