/** Uploads: files and folders from outside into a seat. */
import type * as vscode from 'vscode';
import { ChangedError, ConflictError } from '../../protocol/errors.ts';
import { joinPath } from '../../client/file-paths.ts';
import type { SeatFolder } from '../model/seat-file-row.ts';
import { eachAtOnce } from './at-once.ts';
import type { WriteCondition } from '../../client/seat-files.ts';
import { Conflicts, type ConflictAnswer } from './conflicts.ts';
import { MAX_TREE_FILES, staged, tooMany } from './copy-between.ts';
import type { LocalItem } from './local-files.ts';
import { SeatDoor, type Spot, type TransferParts } from './seat-door.ts';
import { withTransfer, type Meter } from './transfer-progress.ts';

/** Files of a folder that are on their way together. */
const AT_ONCE = 4;

/** How a transfer ended: the paths of what was put there, and how many things were left out and why. */
export interface Transferred {
  readonly paths: readonly string[];
  /** Because their names were taken. */
  readonly skipped: number;
  /** Links to folders, pipes and the like, and names that cannot be had on the other side. */
  readonly leftOut: number;
}

/** A folder as it was looked through before it is sent; paths are relative to it. */
interface Plan {
  readonly folders: string[];
  readonly files: { readonly path: string; readonly item: LocalItem }[];
  bytes: number;
  leftOut: number;
}

/**
 * Uploads under a notification with Cancel. Each file and folder comes whole or not at all, and nothing is replaced
 * without being asked about.
 * @throws AbortError where somebody cancelled, the typed errors of the seat and of the local disk's
 */
export async function upload(
  parts: TransferParts,
  folder: SeatFolder,
  items: readonly LocalItem[],
  answer?: ConflictAnswer,
): Promise<Transferred> {
  const { vs } = parts;
  const t = vs.l10n.t;
  const door = new SeatDoor(parts, folder);
  const conflicts = new Conflicts(vs, items.length > 1, answer);
  const [only] = items;
  const title =
    items.length === 1 && only !== undefined
      ? t('Uploading "{0}" to seat {1}', only.name, folder.seat)
      : t('Uploading to seat {0}', folder.seat);
  return withTransfer(vs, title, async (meter, signal) => {
    const plans: [LocalItem, Plan][] = [];
    for (const item of items) plans.push([item, await planOf(item, signal, () => tooMany(t))]);
    meter.total = plans.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    const paths: string[] = [];
    for (const [item, plan] of plans) {
      const spot = await door.spotFor(folder, item.name, conflicts, signal);
      if (spot === undefined) continue;
      await send({ door, meter, signal }, item, plan, spot).catch((error: unknown) => {
        throw error instanceof ChangedError
          ? new ConflictError(t('"{0}" was changed in the seat in the meantime. Upload it again.', spot.path))
          : error;
      });
      door.put(spot);
      paths.push(spot.path);
    }
    const leftOut = plans.reduce((sum, [, plan]) => sum + plan.leftOut, 0);
    return { paths, skipped: items.length - paths.length, leftOut };
  });
}

async function planOf(item: LocalItem, signal: AbortSignal, tooManyFiles: () => Error): Promise<Plan> {
  const plan: Plan = { folders: [], files: [], bytes: item.size, leftOut: 0 };
  const look = async (folder: LocalItem, path: string) => {
    for (const child of await folder.children()) {
      signal.throwIfAborted();
      if (plan.files.length + plan.folders.length >= MAX_TREE_FILES) throw tooManyFiles();
      if (child === undefined) {
        plan.leftOut += 1;
        continue;
      }
      const below = joinPath(path, child.name);
      plan.bytes += child.size;
      if (child.isFolder) {
        plan.folders.push(below);
        await look(child, below);
      } else plan.files.push({ path: below, item: child });
    }
  };
  if (item.isFolder) await look(item, '');
  return plan;
}

interface Sending {
  readonly door: SeatDoor;
  readonly meter: Meter;
  readonly signal: AbortSignal;
}

async function send(sending: Sending, item: LocalItem, plan: Plan, spot: Spot): Promise<void> {
  const { door, signal } = sending;
  const replaced = spot.replaces;
  const isPlain = !item.isFolder && replaced?.file.is_directory !== true;
  if (isPlain) {
    const condition = replaced === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: replaced.etag };
    return sendFile(sending, item, spot.path, condition);
  }
  await staged({ files: door, path: spot.path }, { overwrite: replaced !== undefined, signal }, async (path) => {
    if (!item.isFolder) return sendFile(sending, item, path, {});
    await door.makeFolder(path, signal);
    for (const folder of plan.folders) await door.makeFolder(joinPath(path, folder), signal);
    await eachAtOnce(plan.files, AT_ONCE, (file) => sendFile(sending, file.item, joinPath(path, file.path), {}));
  });
}

async function sendFile(
  { door, meter, signal }: Sending,
  item: LocalItem,
  path: string,
  condition: WriteCondition,
): Promise<void> {
  signal.throwIfAborted();
  await door.with(async (files) => {
    const { stream, moved } = await item.open();
    try {
      await meter.during(item.name, moved, () => files.writeFrom(path, stream, condition, signal));
    } finally {
      stream.destroy();
    }
  });
}

/** Says how many things were not taken along. */
export function tellLeftOut({ l10n, window }: typeof vscode, { leftOut }: Transferred): void {
  const t = l10n.t;
  if (leftOut === 0) return;
  const reason = t('links to folders, pipes, and names that cannot be had on the other side');
  const text =
    leftOut === 1 ? t('1 thing was left out ({0}).', reason) : t('{0} things were left out ({1}).', leftOut, reason);
  void window.showWarningMessage(text);
}
