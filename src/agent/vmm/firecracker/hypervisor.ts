/** Machines made by Firecracker: on the processor itself, in milliseconds, and each in a jail where there is a jailer. */
import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from '../../../lib/process-identity.ts';
import { CarapaceError, errorFromInfo, infoFromError, UnavailableError } from '../../../protocol/errors.ts';
import type { Hypervisor, Machine, MachineSpec, Template } from '../machine/hypervisor.ts';
import type { MachineImage } from '../machine/image.ts';
import { LISTEN_MS, UnreachableError, withApi } from './api-client.ts';
import type { ApiRequest } from './bodies.ts';
import { jailCommand, jailRoot, plainCommand, userOf, type Command } from './command-line.ts';
import { machinePaths, NAMES, TEMPLATE_NAMES, type Borrowed, type MachinePaths } from './files.ts';
import { PROBE_MS, probeKvm } from './kvm-probe.ts';
import { clearMachineFolder, makeJailFolder, makePlainFolder, removeArea } from './machine-folder.ts';
import { FirecrackerMachine } from './machine.ts';
import { start, type Started } from './process.ts';
import { findPrograms, type Programs } from './programs.ts';
import { bootRequests, restoreRequests } from './sequence.ts';

/** How long the last answer of a process that has ended is waited for, and the end of one that does not answer. */
const LAST_WORD_MS = 200;

export interface FirecrackerOptions {
  /** Where the programs are looked for; by default this process's own PATH. */
  readonly path?: string;
  /** The device by which the processor runs machines. */
  readonly kvm?: string;
  /** How long the probe machine may take. */
  readonly probeMs?: number;
  /** How long a process may take until it listens to its API; default 3 s. */
  readonly listenMs?: number;
}

/** Whether every user may read it: jailed machines have users of their own. */
function isPublic(path: string): boolean {
  return (statSync(path).mode & 0o004) !== 0;
}

/** The processor as a snapshot sees it. */
function processor(): string {
  const first = readFileSync('/proc/cpuinfo', 'utf8').split('\n\n')[0] ?? '';
  const kept = first
    .split('\n')
    .filter((line) => /^(vendor_id|cpu family|model|model name|stepping|flags)\b/.test(line));
  return createHash('sha256').update(kept.join('\n')).digest('hex').slice(0, 16);
}

/** What is wrong with the machine that this program runs on and with the image, each in a sentence. */
function findObstacles(kvm: string, image: MachineImage, jailed: boolean): string[] {
  const obstacles: string[] = [];
  if (process.getuid?.() !== 0) obstacles.push('The agent does not run as root.');
  try {
    accessSync(kvm, constants.R_OK | constants.W_OK);
  } catch {
    obstacles.push(`${kvm} is missing or cannot be opened: this machine's processor runs no machines.`);
  }
  for (const path of [image.kernel, image.initramfs, image.rootfs]) {
    try {
      accessSync(path, constants.R_OK);
      if (jailed && !isPublic(path)) obstacles.push(`${path} must be readable for all users (chmod o+r).`);
    } catch {
      obstacles.push(`${path} is missing: build the images.`);
    }
  }
  return obstacles;
}

export class FirecrackerHypervisor implements Hypervisor {
  readonly runtime = 'firecracker';
  readonly #options: Required<FirecrackerOptions>;
  #programs: Programs | undefined;

  constructor(options: FirecrackerOptions = {}) {
    this.#options = {
      path: options.path ?? process.env['PATH'] ?? '',
      kvm: options.kvm ?? '/dev/kvm',
      probeMs: options.probeMs ?? PROBE_MS,
      listenMs: options.listenMs ?? LISTEN_MS,
    };
  }

  /** There are no machines of Firecracker without it. */
  get accelerated(): boolean {
    return this.#programs !== undefined;
  }

  versions(): Record<string, string> {
    if (this.#programs === undefined) return {};
    const { version, jailer } = this.#programs;
    return { firecracker: version, jailer: jailer === undefined ? 'none' : version };
  }

  async prepare(image: MachineImage, signal: AbortSignal): Promise<void> {
    const { path, kvm, probeMs } = this.#options;
    const { programs, missing } = await findPrograms(path, signal);
    const obstacles = [...missing, ...findObstacles(kvm, image, programs?.jailer !== undefined)];
    if (programs === undefined || obstacles.length > 0) {
      throw new UnavailableError(`Firecracker cannot be used here. ${obstacles.join(' ')}`, { missing: obstacles });
    }
    await probeKvm(programs.firecracker, image, probeMs, signal);
    this.#programs = programs;
  }

  fingerprint(): string {
    const { version, jailer } = this.#prepared();
    const how = jailer === undefined ? 'plain' : 'jailed';
    return `firecracker ${version} ${how}, linux ${release()}, processor ${processor()}`;
  }

  boot(spec: MachineSpec, signal: AbortSignal): Promise<Machine> {
    const { kernel, initramfs } = spec.image;
    const borrowed = [
      { source: kernel, name: NAMES.kernel, writable: false },
      { source: initramfs, name: NAMES.initramfs, writable: false },
    ];
    return this.#make(spec, borrowed, bootRequests(spec.size, spec.link), signal);
  }

  restore(spec: MachineSpec, template: Template, signal: AbortSignal): Promise<Machine> {
    const borrowed = [
      { source: join(template.folder, TEMPLATE_NAMES.memory), name: NAMES.memory, writable: false },
      { source: join(template.folder, TEMPLATE_NAMES.state), name: NAMES.state, writable: false },
    ];
    return this.#make(spec, borrowed, restoreRequests(spec.link), signal);
  }

  /** Of a machine that has ended, what it left beside its disk is removed. */
  attach(_name: string, folder: string, process: ProcessIdentity): Machine | undefined {
    const paths = machinePaths(folder);
    if (isAlive(process)) return new FirecrackerMachine(process, paths);
    removeArea(paths);
    return undefined;
  }

  #prepared(): Programs {
    if (this.#programs === undefined) throw new UnavailableError('Firecracker has not been checked yet.');
    return this.#programs;
  }

  /** Makes the folder, starts the process and asks it for everything; what failed leaves nothing. */
  async #make(
    spec: MachineSpec,
    borrowed: readonly Borrowed[],
    requests: readonly ApiRequest[],
    signal: AbortSignal,
  ): Promise<Machine> {
    const paths = machinePaths(spec.folder);
    const disks = [
      { source: spec.image.rootfs, name: NAMES.rootfs, writable: false },
      { source: spec.disk, name: NAMES.disk, writable: true },
    ];
    let started: Started | undefined;
    try {
      signal.throwIfAborted();
      const command = await this.#furnish(spec, paths, [...disks, ...borrowed]);
      started = await start(command, paths.work, paths.output);
      await this.#converse(paths, requests, started, signal);
      return new FirecrackerMachine(started.process, paths);
    } catch (error) {
      const console = await new FirecrackerMachine({ pid: 0, start_time: '' }, paths).consoleTail();
      if (started === undefined) await clearMachineFolder(paths);
      else await new FirecrackerMachine(started.process, paths).kill();
      throw tell(error, console);
    }
  }

  /** Asks a fresh process for everything. @throws the first refusal, or why the process ended */
  async #converse(
    paths: MachinePaths,
    requests: readonly ApiRequest[],
    started: Started,
    signal: AbortSignal,
  ): Promise<void> {
    const over = new AbortController();
    const limited = AbortSignal.any([signal, over.signal]);
    const pause = (): Promise<undefined> => sleep(LAST_WORD_MS, undefined, { signal: limited }).catch(() => undefined);
    const conversation = withApi(join(paths.work, NAMES.api), async (api) => {
      await api.waitUntilListening(this.#options.listenMs, limited);
      await api.sendAll(requests, limited);
    }).catch(async (error: unknown) => {
      // How the process ended tells more than that it cannot be reached.
      if (error instanceof UnreachableError) await Promise.race([started.ended, pause()]);
      throw error;
    });
    // Its last refusal tells more than that it ended: a failed restore is told first, and then ends the process.
    const ended = started.ended.catch(async (error: unknown) => {
      await pause();
      throw error;
    });
    try {
      await Promise.race([conversation, ended]);
    } finally {
      over.abort();
    }
  }

  async #furnish(spec: MachineSpec, paths: MachinePaths, borrowed: readonly Borrowed[]): Promise<Command> {
    const programs = this.#prepared();
    if (programs.jailer === undefined) {
      await makePlainFolder(spec, paths, borrowed);
      return plainCommand(spec, paths, programs);
    }
    await makeJailFolder(spec, paths, jailRoot(spec, programs), userOf(spec), borrowed);
    return jailCommand(spec, paths, programs, programs.jailer, borrowed);
  }
}

/** An error of the system becomes one of ours; what the machine's console said goes with it. */
function tell(error: unknown, console: string): unknown {
  if (error instanceof CarapaceError) {
    if (console === '') return error;
    return errorFromInfo({ ...infoFromError(error), details: { ...error.details, console } });
  }
  const isOfSystem = error instanceof Error && 'code' in error && typeof error.code === 'string';
  if (!isOfSystem || error.name === 'AbortError') return error;
  return new UnavailableError(`The machine's files cannot be made: ${error.message}.`, undefined, { cause: error });
}
