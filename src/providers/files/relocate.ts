/** Copies and moves of what is in seats already. */
import { ConflictError } from '../../protocol/errors.ts';
import { isWithin, nameOf, parentOf } from '../../client/file-paths.ts';
import type { SeatFolder } from '../model/seat-file-row.ts';
import { seatUriParts, type SeatFile } from '../model/seat-uri.ts';
import { Conflicts, type ConflictAnswer } from './conflicts.ts';
import { copyBetween } from './copy-between.ts';
import { SeatDoor, type TransferParts } from './seat-door.ts';
import { withTransfer } from './transfer-progress.ts';

/**
 * Brings files and folders into a folder of a seat. Between seats it is a copy always. A copy into the same folder gets
 * a name of its own; nothing is replaced without being asked about.
 * @returns the addresses of what was put there
 * @throws AbortError where somebody gave up, the typed errors of the seats
 */
export async function bring(
  parts: TransferParts,
  how: 'copy' | 'move',
  sources: readonly SeatFile[],
  folder: SeatFolder,
  answer?: ConflictAnswer,
): Promise<SeatFile[]> {
  const t = parts.vs.l10n.t;
  const door = new SeatDoor(parts, folder);
  const conflicts = new Conflicts(parts.vs, sources.length > 1, answer);
  const brought: SeatFile[] = [];
  for (const source of sources) {
    const isSameSeat = source.workshop === folder.workshop && source.seat === folder.seat;
    const isSameFolder = isSameSeat && parentOf(source.path) === folder.path;
    if (isSameFolder && how === 'move') continue;
    if (isSameSeat && isWithin(folder.path, source.path))
      throw new ConflictError(t('"{0}" cannot be put into itself.', source.path));
    const name = nameOf(source.path);
    const spot = isSameFolder ? await door.freeSpot(folder, name) : await door.spotFor(folder, name, conflicts);
    if (spot === undefined) continue;
    const target = { workshop: folder.workshop, seat: folder.seat, path: spot.path };
    const overwrite = spot.replaces !== undefined;
    if (!isSameSeat) await copyOver(parts, source, target, overwrite);
    else if (how === 'move') await move(parts, source, target, overwrite);
    else await door.copy(source.path, spot.path, { overwrite });
    door.put(spot);
    brought.push(target);
  }
  return brought;
}

/** Copies from one seat to another under a notification with Cancel. */
async function copyOver(parts: TransferParts, from: SeatFile, to: SeatFile, overwrite: boolean): Promise<void> {
  const { vs, withFiles } = parts;
  const t = vs.l10n.t;
  const title = t('Copying "{0}" from seat {1} to seat {2}', nameOf(from.path), from.seat, to.seat);
  await withTransfer(vs, title, (_meter, signal) =>
    withFiles(from.workshop, from.seat, (files) =>
      withFiles(to.workshop, to.seat, (others) =>
        copyBetween({ files, path: from.path }, { files: others, path: to.path }, { overwrite, t, signal }),
      ),
    ),
  );
}

/** Moves within a seat. VS Code does it where it can: editors that are open go with their files, unsaved or not. */
export async function move(parts: TransferParts, from: SeatFile, to: SeatFile, overwrite: boolean): Promise<void> {
  const { vs, files } = parts;
  const edit = new vs.WorkspaceEdit();
  edit.renameFile(vs.Uri.from(seatUriParts(from)), vs.Uri.from(seatUriParts(to)), { overwrite });
  if (await vs.workspace.applyEdit(edit)) return;
  // It does not say why it could not; the seat does.
  const door = new SeatDoor(parts, from);
  await door.move(from.path, to.path, { overwrite });
  files.noticed(door.seat, [
    { type: 'deleted', path: from.path },
    { type: 'created', path: to.path },
  ]);
}
