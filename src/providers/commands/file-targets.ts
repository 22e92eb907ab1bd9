/** Which files and folders of seats a command is meant for. */
import * as z from 'zod/mini';
import { parseInput } from '../../protocol/errors.ts';
import { idSchema, seatNumberSchema } from '../../protocol/names.ts';
import { CONFLICT_ANSWERS } from '../files/conflicts.ts';
import { nameOf, parentOf } from '../../client/file-paths.ts';
import { topmost } from '../model/file-names.ts';
import type { SeatFileNode, WorkshopsNode } from '../model/nodes.ts';
import { folderOfRow, type SeatFolder } from '../model/seat-file-row.ts';
import type { SeatFile } from '../model/seat-uri.ts';
import { chooseFile } from './choose-file.ts';
import type { FileCommandParts } from './file-commands.ts';

/**
 * What the commands on files take from rows and from other programs. `from` are local paths to upload, or paths in the
 * seat to bring; `to` is the new path of what is renamed; `folder` is a local folder to download to; `conflict` answers
 * the question about a name that is taken. `keyboard` says that a key was pressed: without a selection nothing happens.
 */
const fileArgumentSchema = z.object({
  kind: z.optional(z.string()),
  isFolder: z.optional(z.boolean()),
  workshop: z.optional(idSchema),
  seat: z.optional(seatNumberSchema),
  path: z.optional(z.string()),
  from: z.optional(z.array(z.string())),
  to: z.optional(z.string()),
  folder: z.optional(z.string()),
  conflict: z.optional(z.enum(CONFLICT_ANSWERS)),
  confirmed: z.optional(z.boolean()),
  keyboard: z.optional(z.boolean()),
});
export type FileArgument = z.infer<typeof fileArgumentSchema>;

/** @throws InvalidInputError */
export function parseFileArgument(argument: unknown): FileArgument {
  return parseInput(fileArgumentSchema, argument ?? {});
}

/** A file or folder; whether it is a folder is not known where another program has named it. */
export interface ChosenFile extends SeatFile {
  readonly isFolder: boolean | undefined;
}

/**
 * The files of one seat that are meant: the rows, what another program names, the selection, or what a person chooses.
 * What is below another one of them is left out. Empty where nothing is.
 */
export async function chosenFiles(
  parts: FileCommandParts,
  argument: unknown,
  selected: unknown,
): Promise<readonly ChosenFile[]> {
  const target = parseFileArgument(argument);
  const { workshop, seat, path, isFolder } = target;
  const isRow = target.kind !== undefined;
  const rows = fileRows(isRow ? selected : target.workshop === undefined ? parts.tree.selection : undefined);
  if (workshop !== undefined && seat !== undefined && path !== undefined) {
    const own = { workshop, seat, path, isFolder };
    const isAmong = rows.some((row) => row.workshop === workshop && row.seat === seat && row.path === path);
    return isAmong ? ofOneSeat(rows, own) : [own];
  }
  const [first] = rows;
  if (first !== undefined) return ofOneSeat(rows, first);
  return target.keyboard === true ? [] : pickFile(parts, target);
}

/** Rows of several seats are not taken together: those of the first one are meant. */
function ofOneSeat(rows: readonly SeatFileNode[], { workshop, seat }: SeatFile): ChosenFile[] {
  const own = rows.filter((row) => row.workshop === workshop && row.seat === seat);
  return topmost(own.map(({ path, isFolder }) => ({ workshop, seat, path, isFolder })));
}

async function pickFile(parts: FileCommandParts, target: FileArgument): Promise<ChosenFile[]> {
  const { vs, picker, list } = parts;
  const chosen = await picker.seat(seatOf(target), 'openable');
  if (chosen === undefined) return [];
  const workshop = chosen.workshop.id;
  const { seat } = chosen.seat;
  const { path } = await chooseFile(vs, vs.l10n.t('Seat {0}', seat), list(workshop, seat));
  return path === undefined ? [] : [{ workshop, seat, path, isFolder: false }];
}

/** The folder that something is to be put into; that of a file is the one it is in. Undefined where none was chosen. */
export async function chosenFolder(parts: FileCommandParts, argument: unknown): Promise<SeatFolder | undefined> {
  const target = parseFileArgument(argument);
  if (target.workshop !== undefined && target.seat !== undefined) {
    const { workshop, seat, path = '' } = target;
    return { workshop, seat, path: target.isFolder === false ? parentOf(path) : path };
  }
  const row = target.workshop === undefined ? parts.tree.selection[0] : undefined;
  if (row !== undefined && 'seat' in row) return folderOfRow(row);
  if (target.keyboard === true) return undefined;
  const chosen = await parts.picker.seat(seatOf(target), 'openable');
  return chosen && { workshop: chosen.workshop.id, seat: chosen.seat.seat, path: '' };
}

function seatOf({ workshop, seat }: FileArgument): { workshop?: string; seat?: number } {
  return { ...(workshop !== undefined && { workshop }), ...(seat !== undefined && { seat }) };
}

/** Those of the rows that are files or folders. */
export function fileRows(rows: unknown): SeatFileNode[] {
  if (!Array.isArray(rows)) return [];
  return (rows as (WorkshopsNode | undefined)[]).filter((row) => row?.kind === 'seatFile');
}

/** `"notes.txt"`, or `3 files`: what is told of several at once. */
export function namesOf({ l10n }: FileCommandParts['vs'], files: readonly SeatFile[]): string {
  const [only, ...others] = files;
  if (only === undefined || others.length > 0) return l10n.t('{0} files and folders', files.length);
  return `"${nameOf(only.path)}"`;
}
