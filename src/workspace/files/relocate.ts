/** Moves and copies within the workspace. */
import type { BigIntStats } from 'node:fs';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ForbiddenError } from '../../protocol/errors.ts';
import { copyTree } from './copy-tree.ts';
import { conflict, hasCode, notFound } from './file-errors.ts';
import type { PathLocks } from './locks.ts';
import { makeParents, unmakeParents, type Spot } from './make-folder.ts';
import { quotePath } from './path.ts';
import { publish } from './publish.ts';
import { withTemporaryName } from './temporary.ts';
import { inFolder, type HeldFolder, type Place, type WorkspaceRoot } from './workspace-root.ts';

export interface Relocation {
  readonly operation: 'move' | 'copy';
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Whether what is at `to` is replaced. */
  readonly overwrite: boolean;
}

/** What is moved or copied, with its folder held. */
interface Source {
  readonly path: string;
  readonly stats: BigIntStats;
}

/**
 * Moves or copies a file, a link itself, or a folder with all that is in it, and makes the folders above the target.
 * Either all of it is at the target, or nothing. Answers whether something was replaced.
 * @throws NotFoundError, ForbiddenError, ConflictError
 */
export async function relocate(root: WorkspaceRoot, locks: PathLocks, relocation: Relocation): Promise<boolean> {
  const { from, to, overwrite } = relocation;
  if (from.length === 0 || to.length === 0)
    throw new ForbiddenError('The workspace folder itself cannot be moved, copied or replaced.');
  const source = await root.find(from, false);
  if (source.stats === undefined || source.below.length > 0) throw notFound(from);
  const target = await root.find(to, false);
  requireApart(source, target, relocation);
  if (target.stats !== undefined && !overwrite) throw conflict('exists', `${quotePath(to)} exists already.`);
  if (pathOf(source) === pathOf(target)) return true;
  const spot = await makeParents(target);
  try {
    await inFolder(source.folder, (heldSource) =>
      inFolder(spot.folder, async (heldTarget) => {
        const path = heldSource.at(source.name);
        const what: Source = { path, stats: await lstat(path, { bigint: true }) };
        const paths = [pathOf(source), join(spot.folder, spot.name)];
        if (relocation.operation === 'copy') await copy(what, heldTarget, spot, relocation, locks, paths);
        else await locks.with(paths, () => move(what, heldTarget, spot, relocation));
        await heldTarget.sync();
        await heldSource.sync();
      }),
    );
  } catch (error) {
    await unmakeParents(spot);
    throw error;
  }
  return target.stats !== undefined;
}

function pathOf({ folder, name, below }: Place): string {
  return join(folder, name, ...below);
}

/** A folder has no place inside of itself, and what it is in cannot be replaced by it. */
function requireApart(source: Place, target: Place, { from, to, operation }: Relocation): void {
  const one = pathOf(source);
  const other = pathOf(target);
  const verb = operation === 'move' ? 'moved' : 'copied';
  if (other.startsWith(`${one}/`)) throw conflict('inside_itself', `${quotePath(from)} cannot be ${verb} into itself.`);
  if (one.startsWith(`${other}/`))
    throw conflict('inside_itself', `${quotePath(from)} cannot be ${verb} over ${quotePath(to)}, which it is in.`);
}

async function move(source: Source, held: HeldFolder, spot: Spot, { to, overwrite }: Relocation): Promise<void> {
  try {
    await publish(source, held, spot.name, { overwrite, names: to });
  } catch (error) {
    if (!hasCode(error, 'EXDEV')) throw error;
    // The target is on another disk.
    await viaTemporary(source, held, (copied) => publish(copied, held, spot.name, { overwrite, names: to }));
    await rm(source.path, { recursive: true, force: true });
  }
}

/** Only the last step needs the lock. */
async function copy(
  source: Source,
  held: HeldFolder,
  spot: Spot,
  { to, overwrite }: Relocation,
  locks: PathLocks,
  paths: readonly string[],
): Promise<void> {
  await viaTemporary(source, held, (copied) =>
    locks.with(paths, () => publish(copied, held, spot.name, { overwrite, names: to })),
  );
}

/** Copies to a temporary name in the target's folder; what is not published is removed. */
async function viaTemporary(
  source: Source,
  held: HeldFolder,
  publishCopy: (copied: Source) => Promise<void>,
): Promise<void> {
  await withTemporaryName(async (name) => {
    const path = held.at(name);
    try {
      await copyTree(source.path, path);
      await publishCopy({ path, stats: source.stats });
    } catch (error) {
      await rm(path, { recursive: true, force: true });
      throw error;
    }
  });
}
