/** Downloads: files and folders of a seat to this machine. */
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type * as vscode from 'vscode';
import { ConflictError, ForbiddenError, InvalidInputError, NotFoundError } from '../../protocol/errors.ts';
import type { FileEntry } from '../../protocol/files.ts';
import { joinPath, nameOf, shownName } from '../../client/file-paths.ts';
import { freeName, isPlainName } from '../model/file-names.ts';
import type { SeatFolder } from '../model/seat-file-row.ts';
import { eachAtOnce } from './at-once.ts';
import { Conflicts, type ConflictAnswer } from './conflicts.ts';
import { MAX_TREE_FILES, tooMany } from './copy-between.ts';
import { SeatDoor, type TransferParts } from './seat-door.ts';
import { withTransfer, type Meter } from './transfer-progress.ts';
import type { Transferred } from './upload.ts';

/** Files of a folder that are on their way together. */
const AT_ONCE = 4;

/** What there is to fetch; paths are relative to `root`, and empty for a single file. */
interface Plan {
  readonly root: string;
  readonly isFolder: boolean;
  readonly folders: string[];
  readonly files: { readonly path: string; readonly isLink: boolean }[];
  bytes: number;
  leftOut: number;
}

interface Fetching {
  readonly door: SeatDoor;
  readonly meter: Meter;
  readonly signal: AbortSignal;
}

/**
 * Downloads under a notification with Cancel. Each file and folder comes whole or not at all, and nothing is replaced
 * without being asked about. What a seat's names say leads nowhere but into the folder.
 * @param sources files and folders of one seat
 * @throws InvalidInputError where the folder is not on this machine's disk, AbortError where somebody cancelled, the
 * typed errors of the seat
 */
export async function download(
  parts: TransferParts,
  sources: readonly SeatFolder[],
  folder: vscode.Uri,
  answer?: ConflictAnswer,
): Promise<Transferred> {
  const { vs } = parts;
  const t = vs.l10n.t;
  if (folder.scheme !== 'file') throw new InvalidInputError(t('Choose a folder on this machine.'));
  const [first] = sources;
  if (first === undefined) return { paths: [], skipped: 0, leftOut: 0 };
  const door = new SeatDoor(parts, first);
  const conflicts = new Conflicts(vs, sources.length > 1, answer);
  const title =
    sources.length === 1
      ? t('Downloading "{0}" of seat {1}', shownName(nameOf(first.path)), first.seat)
      : t('Downloading from seat {0}', first.seat);
  return withTransfer(vs, title, async (meter, signal) => {
    const plans: Plan[] = [];
    for (const { path } of sources) plans.push(await planOf(door, path, signal, () => tooMany(t)));
    meter.total = plans.reduce((sum, { bytes }) => sum + bytes, 0);
    const paths: string[] = [];
    for (const plan of plans) {
      const place = await placeFor(nameOf(plan.root) || t('seat {0}', first.seat), folder.fsPath, conflicts, t);
      if (place === undefined) continue;
      await whole(place, t, (partial) => fetchAll({ door, meter, signal }, plan, partial));
      paths.push(place.path);
    }
    const leftOut = plans.reduce((sum, plan) => sum + plan.leftOut, 0);
    return { paths, skipped: plans.length - paths.length, leftOut };
  });
}

async function planOf(door: SeatDoor, root: string, signal: AbortSignal, tooManyFiles: () => Error): Promise<Plan> {
  const isFolder = root === '' || (await door.stat(root, signal)).file.is_directory;
  const plan: Plan = { root, isFolder, folders: [], files: [], bytes: 0, leftOut: 0 };
  const look = async (path: string) => {
    for (const entry of await door.list(joinPath(root, path), signal)) {
      if (plan.files.length + plan.folders.length >= MAX_TREE_FILES) throw tooManyFiles();
      const below = joinPath(path, entry.name);
      if (!canBeHad(entry)) plan.leftOut += 1;
      else if (entry.is_directory) {
        plan.folders.push(below);
        await look(below);
      } else {
        plan.files.push({ path: below, isLink: entry.type === 'symlink' });
        plan.bytes += entry.size;
      }
    }
  };
  if (isFolder) await look('');
  else {
    plan.files.push({ path: '', isLink: false });
    plan.bytes = (await door.stat(root, signal)).file.size;
  }
  return plan;
}

/** Links to folders may lead in a circle; pipes and sockets have no end. */
function canBeHad({ name, type, is_directory: isFolder }: FileEntry): boolean {
  return isPlainName(name, process.platform) && type !== 'other' && !(type === 'symlink' && isFolder);
}

/** Where something goes on this machine; `replaces` says that what is there goes. */
interface LocalPlace {
  readonly path: string;
  readonly folder: string;
  readonly replaces: boolean;
}

async function placeFor(
  name: string,
  folder: string,
  conflicts: Conflicts,
  t: typeof vscode.l10n.t,
): Promise<LocalPlace | undefined> {
  if (!isPlainName(name, process.platform))
    throw new InvalidInputError(t('"{0}" cannot be the name of a file on this machine. Rename it first.', name));
  const path = join(folder, name);
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined) return { path, folder, replaces: false };
  const answer = await conflicts.ask({ name: shownName(name), place: folder, isFolder: there.isDirectory() });
  if (answer === 'skip') return undefined;
  if (answer === 'replace') return { path, folder, replaces: true };
  return { path: join(folder, freeName(name, new Set(await readdir(folder)), t)), folder, replaces: false };
}

/** Lets something be made beside its place, and puts it there when it is whole. */
async function whole(
  { path, folder, replaces }: LocalPlace,
  t: typeof vscode.l10n.t,
  make: (partial: string) => Promise<void>,
): Promise<void> {
  const partial = join(folder, `.carapace-${randomBytes(4).toString('hex')}.partial`);
  try {
    await make(partial);
    const there = await lstat(path).catch(() => undefined);
    if (there !== undefined && !replaces) throw new ConflictError(t('"{0}" exists already.', path));
    // A file takes the place of a file at once; a folder does so only where none is.
    if (there !== undefined && (there.isDirectory() || (await lstat(partial)).isDirectory()))
      await rm(path, { recursive: true });
    await rename(partial, path);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function fetchAll(fetching: Fetching, plan: Plan, target: string): Promise<void> {
  const { root, folders, files } = plan;
  if (!plan.isFolder) return fetchFile(fetching, root, target);
  await mkdir(target);
  for (const folder of folders) await mkdir(join(target, folder));
  await eachAtOnce(files, AT_ONCE, async ({ path, isLink }) => {
    try {
      await fetchFile(fetching, joinPath(root, path), join(target, path));
    } catch (error) {
      // A link that leads nowhere, or out of the seat.
      if (!isLink || !(error instanceof NotFoundError || error instanceof ForbiddenError)) throw error;
      await rm(join(target, path), { force: true });
      plan.leftOut += 1;
    }
  });
}

async function fetchFile({ door, meter, signal }: Fetching, path: string, target: string): Promise<void> {
  signal.throwIfAborted();
  await door.with((files) => {
    const stream = createWriteStream(target);
    return meter.during(
      nameOf(path),
      () => stream.bytesWritten,
      async () => {
        try {
          await files.readTo(path, stream, signal);
        } finally {
          stream.destroy();
        }
      },
    );
  });
}
