/** What the program inside the guest (inside/main.ts) finds out, for the test outside to judge. */

/** A program that ran. */
export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** What one kind of limiter does to programs that take too much. */
export interface LimitFacts {
  readonly kind: string;
  readonly missing: string | null;
  /** The number of the process as Node started it, and as the command found itself, with the group that it is in. */
  readonly started: number;
  readonly found: string;
  readonly memory: Readonly<Record<string, number>>;
  readonly processes: Readonly<Record<string, number>>;
  readonly cpu: Readonly<Record<string, number>>;
  /** Real time that the busy loop had, in microseconds. */
  readonly cpuElapsedUsec: number;
  /** Groups after removing all but one, after reaping all but it, and after removing it. */
  readonly groups: {
    readonly removed: readonly string[];
    readonly reaped: readonly string[];
    readonly end: readonly string[];
  };
  /** Whether the program of the group that was kept still ran after reaping, and any program of ours at the end. */
  readonly keptRuns: boolean;
  readonly leftRuns: readonly string[];
}

export interface InstallFacts {
  readonly withoutImages: Ran;
  readonly withBadImages: Ran;
  readonly withoutKvm: Ran;
  readonly withBadFirecracker: Ran;
  /** Whether the refused runs changed anything. */
  readonly touched: boolean;
  readonly first: Ran;
  readonly second: Ran;
  readonly enabled: string;
  readonly verify: Ran;
  readonly swapBefore: string;
  readonly swapAfter: string;
  readonly ksm: string;
  readonly properties: Readonly<Record<string, string>>;
}

export interface TokenFacts {
  /** The first start, without a metadata server, then with one that has no token. */
  readonly unreachable: Ran;
  readonly unreachableLog: string;
  readonly refused: Ran;
  readonly refusedLog: string;
  readonly fileBefore: boolean;
  /** After the token was set, without anybody's doing. */
  readonly health: string;
  readonly file: string;
  readonly infoWithToken: number;
  readonly infoWithoutToken: number;
  /** After the token was taken away again. */
  readonly refusedAgain: Ran;
  readonly fileAfter: boolean;
}

export interface RestartFacts {
  readonly killed: number;
  readonly restarted: number;
  readonly restartedAfterMs: number;
  readonly healthAfterMs: number;
  /** Of a scope of a limiter, and of a process in the agent's own group: whether it ran on. */
  readonly scopeAfterKill: boolean;
  readonly childAfterKill: boolean;
  readonly socketsAfterKill: boolean;
  readonly scopeAfterStop: boolean;
  readonly childAfterStop: boolean;
  readonly socketsAfterStop: boolean;
  readonly stopped: string;
}

export interface HardeningFacts {
  readonly sameMounts: boolean;
  readonly status: string;
  /** What a seat is made with, run as the service is: its output has a line per thing that works. */
  readonly work: string;
  /** From "systemd-analyze security": the last line. */
  readonly exposure: string;
}

export interface Facts {
  readonly systemd: string;
  readonly systemdLimits: LimitFacts;
  readonly cgroupLimits: LimitFacts;
  readonly install: InstallFacts;
  readonly token: TokenFacts;
  readonly restart: RestartFacts;
  readonly hardening: HardeningFacts;
  readonly end: true;
}

/** One line of what the guest tells: a fact, or why there is none. */
export type Told =
  { readonly name: keyof Facts; readonly value: unknown } | { readonly name: 'failed'; readonly value: string };

/** The virtio-serial port on which it tells. */
export const FACTS_PORT = 'carapace.facts';
