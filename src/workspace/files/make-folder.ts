/** Makes folders. */
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict, hasCode } from './file-errors.ts';
import { quotePath } from './path.ts';
import { inFolder, type Place, type WorkspaceRoot } from './workspace-root.ts';

/** Where something is to be made: its folder exists now. */
export interface Spot {
  readonly folder: string;
  readonly name: string;
  /** The folders that were made for it, outermost first. */
  readonly made: readonly string[];
}

/** Makes the folders that are missing above a place. */
export async function makeParents(place: Place): Promise<Spot> {
  const missing = [place.name, ...place.below];
  const name = missing.pop() ?? place.name;
  const made: string[] = [];
  let folder = place.folder;
  for (const parent of missing) {
    await inFolder(folder, async (held) => {
      try {
        await mkdir(held.at(parent));
        made.push(join(folder, parent));
      } catch (error) {
        // Another request may have made it in the meantime.
        if (!hasCode(error, 'EEXIST')) throw error;
      }
    });
    folder = join(folder, parent);
  }
  return { folder, name, made };
}

/** Removes the folders that were made in vain, as long as nobody has put something into them. */
export async function unmakeParents({ made }: Spot): Promise<void> {
  for (const folder of made.toReversed()) {
    try {
      await rmdir(folder);
    } catch {
      return;
    }
  }
}

/** `op=mkdir`: makes a folder, and those above it. @throws ConflictError where something is there already */
export async function makeFolder(root: WorkspaceRoot, names: readonly string[]): Promise<void> {
  const place = await root.find(names, false);
  if (place.stats !== undefined) throw conflict('exists', `${quotePath(names)} exists already.`);
  const spot = await makeParents(place);
  await inFolder(spot.folder, async (held) => {
    await mkdir(held.at(spot.name));
    await held.sync();
  });
}
