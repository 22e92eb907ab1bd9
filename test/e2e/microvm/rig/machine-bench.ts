/** What a test of machines works with: networks made by hand, folders, disks, and all that was started, to be removed. */
import { ok } from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { copyDisk, makeDisk } from '../../../../src/agent/vmm/machine/disk.ts';
import type { Hypervisor, Machine, MachineSpec, Template } from '../../../../src/agent/vmm/machine/hypervisor.ts';
import type { MachineImage } from '../../../../src/agent/vmm/machine/image.ts';
import { askSeat, type SeatQuestion } from '../../../../src/agent/vmm/machine/seat-channel.ts';
import type { SeatAnswer } from '../../../../src/protocol/seat-init.ts';

export const forever = new AbortController().signal;

/** A machine by software on a busy computer takes its time. */
const ANSWER_MS = 180_000;
const GUEST = '172.16.0.2';

function ip(...words: string[]): void {
  execFileSync('ip', words);
}

/** The command lines of all processes, by their number. */
export function commandLines(): Map<number, string> {
  const lines = new Map<number, string>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      lines.set(Number(name), readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' '));
    } catch {
      // It has ended.
    }
  }
  return lines;
}

export class MachineBench {
  readonly folder = mkdtempSync('/tmp/carapace-machines-');
  readonly image: MachineImage;
  readonly #hypervisor: Hypervisor;
  readonly #machines: Machine[] = [];
  #lastSlot = 0;

  constructor(hypervisor: Hypervisor, image: MachineImage) {
    this.#hypervisor = hypervisor;
    this.image = image;
  }

  /** A network and a folder of its own, and an empty disk unless another one is to be copied. */
  async spec(changes: Partial<MachineSpec> = {}, disk?: string): Promise<MachineSpec> {
    const slot = (this.#lastSlot += 1);
    const name = `machine-${slot}`;
    const folder = join(this.folder, name);
    mkdirSync(folder, { mode: 0o700 });
    ip('netns', 'add', name);
    ip('-n', name, 'tuntap', 'add', 'tap0', 'mode', 'tap');
    ip('-n', name, 'address', 'add', '172.16.0.1/30', 'dev', 'tap0');
    ip('-n', name, 'link', 'set', 'tap0', 'up');
    const own = join(this.folder, `${name}.raw`);
    await (disk === undefined ? makeDisk(own, 256, forever) : copyDisk(disk, own, forever));
    return {
      name,
      folder,
      image: this.image,
      size: { vcpus: 1, memoryMb: 256, diskMb: 256 },
      disk: own,
      link: { slot, ip: '', namespace: `/run/netns/${name}`, tap: 'tap0', mac: '06:00:ac:10:00:02' },
      confinement: { wrap: (command) => command },
      ...changes,
    };
  }

  async boot(spec: MachineSpec, signal = forever): Promise<Machine> {
    return this.#keep(await this.#hypervisor.boot(spec, signal));
  }

  async restore(spec: MachineSpec, template: Template, signal = forever): Promise<Machine> {
    return this.#keep(await this.#hypervisor.restore(spec, template, signal));
  }

  async ask(machine: Machine, question: SeatQuestion): Promise<SeatAnswer> {
    return askSeat(machine.channel, () => question, { deadlineMs: ANSWER_MS, signal: forever });
  }

  /** Waits until both of the seat's servers answer, over the network. */
  async waitForServers(spec: MachineSpec): Promise<void> {
    const urls = ['3001', '3002'].map((port) => `http://${GUEST}:${port}/health`);
    const words = [`--net=${spec.link.namespace}`, 'curl', '--silent', '--fail', '--max-time', '5', ...urls];
    const deadline = Date.now() + ANSWER_MS;
    while (!(await succeeds('nsenter', words))) {
      ok(Date.now() < deadline, `the servers of ${spec.name} do not answer`);
      await sleep(50);
    }
  }

  /** The processes that were started for the machine and still run. */
  processesOf(spec: MachineSpec): number[] {
    return [...commandLines()].filter(([, line]) => line.includes(`${spec.folder}/`)).map(([pid]) => pid);
  }

  async dispose(): Promise<void> {
    for (const machine of this.#machines) await machine.kill();
    for (let slot = 1; slot <= this.#lastSlot; slot += 1) ip('netns', 'delete', `machine-${slot}`);
    rmSync(this.folder, { recursive: true });
  }

  #keep(machine: Machine): Machine {
    this.#machines.push(machine);
    return machine;
  }
}

function succeeds(program: string, words: string[]): Promise<boolean> {
  return new Promise((resolve) => execFile(program, words, (error) => resolve(error === null)));
}
