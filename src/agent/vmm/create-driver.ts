/** The driver for a runtime, built from what the agent was started with. */
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { SeatRuntime } from '../../protocol/workshop.ts';
import { chooseLimiter } from '../limits/choose.ts';
import { WorkerNetwork } from '../network/worker-network.ts';
import type { VmDriver } from './driver.ts';
import { FirecrackerHypervisor } from './firecracker/hypervisor.ts';
import { MachineDriver } from './machine/driver.ts';
import { ProcessDriver } from './process/driver.ts';
import { QemuHypervisor } from './qemu/hypervisor.ts';

export interface DriverOptions {
  readonly runtime: SeatRuntime;
  /** The agent's state folder, absolute and without symbolic links. */
  readonly stateFolder: string;
  /** The folder for the seats' sockets; only this user can enter it. */
  readonly socketFolder: string;
  /** IMAGES_DIR. */
  readonly imagesFolder: string;
  /** The workspace server of `process` seats; machines have theirs in the image. */
  readonly workspaceProgram: string;
  readonly log: Logger;
}

/**
 * Where it is remembered whether KVM works, until the machine is started anew: not in the state folder, which goes with
 * the last seat, for finding out anew takes 10 s where it hangs.
 */
const PROBE_MEMORY = '/run/carapace-kvm-probe.json';

export async function createDriver(options: DriverOptions): Promise<VmDriver> {
  const { runtime, stateFolder, socketFolder, imagesFolder, workspaceProgram, log } = options;
  if (runtime === 'process') {
    const programs = { workspace: workspaceProgram, shell: '/bin/bash' };
    return new ProcessDriver({ stateFolder, socketFolder, programs, log });
  }
  const limiter = await chooseLimiter(ownerOf(stateFolder));
  if (limiter.missing !== undefined) log.warn(limiter.missing);
  const network = new WorkerNetwork({ owner: ownerOf(stateFolder), log });
  const hypervisor =
    runtime === 'firecracker' ? new FirecrackerHypervisor() : new QemuHypervisor({ probeMemory: PROBE_MEMORY, log });
  return new MachineDriver({ stateFolder, socketFolder, imagesFolder, hypervisor, network, limiter, log });
}

const OWNER_LENGTH = 10;

/** The same for each agent of a state folder, and another one for that of another folder on this machine. */
function ownerOf(stateFolder: string): string {
  return createHash('sha256').update(stateFolder).digest('hex').slice(0, OWNER_LENGTH);
}
