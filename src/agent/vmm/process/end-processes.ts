/** Ends all processes of a seat, however they have detached themselves. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from '../../../lib/process-identity.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import { findSeatProcesses, type SeatSigns } from './hunt.ts';

/** How long the hunt may take. */
const DEADLINE_MS = 15_000;

/** Between two looks at the processes. */
const PAUSE_MS = 10;

/**
 * Looks that must find nothing in a row: one alone could miss a process that was born while it looked, or that was
 * between fork and exec.
 */
const QUIET_LOOKS = 2;

/** Sends a signal to exactly this process; false where it has ended or belongs to somebody else. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch {
    return false;
  }
}

/**
 * Kills the processes of a seat in rounds until there are none.
 * @throws UnavailableError naming those that still run after 15 s, such as ones of another user
 */
export async function endSeatProcesses(signs: SeatSigns): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (let quietLooks = 0; quietLooks < QUIET_LOOKS;) {
    const found = findSeatProcesses(signs);
    quietLooks = found.length === 0 ? quietLooks + 1 : 0;
    for (const entry of found) signalProcess(entry, 'SIGKILL');
    if (found.length > 0 && performance.now() > deadline) {
      const list = found.map((entry) => `${entry.pid} (${entry.name})`).join(', ');
      throw new UnavailableError(`Some processes of the seat could not be ended: ${list}. End them and try again.`);
    }
    if (quietLooks < QUIET_LOOKS) await sleep(PAUSE_MS);
  }
}

/** Asks a process to end and waits for that, at most `waitMs`; it may still run afterwards. */
export async function askToEnd(identity: ProcessIdentity, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs;
  signalProcess(identity, 'SIGTERM');
  while (isAlive(identity) && performance.now() < deadline) await sleep(PAUSE_MS);
}
