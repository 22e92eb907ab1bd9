/** Bounds on what a machine may take from its worker, set by the kernel (cgroup v2), not by the machine. */

/** Memory in MiB, over all of the machine's processes; processor time in whole processors. */
export interface Bounds {
  readonly memoryMb: number;
  readonly cpus: number;
  readonly processes: number;
}

/** How a program is started within its bounds. */
export interface Confinement {
  /** The command line that becomes `command` within the bounds; the process keeps its number. */
  wrap(command: readonly [string, ...string[]]): readonly [string, ...string[]];
}

export interface Limiter {
  /** `none`: the kernel here cannot bound a group of processes; a machine's own size is its only bound. */
  readonly kind: 'systemd' | 'cgroup2' | 'none';
  /** Why it is `none`, in a sentence; undefined where it is not. */
  readonly missing: string | undefined;
  /** Prepares a group for one machine. @throws UnavailableError */
  prepare(name: string, bounds: Bounds, signal: AbortSignal): Promise<Confinement>;
  /** What the group has counted: current and peak memory, out-of-memory kills, throttled time, refused forks. */
  counters(name: string): Promise<Record<string, number>>;
  /** Ends whatever is in the group and removes it; also where there is none. */
  remove(name: string): Promise<void>;
  /** Removes every group of ours but these. */
  reap(keep: Pick<ReadonlySet<string>, 'has'>): Promise<void>;
}
