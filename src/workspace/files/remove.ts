/** Deletes files and folders. */
import { rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ForbiddenError } from '../../protocol/errors.ts';
import { etagOf } from './entry.ts';
import { notFound } from './file-errors.ts';
import type { PathLocks } from './locks.ts';
import { requireUnchanged, type Preconditions } from './preconditions.ts';
import { inFolder, statIfThere, type WorkspaceRoot } from './workspace-root.ts';

/** A folder that a program is still writing into is tried again. */
const RETRIES = 3;

/**
 * Deletes a file, a link itself, or a folder with all that is in it.
 * @throws ForbiddenError for the workspace folder, NotFoundError, ChangedError
 */
export async function removePath(
  root: WorkspaceRoot,
  locks: PathLocks,
  names: readonly string[],
  preconditions: Preconditions,
): Promise<void> {
  if (names.length === 0) throw new ForbiddenError('The workspace folder itself cannot be deleted.');
  const { folder, name, below } = await root.find(names, false);
  if (below.length > 0) throw notFound(names);
  await locks.with([join(folder, name)], () =>
    inFolder(folder, async (held) => {
      const path = held.at(name);
      const there = await statIfThere(path);
      requireUnchanged(preconditions, there && etagOf(there), names);
      if (there === undefined) throw notFound(names);
      if (there.isDirectory()) await rm(path, { recursive: true, maxRetries: RETRIES });
      else await unlink(path);
    }),
  );
}
