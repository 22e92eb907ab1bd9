/** Starts a Firecracker process that outlives this one, and ends such processes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, processStartTime, type ProcessIdentity } from '../../../lib/process-identity.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import type { Command } from './command-line.ts';
import { endingInWords } from './faults.ts';

/** A process that was started; `ended` settles, by rejecting, when it ends while it is still watched. */
export interface Started {
  readonly process: ProcessIdentity;
  readonly ended: Promise<never>;
}

const KILL_MS = 10_000;
const LOOK_MS = 5;
const OUTPUT_TAIL = 2_000;

/** Nothing of this process's environment, which holds the agent's token. */
export const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };

/** The end of a text file; empty where there is none. */
export async function tailOf(path: string, characters = OUTPUT_TAIL): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.slice(-characters).trim();
}

async function watch(child: ChildProcess, output: string): Promise<never> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  const said = await tailOf(output);
  throw new UnavailableError(`Firecracker ended: ${endingInWords(code, signal)}. ${said}`.trim(), { output: said });
}

/**
 * @param folder the process's own at first
 * @param output a file for what it prints
 * @throws UnavailableError where the program cannot be started
 */
export async function start(command: Command, folder: string, output: string): Promise<Started> {
  const [program, ...parameters] = command;
  const file = await open(output, 'w', 0o600);
  try {
    const child = spawn(program, parameters, {
      cwd: folder,
      detached: true,
      env: ENVIRONMENT,
      stdio: ['ignore', file.fd, file.fd],
    });
    const ended = watch(child, output);
    // The watch may outlast the wait for the machine; then nobody asks for its result.
    ended.catch(() => undefined);
    await once(child, 'spawn').catch((cause: unknown) => {
      throw new UnavailableError(`${program} cannot be started. Is it installed?`, undefined, { cause });
    });
    child.unref();
    const pid = child.pid ?? 0;
    return { process: { pid, start_time: processStartTime(pid) ?? 'ended' }, ended };
  } finally {
    await file.close();
  }
}

/** Kills exactly this process and waits until it is gone. @throws UnavailableError where it does not end */
export async function end(process_: ProcessIdentity): Promise<void> {
  const deadline = performance.now() + KILL_MS;
  while (isAlive(process_)) {
    try {
      process.kill(process_.pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
    if (performance.now() > deadline) {
      throw new UnavailableError(`The machine's process ${process_.pid} does not end. It may hang in the kernel.`);
    }
    await sleep(LOOK_MS);
  }
}
