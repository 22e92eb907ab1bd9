/** A control plane of an earlier version: where nothing runs it makes way, else it is used as it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../lib/process-identity.ts';
import { isOlder } from '../lib/version.ts';
import { isAtRest, type DaemonFile } from '../protocol/daemon.ts';
import { CarapaceError, NotFoundError, UnavailableError } from '../protocol/errors.ts';
import type { Cluster } from '../protocol/cluster.ts';
import type { ControlPlaneClient } from './control-plane.ts';

/** From asking a control plane to end until it has, in milliseconds: it waits for what its operations are just doing. */
const END_MS = 20_000;
const POLL_MS = 50;

/** The version of a control plane that is older than its client; `background` says whether a client had started it. */
export interface Outdated {
  readonly version: string;
  readonly background: boolean;
}

/** What is outdated about the control plane of this file for a client of `version`; undefined where nothing is. */
export function outdatedOf(file: DaemonFile, version: string): Outdated | undefined {
  if (!isOlder(file.version, version)) return undefined;
  return { version: file.version, background: file.background ?? true };
}

/**
 * Ends the control plane where it is at rest, and returns once its process is gone. What begins meanwhile is not lost:
 * the next control plane goes on with it.
 * @param endMs how long it may take to end, in milliseconds
 * @returns whether it has ended; false where something runs, or where it cannot be asked
 * @throws UnavailableError where it does not end in time; the signal's reason
 */
export async function endIfAtRest(
  file: DaemonFile,
  client: ControlPlaneClient,
  signal?: AbortSignal,
  endMs = END_MS,
): Promise<boolean> {
  if (!(await isClientAtRest(client, signal))) return false;
  endProcess(file);
  const deadline = performance.now() + endMs;
  while (isAlive(file)) {
    if (performance.now() > deadline) {
      throw new UnavailableError(
        `The control plane of version ${file.version} (process ${file.pid}) was asked to make way for a newer one and ` +
          `did not end within ${endMs / 1000} s. End it: kill -9 ${file.pid}`,
      );
    }
    await sleep(POLL_MS, undefined, { ...(signal && { signal }) });
  }
  return true;
}

async function isClientAtRest(client: ControlPlaneClient, signal?: AbortSignal): Promise<boolean> {
  try {
    const [workshops, operations, cluster] = await Promise.all([
      client.listWorkshops(signal),
      client.listOperations(signal),
      clusterOf(client, signal),
    ]);
    return isAtRest({ workshops, operations, cluster });
  } catch (error) {
    // What cannot be understood is left alone.
    if (error instanceof CarapaceError) return false;
    throw error;
  }
}

/** The first versions know nothing of servers. */
async function clusterOf(client: ControlPlaneClient, signal?: AbortSignal): Promise<Cluster | undefined> {
  try {
    return await client.getCluster(signal);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** SIGTERM to this very process: one that has its number by now is left alone. */
function endProcess(file: DaemonFile): void {
  if (!isAlive(file)) return;
  try {
    process.kill(file.pid, 'SIGTERM');
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ESRCH';
    if (!isGone) throw error;
  }
}
