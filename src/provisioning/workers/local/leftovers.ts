/** What an agent that has ended leaves on this machine. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import type { AgentPlace } from './agent-process.ts';

/**
 * Removes its sockets, and its state folder where no seat has files any more. Files of seats that the store does not
 * know, as after its loss, are somebody's work: they stay.
 */
export async function removeLeftovers(
  place: AgentPlace,
  options: { readonly keepFiles: boolean },
  log: FastifyBaseLogger,
): Promise<void> {
  await rm(place.socketFolder, { recursive: true, force: true });
  if (options.keepFiles) return;
  if (await holdsFiles(join(place.stateFolder, 'seats'))) {
    log.warn({ folder: place.stateFolder }, 'the folder holds files of seats that are not known; leaving it');
    return;
  }
  await rm(place.stateFolder, { recursive: true, force: true });
}

async function holdsFiles(folder: string): Promise<boolean> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.some((entry) => !entry.isDirectory());
  } catch {
    return false;
  }
}
