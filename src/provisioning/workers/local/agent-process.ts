/** The process of the local agent: starting it, finding one that runs already, ending it. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanEnvironment, runAsNode } from '../../../lib/child-environment.ts';
import { systemPath } from '../../../lib/find-program.ts';
import { isAlive, processStartTime, type ProcessIdentity } from '../../../lib/process-identity.ts';
import { agentFileSchema, type AgentFile } from '../../../protocol/agent.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import type { SeatRuntime } from '../../../protocol/workshop.ts';

/** How an agent ends that finds another one in its state folder. */
const EXIT_HELD_BY_ANOTHER = 3;
const POLL_MS = 50;

/** Where a local agent lives, and what it makes. */
export interface AgentPlace {
  readonly runtime: SeatRuntime;
  /** agent.cjs. */
  readonly program: string;
  /** Its state folder: the command line that names it is how its process is found. */
  readonly stateFolder: string;
  readonly socketFolder: string;
  /** What machines are made from. */
  readonly imagesFolder: string;
  readonly logFile: string;
  readonly logFolder: string;
}

export interface AgentSecrets {
  readonly agentToken: string;
  readonly workspaceTokenSecret: string;
}

/** A started agent: `failure` rejects when it ends without leaving the place to another one. */
export interface StartedAgent {
  readonly failure: Promise<never>;
}

/** Starts an agent that outlives this process. @throws UnavailableError where it cannot be started */
export async function startAgent(place: AgentPlace, secrets: AgentSecrets): Promise<StartedAgent> {
  for (const folder of [place.stateFolder, place.socketFolder, place.logFolder]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  const log = await open(place.logFile, 'a', 0o600);
  try {
    const child = spawn(process.execPath, agentArguments(place), {
      cwd: place.stateFolder,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...cleanEnvironment(), ...runAsNode(), ...agentEnvironment(place, secrets) },
    });
    const spawned = Promise.withResolvers<undefined>();
    const failure = Promise.withResolvers<never>();
    // Whoever waits for the agent looks at it; nobody has to.
    failure.promise.catch(() => undefined);
    child.once('spawn', () => spawned.resolve(undefined));
    child.once('error', (error) => {
      spawned.reject(
        new UnavailableError(`The agent cannot be started: ${error.message}.`, undefined, { cause: error }),
      );
    });
    child.once('exit', (code, signal) => {
      if (code === EXIT_HELD_BY_ANOTHER) return;
      const how = code === null ? `by signal ${signal ?? ''}` : `with exit code ${code}`;
      failure.reject(new UnavailableError(`The agent ended ${how}. Its log is ${place.logFile}.`));
    });
    await spawned.promise;
    child.unref();
    return { failure: failure.promise };
  } finally {
    await log.close();
  }
}

function agentArguments(place: AgentPlace): string[] {
  const reached = ['--listen', '127.0.0.1:0', '--insecure-loopback'];
  return [place.program, '--state-dir', place.stateFolder, ...reached, '--runtime', place.runtime];
}

function agentEnvironment(place: AgentPlace, secrets: AgentSecrets): Record<string, string> {
  return {
    AGENT_TOKEN: secrets.agentToken,
    WORKSPACE_TOKEN_SECRET: secrets.workspaceTokenSecret,
    SOCKET_DIR: place.socketFolder,
    IMAGES_DIR: place.imagesFolder,
    // The programs of networks are root's, which an editor's PATH may lack.
    ...(place.runtime !== 'process' && { PATH: systemPath() }),
  };
}

/** What the agent that lives in this place has told of itself; undefined where none lives or it does not listen yet. */
export async function readAgentFile(place: AgentPlace): Promise<AgentFile | undefined> {
  let text: string;
  try {
    text = await readFile(join(place.stateFolder, 'agent.json'), 'utf8');
  } catch {
    return undefined;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const file = agentFileSchema.safeParse(value);
  return file.success && isAlive(file.data) ? file.data : undefined;
}

/** Every agent process of this place, also one that has not told of itself, or not got its lock. */
export function findAgents(place: AgentPlace): ProcessIdentity[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isAgentOf(place, commandLine(pid)))
    .flatMap((pid) => {
      const start_time = processStartTime(pid);
      return start_time === undefined ? [] : [{ pid, start_time }];
    });
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // It has ended, or it is another user's.
    return [];
  }
}

function isAgentOf(place: AgentPlace, words: readonly string[]): boolean {
  const at = words.indexOf('--state-dir');
  return at > 0 && words[at + 1] === place.stateFolder && words.includes('--insecure-loopback');
}

/** Ends these processes: SIGTERM, and SIGKILL for those that live on after `graceMs`. */
export async function endProcesses(agents: readonly ProcessIdentity[], graceMs: number): Promise<void> {
  for (const agent of agents) kill(agent, 'SIGTERM');
  if (await allEnded(agents, graceMs)) return;
  for (const agent of agents) kill(agent, 'SIGKILL');
  await allEnded(agents, graceMs);
}

function kill(agent: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(agent)) return;
  try {
    process.kill(agent.pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}

async function allEnded(agents: readonly ProcessIdentity[], withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (agents.some(isAlive)) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}
