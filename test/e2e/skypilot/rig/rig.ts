/**
 * For tests with a real SkyPilot: they run inside of enter.sh, and look from here at the cloud, change it behind SkyPilot's
 * back, and let it fail.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { describeInstances, ec2, type InstanceState } from './aws.ts';
import { FAULT_FILE, type Fault } from './faults.ts';

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const DEADLINE_MS = 5 * 60_000;

/** The folder of the rig that this process runs in; undefined outside of one. */
export const rigFolder = process.env['CARAPACE_RIG'];

/** What a test skips itself with, where it is not in a rig. */
export const WHY_SKIPPED = 'This needs the SkyPilot rig: test/e2e/skypilot/rig/enter.sh';

/** Runs a command to its end, whatever its exit code is. */
export async function run(file: string, args: readonly string[], input = ''): Promise<Ran> {
  const ran = await execa(file, args, { reject: false, input, timeout: DEADLINE_MS, stripFinalNewline: false });
  if (ran.exitCode === undefined) throw new Error(`${file} ${args.join(' ')}: ${ran.shortMessage}`);
  return { exitCode: ran.exitCode, stdout: ran.stdout, stderr: ran.stderr };
}

export function sky(args: readonly string[]): Promise<Ran> {
  return run('sky', args);
}

/** What EC2 has, apart from what is terminated. */
export async function instances(): Promise<{ id: string; state: InstanceState; type: string }[]> {
  const all = await describeInstances();
  return all.filter(({ state }) => state !== 'terminated').map(({ id, state, type }) => ({ id, state, type }));
}

export async function stopInstance(id: string): Promise<void> {
  await ec2('StopInstances', { 'InstanceId.1': id });
}

export async function terminateInstance(id: string): Promise<void> {
  await ec2('TerminateInstances', { 'InstanceId.1': id });
}

/** From now on the cloud refuses like this, until another or `none` is said. */
export function refuse(what: Fault): void {
  if (rigFolder === undefined) throw new Error(WHY_SKIPPED);
  writeFileSync(join(rigFolder, FAULT_FILE), what);
}

/** Ends SkyPilot's API server as a crash would, with all of its workers. */
export async function killApiServer(): Promise<void> {
  for (;;) {
    const found = apiServerProcesses();
    if (found.length === 0) return;
    for (const id of found) {
      try {
        process.kill(id, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    await sleep(50);
  }
}

export async function restartApiServer(): Promise<void> {
  await killApiServer();
  const { exitCode, stdout, stderr } = await sky(['api', 'start']);
  if (exitCode !== 0) throw new Error(`sky api start: ${stdout}${stderr}`);
}

/** The server and what it started; a worker sets its own title, and what it spawns has the server as an ancestor. */
function apiServerProcesses(): number[] {
  const parents = new Map<number, number>();
  const found = new Set<number>();
  for (const name of readdirSync('/proc')) {
    const id = Number(name);
    if (!Number.isInteger(id)) continue;
    try {
      const command = readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const status = readFileSync(`/proc/${id}/status`, 'utf8');
      if (/^State:\s+Z/m.test(status)) continue;
      parents.set(id, Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]));
      if (/ -m sky\.server\.server( |$)|^SkyPilot:/.test(command)) found.add(id);
    } catch {
      // It ended meanwhile.
    }
  }
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const [id, parent] of parents) if (found.has(parent)) found.add(id);
  }
  return [...found];
}
