/** Refuses a machine for which the worker has no room, before the worker and the seats on it suffer. */
import type { ProcessIdentity } from '../../../lib/process-identity.ts';
import { DiskFullError, NoCapacityError } from '../../../protocol/errors.ts';
import type { HostFacts } from './host-facts.ts';
import { reserveMb } from './sizes.ts';

/** What is kept free on the worker's disk for all that is not a seat, in MiB. */
const DISK_RESERVE_MB = 512;

/** Room for one machine. Memory and disk in MiB. */
export interface Claim {
  /** What its process is expected to hold for itself. */
  readonly memoryMb: number;
  /** What it may come to take on the disk. */
  readonly diskMb: number;
  /** The files that take it. */
  readonly files: readonly string[];
}

interface Holder extends Claim {
  process: ProcessIdentity | undefined;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export class Admission {
  readonly #facts: HostFacts;
  readonly #folder: string;
  readonly #holders = new Map<string, Holder>();

  /** @param folder on whose disk the machines' disks are */
  constructor(facts: HostFacts, folder: string) {
    this.#facts = facts;
    this.#folder = folder;
  }

  /**
   * Keeps room for a machine until {@link release}.
   * @throws NoCapacityError, DiskFullError; both name the numbers
   */
  admit(name: string, claim: Claim): void {
    this.#requireMemory(claim);
    this.#requireDisk(claim);
    this.hold(name, claim, undefined);
  }

  /** Counts a machine that exists, whatever room there is. */
  hold(name: string, claim: Claim, process: ProcessIdentity | undefined): void {
    this.#holders.set(name, { ...claim, process });
  }

  /** The machine runs in this process: what it holds already is not kept free a second time. */
  started(name: string, process: ProcessIdentity): void {
    const holder = this.#holders.get(name);
    if (holder !== undefined) holder.process = process;
  }

  release(name: string): void {
    this.#holders.delete(name);
  }

  #requireMemory(claim: Claim): void {
    const free = this.#facts.freeMemoryMb();
    const reserve = reserveMb(this.#facts.size);
    const promised = sum(
      [...this.#holders.values()].map((holder) => {
        const held = holder.process === undefined ? 0 : this.#facts.ownMemoryMb(holder.process);
        return Math.max(0, holder.memoryMb - held);
      }),
    );
    if (free - reserve - promised >= claim.memoryMb) return;
    const message =
      `This worker has no memory left for the seat: ${free} MiB are free, ${reserve} of them are kept for the worker itself ` +
      `and ${promised} for its other seats; the seat needs ${claim.memoryMb}. Delete a workshop first.`;
    const details = { free_mb: free, reserve_mb: reserve, promised_mb: promised, needed_mb: claim.memoryMb };
    throw new NoCapacityError(message, details);
  }

  #requireDisk(claim: Claim): void {
    const free = this.#facts.freeDiskMb(this.#folder);
    const promised = sum([...this.#holders.values()].map((holder) => this.#growth(holder)));
    const needed = this.#growth(claim);
    if (free - DISK_RESERVE_MB - promised >= needed) return;
    const message =
      `This worker's disk has no room for the seat: ${free} MiB are free, ${DISK_RESERVE_MB} of them are kept for the worker ` +
      `itself and ${promised} for what its other seats may still write; the seat needs ${needed}. Delete a workshop first.`;
    const details = { free_mb: free, reserve_mb: DISK_RESERVE_MB, promised_mb: promised, needed_mb: needed };
    throw new DiskFullError(message, details);
  }

  /** What a machine may still write beyond what it has written. */
  #growth(claim: Claim): number {
    return Math.max(0, claim.diskMb - sum(claim.files.map((file) => this.#facts.usedDiskMb(file))));
  }
}
