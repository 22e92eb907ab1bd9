/** The workers that this machine can be: one for each runtime, so that workshops of different kinds live side by side. */
import type { Runtime, SeatRuntime } from '../../../protocol/workshop.ts';

export const SEAT_RUNTIMES: readonly SeatRuntime[] = ['process', 'qemu', 'firecracker'];

const NAMES: Readonly<Record<SeatRuntime, string>> = {
  process: 'local',
  qemu: 'local-qemu',
  firecracker: 'local-firecracker',
};

/** How the local worker of a runtime is called; undefined for a runtime that is not chosen yet. */
export function localWorkerName(runtime: SeatRuntime): string;
export function localWorkerName(runtime: Runtime): string | undefined;
export function localWorkerName(runtime: Runtime): string | undefined {
  return runtime === 'auto' ? undefined : NAMES[runtime];
}

/** Whether seats of that runtime are machines, not processes. */
export function areMachines(runtime: Runtime): boolean {
  return runtime !== 'process';
}
