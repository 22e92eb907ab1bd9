/**
 * What runs machines: QEMU or Firecracker, behind one interface. It knows nothing of workshops: which disk, network and
 * limits a machine gets, and what is written down about it, is the machine driver's.
 */
import type { ProcessIdentity } from '../../../lib/process-identity.ts';
import type { Confinement } from '../../limits/limiter.ts';
import type { SeatLink } from '../../network/seat-network.ts';
import type { MachineImage } from './image.ts';

/** What a machine is made of; memory and disk in MiB. A memory snapshot fits machines of one size only. */
export interface MachineSize {
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly diskMb: number;
}

/** All that a machine is started from. Paths are absolute. */
export interface MachineSpec {
  /** Unique on this worker: lowercase letters, digits and hyphens, at most 64 characters. */
  readonly name: string;
  /** A private folder for the machine's sockets and logs, made by the caller; short enough for socket paths. */
  readonly folder: string;
  readonly image: MachineImage;
  readonly size: MachineSize;
  /** The machine's own writable disk, a raw image. */
  readonly disk: string;
  readonly link: SeatLink;
  readonly confinement: Confinement;
}

/** Where the parts of a memory snapshot are: a folder of its own, in which the hypervisor names its files. */
export interface Template {
  readonly folder: string;
}

/** How the root program of the seat is reached: a stream of lines (src/protocol/seat-init.ts). */
export type SeatChannelAddress =
  /** QEMU: the other side of a virtio-serial port. */
  | { readonly kind: 'serial'; readonly socketPath: string }
  /** Firecracker: a vsock, opened by `CONNECT <port>\n` and answered by `OK <number>\n`. */
  | { readonly kind: 'vsock'; readonly socketPath: string; readonly port: number };

/** A machine that runs in a process of its own, which outlives this one. */
export interface Machine {
  readonly process: ProcessIdentity;
  readonly channel: SeatChannelAddress;
  /** The end of what it wrote to its console, for errors; empty where that cannot be had. */
  consoleTail(): Promise<string>;
  /**
   * Pauses the machine and writes its memory and the state of its devices into the template's folder. It stays paused.
   * @throws UnavailableError with the reason
   */
  snapshot(template: Template, signal: AbortSignal): Promise<void>;
  /** Lets a paused machine go on. */
  resume(signal: AbortSignal): Promise<void>;
  /** Ends it at once; resolves when its process and everything that it started is gone. Also when it has ended. */
  kill(): Promise<void>;
}

export interface Hypervisor {
  readonly runtime: 'qemu' | 'firecracker';
  /** Whether machines run on the processor itself (KVM). Known once {@link prepare} has ended. */
  readonly accelerated: boolean;
  /** Versions of the programs, for `/info`. */
  versions(): Record<string, string>;
  /** Finds out that machines can be made here, and how. @throws UnavailableError naming each thing that is missing */
  prepare(image: MachineImage, signal: AbortSignal): Promise<void>;
  /** What a memory snapshot depends on beside the image and the size: program version, processor, acceleration. */
  fingerprint(): string;
  /** Starts a machine; resolves once its process is up, long before its servers answer. @throws UnavailableError */
  boot(spec: MachineSpec, signal: AbortSignal): Promise<Machine>;
  /**
   * Starts a machine as a copy of the template; resolves when it runs. The machine must have the image and size of the
   * template, and a disk in the state of the snapshot. @throws UnavailableError with the reason, with nothing left
   */
  restore(spec: MachineSpec, template: Template, signal: AbortSignal): Promise<Machine>;
  /** A machine that an earlier agent started in this folder; undefined where its process has ended. */
  attach(name: string, folder: string, process: ProcessIdentity): Machine | undefined;
}
