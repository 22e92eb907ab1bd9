/** What Firecracker lets things be called and how large it lets them be. */
import { InvalidInputError } from '../../../protocol/errors.ts';
import type { MachineSize } from '../machine/hypervisor.ts';

/** The most processors of one machine. */
const MAX_VCPUS = 32;

/** A machine's name: `--id`. */
export function checkMachineName(name: string): string {
  if (/^[a-zA-Z0-9-]{1,64}$/.test(name)) return name;
  throw new InvalidInputError(
    `Firecracker takes no machine of the name "${name}": 1 to 64 letters, digits and hyphens are allowed.`,
  );
}

export function checkSize(size: MachineSize): MachineSize {
  const { vcpus, memoryMb } = size;
  if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > MAX_VCPUS) {
    throw new InvalidInputError(`A Firecracker machine has 1 to ${MAX_VCPUS} processors, not ${vcpus}.`);
  }
  if (!Number.isInteger(memoryMb) || memoryMb < 1) {
    throw new InvalidInputError(`A Firecracker machine has a whole number of MiB of memory, not ${memoryMb}.`);
  }
  return size;
}

/** The oldest version that starts Debian's kernel as it is packaged (a bzImage whose devices are found through ACPI). */
export const OLDEST_VERSION = '1.17.0';

/** Whether a version, such as `1.17.0`, is the oldest one or newer. */
export function isRecentEnough(version: string): boolean {
  return version.localeCompare(OLDEST_VERSION, 'en', { numeric: true }) >= 0;
}
