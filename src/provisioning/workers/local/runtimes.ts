/** What seats of this machine can run on. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { UnavailableError } from '../../../protocol/errors.ts';
import type { Runtime } from '../../../protocol/workshop.ts';

/** The runtime that a seat of this machine gets for the one that was asked for. @throws UnavailableError */
export function localRuntime(asked: Runtime): 'process' {
  if (asked === 'auto' || asked === 'process') return 'process';
  const missing = [...missingFor(asked), `an agent that can make ${asked} seats (this one makes process seats)`];
  throw new UnavailableError(
    `This machine cannot make ${asked} seats. Missing: ${missing.join(', ')}. Use the runtime "auto" or "process".`,
    { missing },
  );
}

function missingFor(runtime: 'firecracker' | 'qemu'): string[] {
  const program = runtime === 'firecracker' ? 'firecracker' : 'qemu-system-x86_64';
  return [
    ...(process.geteuid?.() === 0 ? [] : ['root']),
    ...(runtime === 'qemu' || isUsable('/dev/kvm') ? [] : ['a working /dev/kvm']),
    ...(isOnPath(program) ? [] : [`the program ${program}`]),
  ];
}

function isUsable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
