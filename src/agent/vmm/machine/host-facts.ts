/** What the worker has left, as its kernel tells. Read at once, so that two seats are never admitted to the same room. */
import { readFileSync, statfsSync, statSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import type { ProcessIdentity } from '../../../lib/process-identity.ts';
import { isAlive } from '../../../lib/process-identity.ts';
import type { HostSize } from './sizes.ts';

const MIB = 1024 ** 2;

/** All in MiB. */
export interface HostFacts {
  readonly size: HostSize;
  /** Memory that programs could still take without anything being pushed out. */
  freeMemoryMb(): number;
  /** What the process holds for itself: not what it shares with others by a file. */
  ownMemoryMb(process: ProcessIdentity): number;
  freeDiskMb(folder: string): number;
  /** What a file takes on the disk; 0 where there is none. */
  usedDiskMb(path: string): number;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** A field of /proc/meminfo or /proc/PID/status, in MiB; 0 where it is missing. */
function field(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
  return Number(match?.[1] ?? 0) / 1024;
}

export const hostFacts: HostFacts = {
  size: { cores: availableParallelism(), memoryMb: Math.floor(totalmem() / MIB) },

  freeMemoryMb() {
    return Math.floor(field(readText('/proc/meminfo'), 'MemAvailable'));
  },

  ownMemoryMb(identity) {
    if (!isAlive(identity)) return 0;
    const status = readText(`/proc/${identity.pid}/status`);
    return Math.round(field(status, 'RssAnon') + field(status, 'RssShmem'));
  },

  freeDiskMb(folder) {
    const { bavail, bsize } = statfsSync(folder);
    return Math.floor((bavail * bsize) / MIB);
  },

  usedDiskMb(path) {
    const found = statSync(path, { throwIfNoEntry: false });
    // stat(2) counts blocks of 512 bytes, whatever the file system's are.
    return found === undefined ? 0 : Math.ceil((found.blocks * 512) / MIB);
  },
};
