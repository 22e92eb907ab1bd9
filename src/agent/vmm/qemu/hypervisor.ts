/** Machines that run in QEMU: with KVM where that works, else by software. */
import { open, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { isAlive, type ProcessIdentity } from '../../../lib/process-identity.ts';
import { NoCapacityError, UnavailableError } from '../../../protocol/errors.ts';
import { hostFacts } from '../machine/host-facts.ts';
import type { Hypervisor, Machine, MachineSpec, Template } from '../machine/hypervisor.ts';
import type { MachineImage } from '../machine/image.ts';
import { BootWatch } from './boot-watch.ts';
import { enterArguments, machineArguments, type Acceleration, type Memory } from './command-line.ts';
import { fingerprintOf } from './fingerprint.ts';
import { readBootId, readProcessor } from './host.ts';
import { probeKvm } from './kvm-probe.ts';
import { endSession, launch, type Started } from './launch.ts';
import { machineFiles, prepareFiles, removeFiles, type MachineFiles } from './machine-files.ts';
import { QemuMachine } from './machine.ts';
import { connectToStarted, explain } from './monitor.ts';
import { remembered } from './probe-memory.ts';
import { readVersion, type QemuVersion } from './qemu-version.ts';
import { findProgram, imageFaults, requireParts, workerFaults } from './requirements.ts';
import { readSnapshot, snapshotFiles } from './snapshot.ts';

/** The first of the users that machines run as, one per slot: a range that no system gives to anybody. */
const FIRST_UID = 2_000_000_000;

const MIB = 1024 ** 2;

export interface QemuOptions {
  /** Where it is remembered whether KVM works: a file in a folder that outlives the agent, root's own. */
  readonly probeMemory: string;
  readonly log: Logger;
}

/** What {@link QemuHypervisor.prepare} has found out. */
interface Prepared {
  readonly program: string;
  readonly version: QemuVersion;
  readonly acceleration: Acceleration;
}

export class QemuHypervisor implements Hypervisor {
  readonly runtime = 'qemu';
  readonly #options: QemuOptions;
  #prepared: Prepared | undefined;

  constructor(options: QemuOptions) {
    this.#options = options;
  }

  get accelerated(): boolean {
    return this.#prepared?.acceleration.kind === 'kvm';
  }

  versions(): Record<string, string> {
    return this.#prepared === undefined ? {} : { qemu: this.#prepared.version.full };
  }

  async prepare(image: MachineImage, signal: AbortSignal): Promise<void> {
    requireParts('Machines cannot be made with QEMU', [...(await workerFaults()), ...(await imageFaults(image))]);
    const program = (await findProgram('qemu-system-x86_64')) ?? 'qemu-system-x86_64';
    const version = await readVersion(program, signal);
    const acceleration = await this.#chooseAcceleration(program, version, image, signal);
    this.#prepared = { program, version, acceleration };
  }

  fingerprint(): string {
    const { version, acceleration } = this.#require();
    return fingerprintOf(version.full, acceleration, readProcessor());
  }

  async boot(spec: MachineSpec, signal: AbortSignal): Promise<Machine> {
    await requireSpec(spec);
    requireMemory(spec);
    return this.#start(spec, { kind: 'own' }, 'ignore', signal, async (started, files) => {
      const monitor = await connectToStarted(files.monitor, started, signal);
      await monitor.close();
      return new QemuMachine(started.process, files, await BootWatch.begin(files.monitor));
    });
  }

  async restore(spec: MachineSpec, template: Template, signal: AbortSignal): Promise<Machine> {
    await requireSpec(spec);
    const { memory, state } = snapshotFiles(template);
    await requireMemoryFile(memory, spec.size.memoryMb);
    const stateFile = await openState(state);
    try {
      return await this.#start(spec, { kind: 'copy', file: memory }, stateFile.fd, signal, async (started, files) => {
        const monitor = await connectToStarted(files.monitor, started, signal);
        try {
          await readSnapshot(monitor, signal);
        } finally {
          await monitor.close();
        }
        return new QemuMachine(started.process, files);
      });
    } finally {
      await stateFile.close();
    }
  }

  attach(_name: string, folder: string, process: ProcessIdentity): Machine | undefined {
    return isAlive(process) ? new QemuMachine(process, machineFiles(folder)) : undefined;
  }

  #require(): Prepared {
    if (this.#prepared === undefined) throw new Error('QemuHypervisor.prepare has not ended well.');
    return this.#prepared;
  }

  async #chooseAcceleration(
    program: string,
    version: QemuVersion,
    image: MachineImage,
    signal: AbortSignal,
  ): Promise<Acceleration> {
    const { probeMemory, log } = this.#options;
    const subject = { boot_id: readBootId(), qemu: version.full, image: image.manifest.id };
    const result = await remembered(probeMemory, subject, () => probeKvm({ program, image, signal }));
    if (result.works) return { kind: 'kvm' };
    log.warn({ reason: result.reason }, 'KVM does not work here: machines run by software, which is slow');
    return { kind: 'tcg', kiloHertz: readProcessor().kiloHertz };
  }

  /** Starts QEMU and does the rest with it. Nothing of it is left where any of that fails. */
  async #start(
    spec: MachineSpec,
    memory: Memory,
    input: number | 'ignore',
    signal: AbortSignal,
    goOn: (started: Started, files: MachineFiles) => Promise<Machine>,
  ): Promise<Machine> {
    const files = await prepareFiles(spec.folder);
    const started = await launch(this.#commandLine(spec, memory, files), input).catch(async (error: unknown) => {
      await removeFiles(files);
      throw error;
    });
    try {
      return await goOn(started, files);
    } catch (error) {
      const cause: unknown = signal.aborted ? error : await explain(started, error);
      await endSession(started.process);
      await removeFiles(files);
      signal.throwIfAborted();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new UnavailableError(`The machine ${spec.name} could not be started: ${reason}`, undefined, { cause });
    }
  }

  #commandLine(spec: MachineSpec, memory: Memory, files: MachineFiles): readonly [string, ...string[]] {
    const { program, acceleration } = this.#require();
    const { name, size, disk, link, image, confinement } = spec;
    const { kernel, initramfs, rootfs } = image;
    const { tap, mac } = link;
    const uid = FIRST_UID + link.slot;
    const line = { name, acceleration, size, memory, files, kernel, initramfs, rootfs, disk, tap, mac, uid };
    return confinement.wrap([...enterArguments(link.namespace, tap), program, ...machineArguments(line)]);
  }
}

/** What would fail in QEMU with words that nobody understands, or not at all. */
async function requireSpec(spec: MachineSpec): Promise<void> {
  const faults = await imageFaults(spec.image);
  if (!(await exists(spec.disk))) faults.push(`the machine's disk ${spec.disk} is missing`);
  const { namespace } = spec.link;
  if (!(await exists(namespace))) faults.push(`the network namespace ${namespace} is missing`);
  requireParts(`The machine ${spec.name} cannot be started`, faults);
}

/** The kernel would promise any amount, and end processes once it is used. @throws NoCapacityError */
function requireMemory({ name, size }: MachineSpec): void {
  const free = hostFacts.freeMemoryMb();
  if (size.memoryMb <= free) return;
  const message = `The machine ${name} needs ${size.memoryMb} MiB of memory; this worker has ${free} left. Delete a workshop first.`;
  throw new NoCapacityError(message, { needed_mb: size.memoryMb, free_mb: free });
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** A file that is too short would be made longer by QEMU, and the machine would find zeros there. */
async function requireMemoryFile(file: string, memoryMb: number): Promise<void> {
  const bytes = (await stat(file).catch(() => undefined))?.size;
  if (bytes === memoryMb * MIB) return;
  const what = bytes === undefined ? 'is missing' : `has ${bytes} bytes instead of ${memoryMb * MIB}`;
  throw new UnavailableError(`The snapshot does not fit: its memory ${file} ${what}.`);
}

async function openState(file: string): ReturnType<typeof open> {
  try {
    return await open(file, 'r');
  } catch (cause) {
    throw new UnavailableError(`The snapshot is not complete: ${file} cannot be read.`, undefined, { cause });
  }
}
