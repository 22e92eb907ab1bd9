/** What makes seats: the one interface behind which processes, QEMU and Firecracker stand. */
import type { Runtime } from '../../protocol/workshop.ts';

/** Names one seat on a worker. */
export interface SeatKey {
  readonly workshopId: string;
  readonly seatId: number;
}

/** What a seat may use; absent bounds are the driver's own defaults. */
export interface SeatLimits {
  readonly vcpus?: number;
  readonly memoryMb?: number;
  readonly diskMb?: number;
}

/** Where one of a seat's two servers listens. */
export type SeatAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** A seat that runs: how to reach it, and how it came to be. */
export interface RunningSeat {
  readonly key: SeatKey;
  readonly ip: string | null;
  readonly terminal: SeatAddress;
  readonly files: SeatAddress;
  readonly startedInMs: number;
  readonly fromSnapshot: boolean;
  readonly createdAt: string;
  /** A crash interrupted its reset: it does not run, and is to be reset again. */
  readonly interrupted?: boolean;
}

/** What `/info` says of a driver beside its versions. */
export interface DriverFacts {
  /** What machines are made from: the ids of images. */
  readonly images: readonly string[];
  readonly bridge: string | null;
  readonly limits: Readonly<Record<string, number>>;
}

/**
 * A driver owns everything a seat is made of on the worker: processes, sockets, disks, network. Calls for one seat
 * never overlap; calls for different seats may.
 */
export interface VmDriver {
  readonly runtime: Exclude<Runtime, 'auto'>;
  readonly accelerated: boolean;
  /** Seats this machine can hold at once. */
  readonly capacity: number;
  /** How long making or resetting a seat may take, in milliseconds; default 30 s. May change with the probe. */
  readonly seatTimeoutMs?: number;
  /** How long the probe, or finding the seats of an earlier agent, may take, in milliseconds; default 60 s. */
  readonly probeTimeoutMs?: number;
  /** Versions of what the driver builds on, for `/info`. */
  versions(): Record<string, string>;
  /** Shows that seats can be made here. @throws UnavailableError naming what is missing */
  probe(signal: AbortSignal): Promise<void>;
  /** The seats of an earlier agent that still run; everything else of an earlier agent is removed. */
  adopt(signal: AbortSignal): Promise<RunningSeat[]>;
  /** Makes a seat and returns once its servers answer; on failure nothing of it is left but files kept before. */
  create(key: SeatKey, limits: SeatLimits, signal: AbortSignal): Promise<RunningSeat>;
  /** Ends the seat and brings it back as new: nothing a learner did is left. */
  reset(key: SeatKey, signal: AbortSignal): Promise<RunningSeat>;
  /** Ends the seat and removes all of it, or all but its files. Also for a seat that is gone already. */
  destroy(key: SeatKey, options: { readonly keepFiles: boolean }, signal: AbortSignal): Promise<void>;
  /** Whether the seat itself still runs, whatever its servers answer. */
  isRunning(key: SeatKey): boolean;
  /** How long a seat's servers may take to answer once they run, in milliseconds; default 3 s. */
  readonly answerMs?: number;
  /** Looks after what all seats share, every few seconds. @throws UnavailableError where it cannot be mended */
  mend?(signal: AbortSignal): Promise<void>;
  /** The end of what a seat's machine wrote to its console, for the log. */
  lastWords?(key: SeatKey): Promise<string>;
  /** More for `/info`. */
  describe?(): DriverFacts;
  /** Ends what this process serves for its seats, and removes what no seat needs; seats live on. */
  close?(): Promise<void>;
}
