/** How the files of a seat look in the tree. Pure. */
import type { FileEntry } from '../../protocol/files.ts';
import { joinPath, nameOf, parentOf, shownName } from '../../client/file-paths.ts';
import { formatBytes, formatMoment } from '../../client/format.ts';
import {
  ICON,
  type Fact,
  type Row,
  type SeatFileNode,
  type SeatFilePlace,
  type SeatFilesNode,
  type WorkshopsNode,
} from './nodes.ts';
import type { Translate } from '../../client/translate.ts';

/** So many entries of a folder are shown at once; the rest is behind a row of its own. */
export const PAGE_ROWS = 1_000;

/** What a file or folder permits; the manifest's `when` clauses read it. A seat that is ready is `fillable`, too. */
export const SEAT_FILE_FLAGS = { file: ['viewable', 'movable'], folder: ['fillable', 'movable'] } as const;

/** A folder of a seat; `path` '' is the seat's own. */
export interface SeatFolder {
  readonly workshop: string;
  readonly seat: number;
  readonly path: string;
}

const KINDS: readonly string[] = ['seatFile', 'moreSeatFiles', 'seatFilesProblem'] satisfies SeatFilesNode['kind'][];

export function isSeatFilesNode(node: { readonly kind: string }): node is SeatFilesNode {
  return KINDS.includes(node.kind);
}

/** The folder that a row stands for, or is in. */
export function folderOfRow(row: Extract<WorkshopsNode, { readonly seat: number }>): SeatFolder {
  const { workshop, seat } = row;
  if (!('path' in row)) return { workshop, seat, path: '' };
  return { workshop, seat, path: row.kind === 'seatFile' && !row.isFolder ? parentOf(row.path) : row.path };
}

/** The rows of a folder from the entry with the number `from` on, and one for what comes after them. */
export function pageOfFolder(folder: SeatFilePlace, entries: readonly FileEntry[], from: number): SeatFilesNode[] {
  const rows = entries.slice(from, from + PAGE_ROWS).map((entry): SeatFilesNode => {
    const path = joinPath(folder.path, entry.name);
    return { kind: 'seatFile', ...folder, path, isFolder: entry.is_directory };
  });
  const next = from + PAGE_ROWS;
  return next < entries.length ? [...rows, { kind: 'moreSeatFiles', ...folder, from: next }] : rows;
}

/** The icon of a file comes from its address and the theme. */
export function seatFileRow({ path, isFolder }: SeatFileNode, t: Translate): Omit<Row, 'icon'> {
  const label = shownName(nameOf(path));
  const flags = isFolder ? SEAT_FILE_FLAGS.folder : SEAT_FILE_FLAGS.file;
  return { label, description: '', flags, spoken: isFolder ? t('Folder {0}', label) : t('File {0}', label) };
}

/** @param count the entries that are not shown yet */
export function moreSeatFilesRow(count: number, t: Translate): Row {
  const label = t('… {0} more', count.toLocaleString());
  return { label, description: '', icon: ICON.more, flags: ['moreFiles'], spoken: t('{0} more files', count) };
}

export function seatFilesProblemRow(sentence: string, t: Translate): Row {
  return {
    label: sentence,
    description: '',
    icon: ICON.warning,
    flags: ['problem'],
    spoken: t('The files cannot be shown: {0}', sentence),
  };
}

export function seatFileFacts(entry: FileEntry, now: number, t: Translate): Fact[] {
  const facts: Fact[] = [[t('Path'), entry.path]];
  if (!entry.is_directory) facts.push([t('Size'), formatBytes(entry.size, t)]);
  facts.push([t('Changed'), formatMoment(Date.parse(entry.modified_at), now)]);
  facts.push([t('Mode'), entry.mode]);
  if (entry.type === 'symlink') facts.push([t('Kind'), t('link')]);
  return facts;
}
