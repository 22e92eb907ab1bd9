/** Gives every EC2 instance its machine: it runs while the instance runs, and its disk goes when that is terminated. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describeInstances, userData, type Instance } from './aws.ts';

const run = promisify(execFile);

const POLL_MS = 500;

export interface Places {
  /** The system that every machine starts with. */
  readonly node: string;
  /** Where each machine has a folder named by its instance. */
  readonly machines: string;
}

interface Machine {
  readonly folder: string;
  process: ChildProcess | undefined;
}

/** Follows the states of the instances for ever. */
export async function runMachines(places: Places): Promise<never> {
  const machines = new Map<string, Machine>();
  for (;;) {
    for (const instance of await describeInstances()) await follow(instance, machines, places);
    await sleep(POLL_MS);
  }
}

async function follow(instance: Instance, machines: Map<string, Machine>, places: Places): Promise<void> {
  const machine = machines.get(instance.id);
  if (instance.state === 'running') {
    if (machine?.process !== undefined) return;
    machines.set(instance.id, await start(instance, machine, places));
  } else if (machine !== undefined && instance.state !== 'pending') {
    await stop(machine);
    if (instance.state === 'terminated') {
      await run('umount', [join(machine.folder, 'network')]);
      rmSync(machine.folder, { recursive: true, force: true });
      machines.delete(instance.id);
    }
  }
}

async function start(instance: Instance, known: Machine | undefined, places: Places): Promise<Machine> {
  const folder = join(places.machines, instance.id);
  if (known === undefined) {
    mkdirSync(folder);
    const key = /ssh-\S+ \S+/.exec(await userData(instance.id))?.[0];
    writeFileSync(join(folder, 'authorized_keys'), `${key ?? ''}\n`);
  }
  const addresses = [instance.privateAddress ?? '', instance.publicAddress ?? ''];
  const log = openSync(join(places.machines, `${instance.id}.log`), 'a');
  const script = join(import.meta.dirname, 'machine.sh');
  const child = spawn(script, [places.node, folder, instance.id, ...addresses], { stdio: ['ignore', log, log] });
  const machine: Machine = { folder, process: child };
  child.once('exit', (code) => {
    appendFileSync(log, `the machine ended with ${String(code)}\n`);
  });
  return machine;
}

async function stop(machine: Machine): Promise<void> {
  const child = machine.process;
  machine.process = undefined;
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await ended;
}
