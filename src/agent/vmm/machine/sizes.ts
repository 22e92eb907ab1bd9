/** How large machines are, and how many of them a worker holds. */
import { InvalidInputError } from '../../../protocol/errors.ts';
import { MAX_SLOTS } from '../../network/seat-network.ts';
import type { SeatLimits } from '../driver.ts';
import type { MachineSize } from './hypervisor.ts';

/** What the worker has; memory in MiB. */
export interface HostSize {
  readonly cores: number;
  readonly memoryMb: number;
}

/** Without KVM a machine is slow, and a larger one takes longer to write and read as a snapshot. */
export function defaultSize(accelerated: boolean): MachineSize {
  return { vcpus: 1, memoryMb: accelerated ? 512 : 384, diskMb: 2048 };
}

/** Below, the seat's own servers do not fit. */
const SMALLEST = { memoryMb: 192, diskMb: 128 } as const;
const LARGEST_DISK_MB = 1024 ** 2;

/** For the system, the agent and what is not a seat: this share of the memory, and never less than this many MiB. */
const RESERVE = { share: 0.06, leastMb: 512 } as const;

/**
 * How much of its memory a machine is expected to hold for itself in the long run: the rest was never touched, or is
 * shared with the other copies of the same snapshot.
 */
const OWN_SHARE = 0.6;

/** What the hypervisor's process takes beside the machine's memory, in MiB; without KVM it keeps translated code. */
const OVERHEAD_MB = { accelerated: 64, emulated: 160 } as const;

/** Most seats wait for their learner most of the time. */
const SEATS_PER_CORE = { accelerated: 16, emulated: 8 } as const;

export function overheadMb(accelerated: boolean): number {
  return accelerated ? OVERHEAD_MB.accelerated : OVERHEAD_MB.emulated;
}

/** What is kept free for all that is not a seat. */
export function reserveMb(host: HostSize): number {
  return Math.max(RESERVE.leastMb, Math.round(host.memoryMb * RESERVE.share));
}

/** The memory of the worker that a machine is expected to need for itself. */
export function expectedMb(memoryMb: number, accelerated: boolean): number {
  return Math.ceil(memoryMb * OWN_SHARE) + overheadMb(accelerated);
}

/** Seats of the default size that fit into memory and processors: at least 1, at most {@link MAX_SLOTS}. */
export function machineCapacity(host: HostSize, accelerated: boolean): number {
  const each = expectedMb(defaultSize(accelerated).memoryMb, accelerated);
  const byMemory = Math.floor((host.memoryMb - reserveMb(host)) / each);
  const byCores = host.cores * (accelerated ? SEATS_PER_CORE.accelerated : SEATS_PER_CORE.emulated);
  return Math.max(1, Math.min(byMemory, byCores, MAX_SLOTS));
}

function within(path: string, what: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  const message = `A seat on this worker has ${least} to ${most} ${what}, not ${value}.`;
  throw new InvalidInputError(message, { path, least, most });
}

/** The size of a seat that is asked for. @throws InvalidInputError naming the bound that it does not keep */
export function sizeOf(limits: SeatLimits, host: HostSize, accelerated: boolean): MachineSize {
  const otherwise = defaultSize(accelerated);
  const mostMemory = Math.max(otherwise.memoryMb, host.memoryMb - reserveMb(host));
  return {
    vcpus: within('vcpus', 'processors', limits.vcpus ?? otherwise.vcpus, 1, host.cores),
    memoryMb: within(
      'memory_mb',
      'MiB of memory',
      limits.memoryMb ?? otherwise.memoryMb,
      SMALLEST.memoryMb,
      mostMemory,
    ),
    diskMb: within('disk_mb', 'MiB of disk', limits.diskMb ?? otherwise.diskMb, SMALLEST.diskMb, LARGEST_DISK_MB),
  };
}
