/** Writes files: all or nothing, and never over somebody else's change. */
import { constants, type BigIntStats } from 'node:fs';
import { access, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ChangedError, NotFoundError } from '../../protocol/errors.ts';
import { etagOf } from './entry.ts';
import { conflict, hasCode } from './file-errors.ts';
import type { PathLocks } from './locks.ts';
import { makeParents, unmakeParents, type Spot } from './make-folder.ts';
import { quotePath } from './path.ts';
import { requireUnchanged, type Preconditions } from './preconditions.ts';
import { moveIntoGap } from './publish.ts';
import { requireRegular } from './read.ts';
import { withTemporaryName } from './temporary.ts';
import { inFolder, statIfThere, type HeldFolder, type WorkspaceRoot } from './workspace-root.ts';

/** The mode of a new file before the umask. */
const NEW_FILE_MODE = 0o666;

export interface WriteRequest {
  readonly names: readonly string[];
  readonly body: AsyncIterable<Uint8Array> | Uint8Array;
  readonly preconditions: Preconditions;
}

export interface Written {
  readonly etag: string;
  /** Whether there was no such file before. */
  readonly created: boolean;
}

/**
 * Streams the body to a temporary file beside the target, flushes it and renames it. The conditions are checked before
 * anything is read, and again right before the rename. A link inside the workspace is followed; a replaced file's mode
 * and owner are kept. On failure nothing is left.
 * @throws ChangedError, ConflictError, ForbiddenError, and what the body throws
 */
export async function writeFile(root: WorkspaceRoot, locks: PathLocks, request: WriteRequest): Promise<Written> {
  const place = await root.find(request.names, true);
  if (place.name === '.') throw conflict('is_a_directory', `${quotePath(request.names)} is a folder.`);
  const target = join(place.folder, place.name, ...place.below);
  await locks.with([target], () => requireWritable(target, place.stats, request));
  const spot = await makeParents(place);
  try {
    return await inFolder(spot.folder, (held) =>
      withTemporaryName((name) => upload(held, held.at(name), spot, locks, request)),
    );
  } catch (error) {
    await unmakeParents(spot);
    throw error;
  }
}

async function upload(
  held: HeldFolder,
  temporary: string,
  spot: Spot,
  locks: PathLocks,
  request: WriteRequest,
): Promise<Written> {
  const file = await open(temporary, 'wx', NEW_FILE_MODE);
  try {
    await file.writeFile(request.body);
    await file.sync();
    const target = join(spot.folder, spot.name);
    const written = await locks.with([target], () => putInPlace(file, temporary, held, spot, request));
    await held.sync();
    return written;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function putInPlace(
  file: FileHandle,
  temporary: string,
  held: HeldFolder,
  spot: Spot,
  request: WriteRequest,
): Promise<Written> {
  const { names, preconditions } = request;
  if (!(await held.isAt(spot.folder)))
    throw new NotFoundError(`The folder of ${quotePath(names)} was moved or deleted meanwhile.`);
  const target = held.at(spot.name);
  const there = await statIfThere(target);
  await requireWritable(target, there, request);
  if (there !== undefined) await keepModeAndOwner(file, there);
  const before = await file.stat({ bigint: true });
  if (preconditions.ifNoneMatch === '*') await createOnly(temporary, target, names);
  else await rename(temporary, target);
  return { created: there === undefined, etag: await versionOf(file, before) };
}

/**
 * The ETag of what was written; its new name has changed it once more. Where somebody has changed the content since,
 * the one from before, which matches nothing any more: the client must not take that change for its own.
 */
async function versionOf(file: FileHandle, before: BigIntStats): Promise<string> {
  const now = await file.stat({ bigint: true });
  return etagOf(now.size === before.size && now.mtimeNs === before.mtimeNs ? now : before);
}

async function requireWritable(
  path: string,
  there: BigIntStats | undefined,
  { names, preconditions }: WriteRequest,
): Promise<void> {
  if (there !== undefined) requireRegular(there, names);
  requireUnchanged(preconditions, there && etagOf(there), names);
  // A rename would replace a read-only file, too.
  if (there !== undefined) await access(path, constants.W_OK);
}

async function keepModeAndOwner(file: FileHandle, there: BigIntStats): Promise<void> {
  const own = await file.stat({ bigint: true });
  if (own.uid !== there.uid || own.gid !== there.gid) {
    try {
      await file.chown(Number(there.uid), Number(there.gid));
    } catch (error) {
      // Only root gives files away; the content matters more than the owner.
      if (!hasCode(error, 'EPERM')) throw error;
    }
  }
  await file.chmod(Number(there.mode) & 0o7777);
}

async function createOnly(temporary: string, target: string, names: readonly string[]): Promise<void> {
  try {
    await moveIntoGap(temporary, target);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) throw new ChangedError(`${quotePath(names)} exists already.`);
    throw error;
  }
}
