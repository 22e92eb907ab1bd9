/** Whom a control plane serves: this machine's user alone, or others too. */
import { ForbiddenError } from '../protocol/errors.ts';
import type { Runtime } from '../protocol/workshop.ts';
import type { RuntimeChoice } from './workers/local/local-runtimes.ts';

/** A server for others relays what goes to its seats: their agents listen on this machine's loopback address only. */
export interface PublicSite {
  /** The address under which others reach it, without a slash at its end. Known once it listens. */
  readonly url: () => string;
  /** The PEM that clients pin, where they cannot trust the certificate otherwise. */
  readonly certificate: string | undefined;
}

export interface Exposure {
  /** Undefined on a loopback address: clients go to the agents themselves. */
  readonly site?: PublicSite;
  /** Whether seats that are plain processes are refused: whoever has one can do what the server's own user can. */
  readonly refusesProcesses: boolean;
}

export const LOOPBACK_ONLY: Exposure = { refusesProcesses: false };

/** @throws ForbiddenError for seats that a server for others must not have */
export function permitRuntime({ refusesProcesses }: Exposure, runtime: Runtime): void {
  if (!refusesProcesses || runtime !== 'process') return;
  throw new ForbiddenError(
    'This server serves others than its own user, so its seats cannot be plain processes: nothing would keep learners ' +
      'from the files and programs of this machine. Use machines ("qemu" or "firecracker"); "carapace doctor" says what they lack here.',
  );
}

/** The choice of a runtime that never ends at one that is refused. */
export function permittedChoice(exposure: Exposure, choose: RuntimeChoice): RuntimeChoice {
  return async (asked) => {
    permitRuntime(exposure, asked);
    const chosen = await choose(asked);
    permitRuntime(exposure, chosen);
    return chosen;
  };
}
