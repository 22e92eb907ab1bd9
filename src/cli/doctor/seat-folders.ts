/** The folders of seats on this machine, to find those whose workshop the store does not know. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { idSchema, seatNumberSchema } from '../../protocol/names.ts';
import { RUNTIMES } from '../../protocol/workshop.ts';
import { agentPlace } from '../../provisioning/workers/local/agent-place.ts';

/** Folders of workshops that have one of a seat in them, by path, with the workshop's id. */
export async function seatFolders(stateFolder: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const runtime of RUNTIMES) {
    if (runtime === 'auto') continue;
    const seats = join(agentPlace(stateFolder, '', runtime).stateFolder, 'seats');
    for (const id of await namesIn(seats)) {
      const folder = join(seats, id);
      if (idSchema.safeParse(id).success && (await namesIn(folder)).some(isSeat)) found.set(folder, id);
    }
  }
  return found;
}

function isSeat(name: string): boolean {
  return String(Number(name)) === name && seatNumberSchema.safeParse(Number(name)).success;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}
