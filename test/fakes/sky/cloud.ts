/**
 * The cloud behind the fake SkyPilot: machines as folders that outlive every process. A machine is billed until it is
 * terminated; `root` is its file system.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SkyBehaviour } from './behaviour.ts';
import { readJson, writeJson } from './files.ts';

export interface Machine {
  readonly id: string;
  /** The cluster that it was made for. */
  readonly cluster: string;
  readonly cloud: string;
  readonly region: string;
  readonly instanceType: string;
  readonly cpus: number;
  readonly memory: number;
  readonly diskGb: number;
  readonly spot: boolean;
  readonly ip: string;
  /** SkyPilot's runtime is on it: then a half done launch is UP as soon as it is looked at. */
  readonly prepared: boolean;
  /** `autostopping`: it runs, and has told SkyPilot that it is about to stop. `sick`: it runs, and its runtime does not. */
  readonly state: 'running' | 'autostopping' | 'sick' | 'stopped' | 'terminated';
}

function machinesFolder(folder: string): string {
  return join(folder, 'cloud');
}

export function machineRoot(folder: string, id: string): string {
  return join(machinesFolder(folder), id, 'root');
}

/** All that there ever were, the terminated ones included, in the order of their making. */
export function everyMachine(folder: string): Machine[] {
  const path = machinesFolder(folder);
  if (!existsSync(path)) return [];
  const names = readdirSync(path).sort();
  return names.flatMap((name) => readJson<Machine | undefined>(join(path, name, 'machine.json'), undefined) ?? []);
}

export function findMachine(folder: string, id: string | null): Machine | undefined {
  return everyMachine(folder).find((machine) => machine.id === id);
}

export function isThere(machine: Machine | undefined): machine is Machine {
  return machine !== undefined && machine.state !== 'terminated';
}

export function isOn(machine: Machine): boolean {
  return isThere(machine) && machine.state !== 'stopped';
}

export function createMachine(
  folder: string,
  facts: Omit<Machine, 'id' | 'ip' | 'state' | 'prepared'>,
  { image = [], prepared = false }: Pick<SkyBehaviour, 'image' | 'prepared'>,
): Machine {
  const count = everyMachine(folder).length;
  const id = `i-${String(count).padStart(4, '0')}${randomBytes(4).toString('hex')}`;
  const machine: Machine = { id, ...facts, ip: newAddress(), prepared, state: 'running' };
  const root = machineRoot(folder, id);
  for (const path of ['/opt', '/home/ubuntu', '/tmp', ...image]) mkdirSync(join(root, path), { recursive: true });
  save(folder, machine);
  return machine;
}

/** A stopped machine that starts gets a new address, as in the real cloud. */
export function setMachineState(folder: string, id: string, state: Machine['state']): void {
  const machine = findMachine(folder, id);
  if (machine === undefined) throw new Error(`there is no machine ${id}`);
  const restarted = state === 'running' && machine.state === 'stopped';
  save(folder, { ...machine, state, ...(restarted && { ip: newAddress() }) });
  if (state === 'terminated') rmSync(machineRoot(folder, id), { recursive: true, force: true });
}

function newAddress(): string {
  const [a, b, c] = randomBytes(3);
  return `54.${a ?? 1}.${b ?? 1}.${c ?? 1}`;
}

/** SkyPilot's runtime is on the machine from now on. */
export function prepareMachine(folder: string, id: string): void {
  const machine = findMachine(folder, id);
  if (machine !== undefined) save(folder, { ...machine, prepared: true });
}

/** `address` is for the fake `ssh`, which is a shell script. */
function save(folder: string, machine: Machine): void {
  const path = join(machinesFolder(folder), machine.id);
  writeJson(join(path, 'machine.json'), machine);
  writeFileSync(join(path, 'address'), isOn(machine) ? machine.ip : 'none');
}
