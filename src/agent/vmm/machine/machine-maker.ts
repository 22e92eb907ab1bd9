/** Brings one machine up and ends it again, whatever it is for. Slots, disks and state files are the caller's. */
import { mkdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from '../../../lib/process-identity.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import type { Limiter } from '../../limits/limiter.ts';
import type { SeatLink } from '../../network/seat-network.ts';
import { waitUntilHealthy, type SeatServers } from '../../seat-health.ts';
import type { Hypervisor, Machine, MachineSize, SeatChannelAddress, Template } from './hypervisor.ts';
import type { MachineImage } from './image.ts';
import type { MachinePaths } from './machine-paths.ts';
import { endMachineProcesses } from './remnants.ts';
import type { AskOptions } from './seat-channel.ts';
import { SeatRefusal } from './seat-refusal.ts';
import { overheadMb } from './sizes.ts';

/** Threads and helpers of a hypervisor's process; what runs inside the machine does not count. */
const MAX_PROCESSES = 96;

/** Between two looks whether a machine that is waited for still runs. */
const LOOK_MS = 100;

/** Where the two servers of a seat listen. */
const PORTS = { terminal: 3001, files: 3002 } as const;

/** What one machine is started from. */
export interface MachinePlan {
  readonly paths: MachinePaths;
  readonly image: MachineImage;
  readonly size: MachineSize;
  readonly link: SeatLink;
  /** The snapshot to go on from; undefined for a cold boot. */
  readonly template: Template | undefined;
  /** Speaks to the machine's own program as soon as that listens, before the servers are waited for. */
  readonly greet: (channel: SeatChannelAddress, options: AskOptions) => Promise<unknown>;
  /** Writes down which process it is, before anything else is done with it. */
  readonly onStarted: (process: ProcessIdentity) => Promise<void>;
  /** How long it may take until its servers answer. */
  readonly deadlineMs: number;
}

/** How the servers of a machine are reached from the worker. */
export function serversAt(ip: string): SeatServers {
  return { terminal: { host: ip, port: PORTS.terminal }, files: { host: ip, port: PORTS.files } };
}

export interface MachineMakerOptions {
  readonly hypervisor: Hypervisor;
  readonly limiter: Limiter;
  /** Default {@link serversAt}. */
  readonly serversAt?: (ip: string) => SeatServers;
}

/** Rejects once the machine has ended; resolves when the signal says that nobody waits any more. */
async function failWhenEnded(machine: Machine, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (!isAlive(machine.process)) throw new UnavailableError('The machine ended before its servers answered.');
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Adds the end of the machine's console to an error that says that it did not come up. */
async function withConsole(error: unknown, machine: Machine): Promise<unknown> {
  const console = await machine.consoleTail().catch(() => '');
  if (!(error instanceof UnavailableError) || console === '') return error;
  const Told = error instanceof SeatRefusal ? SeatRefusal : UnavailableError;
  return new Told(error.message, { ...error.details, console }, { cause: error });
}

export class MachineMaker {
  readonly #hypervisor: Hypervisor;
  readonly #limiter: Limiter;
  readonly #serversAt: (ip: string) => SeatServers;

  constructor(options: MachineMakerOptions) {
    this.#hypervisor = options.hypervisor;
    this.#limiter = options.limiter;
    this.#serversAt = options.serversAt ?? serversAt;
  }

  servers(ip: string): SeatServers {
    return this.#serversAt(ip);
  }

  /** The machine that an earlier agent, or an earlier attempt of this one, has started there, if it runs. */
  attach(paths: MachinePaths, process: ProcessIdentity | null | undefined): Machine | undefined {
    return process ? this.#hypervisor.attach(paths.name, paths.sockets, process) : undefined;
  }

  /**
   * Starts a machine on its disk and returns once its servers answer.
   * @throws the cause; what was made is left for {@link end}
   */
  async start(plan: MachinePlan, signal: AbortSignal): Promise<Machine> {
    const { name, sockets, disk } = plan.paths;
    const deadline = AbortSignal.timeout(plan.deadlineMs);
    const limited = AbortSignal.any([signal, deadline]);
    await rm(sockets, { recursive: true, force: true });
    await mkdir(sockets, { mode: 0o700 });
    const confinement = await this.#limiter.prepare(name, this.#boundsOf(plan.size), limited);
    const spec = { name, folder: sockets, image: plan.image, size: plan.size, disk, link: plan.link, confinement };
    const machine = await (plan.template === undefined
      ? this.#hypervisor.boot(spec, limited)
      : this.#hypervisor.restore(spec, plan.template, limited));
    try {
      await plan.onStarted(machine.process);
      await this.#waitUntilReady(machine, plan, limited);
      return machine;
    } catch (error) {
      signal.throwIfAborted();
      const late = new UnavailableError(`The machine's servers did not answer within ${plan.deadlineMs / 1000} s.`);
      throw await withConsole(deadline.aborted ? late : error, machine);
    }
  }

  /**
   * Ends a machine at once, by what is known of it and by what is found, and removes its limits and sockets. Also where
   * there is nothing of it.
   */
  async end(paths: MachinePaths, machine: Machine | undefined, namespace: string | undefined): Promise<void> {
    await machine?.kill();
    await endMachineProcesses({ sockets: paths.sockets, namespace });
    await this.#limiter.remove(paths.name);
    await rm(paths.sockets, { recursive: true, force: true });
  }

  #boundsOf(size: MachineSize): { memoryMb: number; cpus: number; processes: number } {
    const memoryMb = size.memoryMb + 2 * overheadMb(this.#hypervisor.accelerated);
    return { memoryMb, cpus: size.vcpus, processes: MAX_PROCESSES + size.vcpus };
  }

  async #waitUntilReady(machine: Machine, plan: MachinePlan, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const limited = AbortSignal.any([signal, done.signal]);
    const ready = async (): Promise<void> => {
      await plan.greet(machine.channel, { deadlineMs: plan.deadlineMs, signal: limited });
      await waitUntilHealthy(this.#serversAt(plan.link.ip), limited);
    };
    try {
      await Promise.race([ready(), failWhenEnded(machine, limited)]);
      signal.throwIfAborted();
    } finally {
      done.abort();
    }
  }
}
