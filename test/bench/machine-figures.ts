/** What test/bench/machines.ts measures. Times in milliseconds, memory in MiB. */
export interface MachineFigures {
  /** From the start of the agent until it is healthy: whether KVM works, a cold boot, its snapshot, and a copy of it. */
  readonly firstMs: number;
  readonly coldMs: number;
  readonly alone: readonly number[];
  readonly together: readonly number[];
  readonly togetherMs: number;
  readonly memory: readonly { readonly own: number; readonly shared: number }[];
}
