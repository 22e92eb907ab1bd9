/** What a memory snapshot depends on, beside the image and the size. */
import { createHash } from 'node:crypto';
import { machineArguments, type Acceleration } from './command-line.ts';
import type { Processor } from './host.ts';
import { machineFiles } from './machine-files.ts';

/** A machine like any other: its devices are those of all. */
function exampleArguments(acceleration: Acceleration): string[] {
  return machineArguments({
    name: 'example',
    acceleration,
    size: { vcpus: 1, memoryMb: 256 },
    memory: { kind: 'own' },
    files: machineFiles('/'),
    kernel: 'kernel',
    initramfs: 'initramfs',
    rootfs: 'rootfs',
    disk: 'disk',
    tap: 'tap',
    mac: 'mac',
    uid: 0,
  });
}

/** Short, the same as long as nothing that matters has changed. */
export function fingerprintOf(version: string, acceleration: Acceleration, processor: Processor): string {
  // The measured speed varies a little; the same model of processor counts at the same one.
  const kind: Acceleration = acceleration.kind === 'tcg' ? { kind: 'tcg', kiloHertz: undefined } : acceleration;
  const parts = [version, processor.model, processor.flags, exampleArguments(kind)];
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
  return `qemu-${acceleration.kind}-${hash}`;
}
