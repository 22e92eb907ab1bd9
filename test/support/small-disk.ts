/** A disk of a few MiB that a test fills and frees: a tmpfs in a mount namespace of its own, which ends with the test. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Root needs no user namespace of its own; others are root in theirs. */
const NAMESPACES = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];

export interface SmallDiskOptions {
  /** An empty folder, on which the disk is mounted. */
  readonly folder: string;
  readonly kilobytes: number;
  readonly readOnly?: boolean;
}

export class SmallDisk {
  readonly #folder: string;
  readonly #keeper: ChildProcess;

  private constructor(folder: string, keeper: ChildProcess) {
    this.#folder = folder;
    this.#keeper = keeper;
  }

  /** Whether this machine lets us mount at all. */
  static isPossible(): boolean {
    return spawnSync('unshare', [...NAMESPACES, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
  }

  static async mount({ folder, kilobytes, readOnly = false }: SmallDiskOptions): Promise<SmallDisk> {
    const mode = readOnly ? 'ro' : 'rw';
    const script = `mount -t tmpfs -o size=${kilobytes}k,${mode} tmpfs "$1" && echo mounted && exec sleep 3600`;
    const keeper = spawn('unshare', [...NAMESPACES, 'sh', '-c', script, 'sh', folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(keeper.stdout, 'data')) as [Buffer];
    assert.equal(String(line), 'mounted\n');
    return new SmallDisk(folder, keeper);
  }

  /** The words that run a command where the disk is. */
  command(words: readonly string[]): string[] {
    const namespaces = process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials'];
    return ['nsenter', '--target', String(this.#keeper.pid), ...namespaces, '--mount', ...words];
  }

  /** A path on the disk as this process sees it. */
  path(...names: string[]): string {
    return join(`/proc/${this.#keeper.pid}/root`, this.#folder, ...names);
  }

  /** Takes all the space that is left. */
  fill(): void {
    const file = openSync(this.path('filler'), 'a');
    try {
      for (const size of [65_536, 4_096, 1]) while (isWritten(file, Buffer.alloc(size, 1)));
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.path('filler'));
  }

  async dispose(): Promise<void> {
    const ended = once(this.#keeper, 'exit');
    this.#keeper.kill('SIGKILL');
    await ended;
  }
}

function isWritten(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) === bytes.length;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}
