/** The world of a fake that runs as a process: real files and sockets, and the network namespace that it is in. */
import {
  accessSync,
  constants,
  lstatSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { normalize } from 'node:path';
import type { Behaviour } from './behaviour.ts';
import { Console } from './console.ts';
import { Guest } from './guest.ts';
import type { Saved, World } from './world.ts';

/** In a jail, whose root is the current folder: the machine's user must be let in everywhere. */
export interface Jail {
  readonly user: number;
}

const MISSING = 'No such file or directory (os error 2)';
const DENIED = 'Permission denied (os error 13)';
const MIB = 1024 * 1024;
const LINK = /^\s*([\w-]+):/;

export class HostWorld implements World {
  readonly version: string;
  readonly cpu: string;
  readonly kvm: Behaviour['kvm'];
  readonly guest: Guest;
  readonly #jail: Jail | undefined;
  readonly #console = new Console();

  constructor(behaviour: Behaviour, jail: Jail | undefined, exit: (code: number) => void) {
    this.version = behaviour.version;
    this.cpu = behaviour.cpu;
    this.kvm = behaviour.kvm;
    this.#jail = jail;
    this.guest = new Guest(behaviour, this.#console, exit);
  }

  fileProblem(path: string, write: boolean): string | undefined {
    const place = this.pathOf(path);
    try {
      accessSync(place, constants.F_OK);
    } catch {
      return MISSING;
    }
    const { uid, mode } = statSync(place);
    const user = this.#jail?.user ?? 0;
    if (user === 0) return undefined;
    const needed = write ? 0o6 : 0o4;
    const granted = uid === user ? (mode >> 6) & 0o7 : mode & 0o7;
    return (granted & needed) === needed ? undefined : DENIED;
  }

  hasTap(name: string): boolean {
    const lines = readFileSync('/proc/self/net/dev', 'utf8').split('\n');
    return lines.some((line) => LINK.exec(line)?.[1] === name);
  }

  listen(path: string): Promise<string | undefined> {
    return this.guest.listen(this.pathOf(path));
  }

  setConsole(path: string | undefined, limit: number | undefined): void {
    this.#console.redirect(path === undefined ? undefined : openSync(this.pathOf(path), 'a', 0o600), limit);
  }

  begin(taps: readonly string[], saved: unknown): void {
    if (this.kvm === 'works') this.guest.begin(taps, saved);
  }

  pause(): void {
    this.guest.pause();
  }

  resume(): void {
    this.guest.resume();
  }

  guestState(): unknown {
    return this.guest.state;
  }

  powerButton(): void {
    this.guest.end();
  }

  write(state: string, memory: string, memoryMb: number, saved: Omit<Saved, 'memory'>): string | undefined {
    const mark = `${process.pid}-${Date.now()}`;
    try {
      writeFileSync(this.pathOf(memory), mark);
      truncateSync(this.pathOf(memory), memoryMb * MIB);
      writeFileSync(this.pathOf(state), JSON.stringify({ ...saved, memory: mark, bytes: memoryMb * MIB }));
      return undefined;
    } catch (error) {
      return String(error);
    }
  }

  read(state: string, memory: string): Saved | string {
    const problem = this.fileProblem(state, false) ?? this.fileProblem(memory, false);
    if (problem !== undefined)
      return `Failed to get snapshot state from file: Failed to open snapshot file: ${problem}`;
    try {
      const saved = JSON.parse(readFileSync(this.pathOf(state), 'utf8')) as Saved & { readonly bytes: number };
      const isWhole = statSync(this.pathOf(memory)).size === saved.bytes;
      if (isWhole && readFileSync(this.pathOf(memory)).toString('latin1', 0, saved.memory.length) === saved.memory) {
        return saved;
      }
      return 'Failed to load guest memory: Error creating guest memory from file: the file has another size or content';
    } catch {
      return 'Failed to get snapshot state from file: Failed to load snapshot state from file: Snapshot file is smaller than CRC length.';
    }
  }

  /** Relative to the current folder, which is the root of a jail; from there no link leads anywhere. */
  pathOf(path: string): string {
    if (this.#jail === undefined) return path;
    const place = `.${normalize(`/${path}`)}`;
    const isLink = lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
    return isLink ? './nowhere/at/all' : place;
  }
}
