/** What a machine finds around it: files, TAP devices, sockets. Tests of the rules alone play it without any. */

/** What is saved of a machine. */
export interface Saved {
  readonly format: 'fake-firecracker';
  readonly version: string;
  readonly cpu: string;
  readonly memory: string;
  readonly configuration: unknown;
  readonly guest: unknown;
}

export interface World {
  readonly version: string;
  readonly cpu: string;
  readonly kvm: 'works' | 'missing' | 'hangs';
  /** Why a file cannot be opened, such as `No such file or directory (os error 2)`. */
  fileProblem(path: string, write: boolean): string | undefined;
  hasTap(name: string): boolean;
  /** Listens for connections to the guest; the problem where that cannot be. */
  listen(path: string): Promise<string | undefined>;
  /** Where the console goes from now on. */
  setConsole(path: string | undefined, limit: number | undefined): void;
  /** The guest begins to boot, or goes on from what was saved. */
  begin(taps: readonly string[], saved: unknown): void;
  pause(): void;
  resume(): void;
  /** The guest's own state, to be saved. */
  guestState(): unknown;
  write(statePath: string, memoryPath: string, memoryMb: number, saved: Omit<Saved, 'memory'>): string | undefined;
  /** What was saved, or the problem. */
  read(statePath: string, memoryPath: string): Saved | string;
  /** The guest was asked to end. */
  powerButton(): void;
}
