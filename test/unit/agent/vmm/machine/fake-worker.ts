/**
 * A worker in memory, which outlives the drivers that are built over it: machines are real processes that do nothing, their
 * root programs real sockets, their servers one real HTTP server; slots and groups are entries of a list.
 *
 * `cut` stops a driver for ever before or after the effect of a step, as kill -9 of its agent does; `fail` lets a step
 * fail.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isAlive, processStartTime, type ProcessIdentity } from '../../../../../src/lib/process-identity.ts';
import { createLog } from '../../../../../src/lib/log.ts';
import { NoCapacityError, UnavailableError } from '../../../../../src/protocol/errors.ts';
import type { SeatRequest } from '../../../../../src/protocol/seat-init.ts';
import type { Limiter } from '../../../../../src/agent/limits/limiter.ts';
import { addressOf, GUEST, type SeatLink, type SeatNetwork } from '../../../../../src/agent/network/seat-network.ts';
import { MachineDriver } from '../../../../../src/agent/vmm/machine/driver.ts';
import type { HostFacts } from '../../../../../src/agent/vmm/machine/host-facts.ts';
import { hostFacts } from '../../../../../src/agent/vmm/machine/host-facts.ts';
import type { Hypervisor, Machine, MachineSpec, Template } from '../../../../../src/agent/vmm/machine/hypervisor.ts';
import { endMachineProcesses } from '../../../../../src/agent/vmm/machine/remnants.ts';

/** Of a size that takes no time to make. */
export const SMALL = { vcpus: 1, memoryMb: 192, diskMb: 128 } as const;

export type When = 'before' | 'after';

interface FakeMachine {
  readonly name: string;
  readonly folder: string;
  readonly process: ProcessIdentity;
  readonly fromTemplate: boolean;
  readonly heard: SeatRequest[];
  readonly channel: Server;
}

export class FakeWorker {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-machine-')));
  readonly stateFolder = join(this.folder, 'state');
  readonly socketFolder = join(this.folder, 'run');
  readonly imagesFolder = join(this.folder, 'images');
  /** Every machine that was ever started, also those of drivers that were cut. */
  readonly machines: FakeMachine[] = [];
  readonly slots = new Set<number>();
  readonly groups = new Set<string>();
  /** What was done, in order. */
  readonly steps: string[] = [];
  fingerprint = 'fake 1';
  /** Of this worker, beside what is real. */
  freeMemoryMb = 100_000;
  freeDiskMb = 100_000;
  /** Runs while a step is taken. */
  onStep: (step: string) => void = () => undefined;
  /** Counts the agents. */
  #generation = 0;
  #cut: { step: string; when: When; reached: () => void } | undefined;
  readonly #failures = new Map<string, Error>();
  readonly #servers: HttpServer;

  private constructor(servers: HttpServer) {
    this.#servers = servers;
    for (const folder of [this.stateFolder, this.socketFolder, this.imagesFolder]) mkdirSync(folder);
    this.writeImage('one');
  }

  static async start(): Promise<FakeWorker> {
    const servers = createHttpServer((_request, response) => response.end('{}'));
    await once(servers.listen(0, '127.0.0.1'), 'listening');
    return new FakeWorker(servers);
  }

  async end(): Promise<void> {
    for (const machine of this.machines) {
      machine.channel.close();
      await endMachineProcesses({ sockets: machine.folder, namespace: undefined });
    }
    this.#servers.close();
    this.#servers.closeAllConnections();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A whole image whose files hold the text. */
  writeImage(id: string): void {
    const file = (name: string): object => {
      writeFileSync(join(this.imagesFolder, name), `${name} ${id}`);
      const sha256 = createHash('sha256').update(`${name} ${id}`).digest('hex');
      return { name, bytes: Buffer.byteLength(`${name} ${id}`), sha256 };
    };
    const facts = { format: 1, version: '0', built_at: '2026-01-01T00:00:00Z', kernel_release: '6.1', debian: '12' };
    const files = { kernel: file('vmlinuz'), initramfs: file('initramfs'), rootfs: file('rootfs.ext4') };
    const manifest = { ...facts, ...files, id, node: '24', packages: [] };
    writeFileSync(join(this.imagesFolder, 'manifest.json'), JSON.stringify(manifest));
  }

  /** A driver as a new agent has it. */
  driver(): MachineDriver {
    const host: HostFacts = {
      ...hostFacts,
      size: { cores: 4, memoryMb: 16_000 },
      freeMemoryMb: () => this.freeMemoryMb,
      freeDiskMb: () => this.freeDiskMb,
    };
    this.#generation += 1;
    const { port } = this.#servers.address() as AddressInfo;
    const server = { host: '127.0.0.1', port };
    return new MachineDriver({
      stateFolder: this.stateFolder,
      socketFolder: this.socketFolder,
      imagesFolder: this.imagesFolder,
      hypervisor: this.#hypervisor(),
      network: this.#network(),
      limiter: this.#limiter(),
      log: createLog('test', 'silent'),
      host,
      serversAt: () => ({ terminal: server, files: server }),
    });
  }

  /** Resolves when the step is reached, at which the driver then stands still for ever. */
  cut(step: string, when: When): Promise<void> {
    return new Promise((resolve) => (this.#cut = { step, when, reached: resolve }));
  }

  /** The step fails each time from now on, until `undefined` is given. */
  fail(step: string, error: Error | undefined): void {
    if (error === undefined) this.#failures.delete(step);
    else this.#failures.set(step, error);
  }

  running(): FakeMachine[] {
    return this.machines.filter((machine) => isAlive(machine.process));
  }

  /** Everything that there is, but templates and the folders of the agent itself. */
  things(): Record<string, unknown> {
    const files = readdirSync(this.stateFolder, { recursive: true, encoding: 'utf8' });
    return {
      machines: this.running().map((machine) => basename(machine.folder)),
      slots: [...this.slots],
      groups: [...this.groups],
      sockets: readdirSync(this.socketFolder),
      files: files.filter((file) => !file.startsWith('templates')),
    };
  }

  /** The names of templates, and of what is in the folders of those that are not complete. */
  templates(): { complete: string[]; broken: string[] } {
    const folder = join(this.stateFolder, 'templates');
    const names = existsSync(folder) ? readdirSync(folder) : [];
    const isComplete = (name: string): boolean => existsSync(join(folder, name, 'complete.json'));
    return { complete: names.filter(isComplete), broken: names.filter((name) => !isComplete(name)) };
  }

  count(step: string): number {
    return this.steps.filter((taken) => taken === step).length;
  }

  async #step<T>(step: string, effect: () => T | Promise<T>): Promise<T> {
    this.onStep(step);
    await this.#stopAt(step, 'before');
    const failure = this.#failures.get(step);
    if (failure !== undefined) throw failure;
    this.steps.push(step);
    const result = await effect();
    await this.#stopAt(step, 'after');
    return result;
  }

  async #stopAt(step: string, when: When): Promise<void> {
    if (this.#cut?.step !== step || this.#cut.when !== when) return;
    const { reached } = this.#cut;
    this.#cut = undefined;
    reached();
    await new Promise(() => undefined);
  }

  #hypervisor(): Hypervisor {
    return {
      runtime: 'qemu',
      accelerated: true,
      versions: () => ({ qemu: 'fake' }),
      prepare: () => this.#step('prepare', () => undefined),
      fingerprint: () => this.fingerprint,
      boot: (spec) => this.#step('boot', () => this.#start(spec, false)),
      restore: (spec, template) =>
        this.#step('restore', () => {
          if (readFileSync(join(template.folder, 'memory'), 'utf8') !== 'memory') throw new Error('no memory');
          return this.#start(spec, true);
        }),
      attach: (name, _folder, process) => {
        const machine = this.machines.find((known) => known.name === name && known.process.pid === process.pid);
        return machine !== undefined && isAlive(process) ? this.#machine(machine) : undefined;
      },
    };
  }

  /** A process that does nothing, known by the machine's folder in its arguments. */
  async #start(spec: MachineSpec, fromTemplate: boolean): Promise<Machine> {
    if (!existsSync(spec.disk)) throw new UnavailableError(`There is no disk ${spec.disk}.`);
    const options = { argv0: join(spec.folder, 'machine'), detached: true, stdio: 'ignore' } as const;
    const child = spawn('/bin/sleep', ['1000000'], options);
    await once(child, 'spawn');
    child.unref();
    const pid = child.pid ?? 0;
    const heard: SeatRequest[] = [];
    const channel = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (line: Buffer) => {
        const request = JSON.parse(line.toString()) as SeatRequest;
        heard.push(request);
        void this.#step(request.op, () => socket.write(`${JSON.stringify({ id: request.id, ok: true })}\n`)).catch(
          (error: unknown) => socket.write(`${JSON.stringify({ id: request.id, ok: false, error: String(error) })}\n`),
        );
      });
    });
    channel.unref();
    await once(channel.listen(join(spec.folder, 'channel')), 'listening');
    const process = { pid, start_time: processStartTime(pid) ?? 'ended' };
    const machine = { name: spec.name, folder: spec.folder, process, fromTemplate, heard, channel };
    this.machines.push(machine);
    return this.#machine(machine);
  }

  #machine(machine: FakeMachine): Machine {
    const generation = this.#generation;
    const { folder } = machine;
    return {
      process: machine.process,
      channel: { kind: 'serial', socketPath: join(folder, 'channel') },
      consoleTail: async () => {
        // A driver that was cut while it spoke to a machine must not go on when the next one ends that.
        if (generation < this.#generation) await new Promise(() => undefined);
        return 'the last words';
      },
      snapshot: (template: Template) =>
        this.#step('snapshot', () => writeFileSync(join(template.folder, 'memory'), 'memory')),
      resume: () => Promise.resolve(),
      kill: () => this.#step('kill', () => endMachineProcesses({ sockets: folder, namespace: undefined })),
    };
  }

  #link(slot: number): SeatLink {
    const namespace = join(this.folder, 'netns', `seat${slot}`);
    mkdirSync(dirname(namespace), { recursive: true });
    return { slot, ip: addressOf(slot), namespace, tap: GUEST.tap, mac: GUEST.mac };
  }

  #network(): SeatNetwork {
    return {
      open: () => this.#step('open', () => undefined),
      diagnose: () => Promise.resolve([]),
      guard: () => Promise.resolve(),
      take: (preferred) =>
        this.#step('take', () => {
          const free = [preferred, ...Array.from({ length: 240 }, (_none, index) => index + 1)];
          const slot = free.find((candidate) => !this.slots.has(candidate));
          if (slot === undefined) throw new NoCapacityError('There is no free slot.');
          this.slots.add(slot);
          return this.#link(slot);
        }),
      adopt: (slot) => this.#step('adopt', () => this.#link(slot)),
      isWhole: (slot) => Promise.resolve(this.slots.has(slot)),
      release: (slot) => this.#step('release', () => void this.slots.delete(slot)),
      reap: (keep) =>
        this.#step('reap slots', () => {
          for (const slot of this.slots) if (!keep.has(slot)) this.slots.delete(slot);
        }),
      close: () => this.#step('close', () => undefined),
    };
  }

  #limiter(): Limiter {
    return {
      kind: 'cgroup2',
      missing: undefined,
      prepare: (name) =>
        this.#step('limit', () => {
          this.groups.add(name);
          return { wrap: (command) => command };
        }),
      counters: () => Promise.resolve({}),
      remove: (name) => this.#step('unlimit', () => void this.groups.delete(name)),
      reap: (keep) =>
        this.#step('reap groups', () => {
          for (const name of this.groups) if (!keep.has(name)) this.groups.delete(name);
        }),
    };
  }
}
