/** Commands on the files of seats: made, renamed, copied and deleted where they are. */
import type * as vscode from 'vscode';
import { ChangedError, ConflictError, InvalidInputError } from '../../protocol/errors.ts';
import { move, bring } from '../files/relocate.ts';
import { SeatDoor, type TransferParts } from '../files/seat-door.ts';
import { joinPath, nameOf, parentOf } from '../../client/file-paths.ts';
import { refuseName } from '../model/file-names.ts';
import { parseSeatUri, seatUriParts, SEAT_SCHEME, type SeatFile } from '../model/seat-uri.ts';
import { isWithin } from '../../client/file-paths.ts';
import type { SeatFilesTree } from '../views/seat-files-tree.ts';
import type { ListFolder } from './choose-file.ts';
import type { CommandId } from './command-ids.ts';
import { chosenFiles, chosenFolder, namesOf, parseFileArgument, type ChosenFile } from './file-targets.ts';
import { transferCommands } from './file-transfers.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { Picker } from './pick.ts';
import type { CommandHandler } from './register.ts';

export interface FileCommandParts extends TransferParts {
  readonly picker: Pick<Picker, 'seat'>;
  readonly tree: Pick<SeatFilesTree, 'selection' | 'refresh'>;
  /** Lists a folder of a seat. */
  readonly list: (workshopId: string, seat: number) => ListFolder;
}

type FileCommandId = Extract<
  CommandId,
  | 'carapace.newFile'
  | 'carapace.newFolder'
  | 'carapace.renameFile'
  | 'carapace.copyFile'
  | 'carapace.pasteFile'
  | 'carapace.deleteFile'
  | 'carapace.uploadFiles'
  | 'carapace.uploadFolder'
  | 'carapace.downloadFile'
  | 'carapace.copyFilePath'
  | 'carapace.refreshFiles'
>;

/** What Copy has taken, until something else is. */
interface Clipboard {
  files: readonly SeatFile[];
}

export function fileCommands(parts: FileCommandParts): Record<FileCommandId, CommandHandler> {
  const clipboard: Clipboard = { files: [] };
  return {
    ...transferCommands(parts),
    'carapace.newFile': (argument) => make(parts, argument, 'file'),
    'carapace.newFolder': (argument) => make(parts, argument, 'folder'),
    'carapace.renameFile': (argument, selected) => rename(parts, argument, selected),
    'carapace.copyFile': async (argument, selected) => {
      const files = await chosenFiles(parts, argument, selected);
      if (files.length === 0) return CANCELLED;
      clipboard.files = files;
      return ok(files.map(({ path }) => path));
    },
    'carapace.pasteFile': (argument) => paste(parts, clipboard, argument),
    'carapace.deleteFile': (argument, selected) => remove(parts, argument, selected),
    'carapace.copyFilePath': (argument, selected) => copyPath(parts, argument, selected),
    'carapace.refreshFiles': (argument) => {
      const { workshop, seat } = parseFileArgument(argument);
      parts.tree.refresh(workshop === undefined || seat === undefined ? undefined : { workshop, seat });
      return Promise.resolve(ok(undefined));
    },
  };
}

/** Makes a file or a folder. Another program names the folder as `path`, and the new name as `to`. */
async function make(parts: FileCommandParts, argument: unknown, what: 'file' | 'folder'): Promise<Outcome> {
  const { vs } = parts;
  const t = vs.l10n.t;
  const folder = await chosenFolder(parts, argument);
  if (folder === undefined) return CANCELLED;
  const prompt = what === 'file' ? t('What is the new file called?') : t('What is the new folder called?');
  const where = folder.path === '' ? t('Seat {0}', folder.seat) : t('Seat {0}: {1}', folder.seat, folder.path);
  const name =
    parseFileArgument(argument).to ??
    (await vs.window.showInputBox({ title: where, prompt, validateInput: (typed) => refuseName(typed, true, t) }));
  if (name === undefined) return CANCELLED;
  requireName(vs, name, true);
  const path = joinPath(folder.path, name);
  const door = new SeatDoor(parts, folder);
  if (what === 'folder') await door.makeFolder(path);
  else await makeFile(vs, door, path);
  door.put({ path, replaces: undefined });
  const uri = vs.Uri.from(seatUriParts({ ...door.seat, path }));
  if (what === 'file') await vs.commands.executeCommand('vscode.open', uri);
  return ok(uri.toString());
}

async function makeFile({ l10n }: typeof vscode, door: SeatDoor, path: string): Promise<void> {
  try {
    await door.with((files) => files.write(path, new Uint8Array(), { ifNoneMatch: '*' }));
  } catch (error) {
    throw error instanceof ChangedError ? new ConflictError(l10n.t('"{0}" exists already.', path)) : error;
  }
}

/** @throws InvalidInputError for what another program calls a name and is none */
function requireName({ l10n }: typeof vscode, name: string, slashes: boolean): void {
  const refused = refuseName(name, slashes, l10n.t);
  if (refused !== undefined) throw new InvalidInputError(refused);
}

async function rename(parts: FileCommandParts, argument: unknown, selected: unknown): Promise<Outcome> {
  const { vs } = parts;
  const t = vs.l10n.t;
  const [file] = await chosenFiles(parts, argument, selected);
  if (file === undefined) return CANCELLED;
  const old = nameOf(file.path);
  const name = parseFileArgument(argument).to ?? (await askNewName(parts, old));
  if (name === undefined || name === old) return CANCELLED;
  requireName(vs, name, false);
  const target = { ...file, path: joinPath(parentOf(file.path), name) };
  const there = await new SeatDoor(parts, file).statIfThere(target.path);
  if (there !== undefined) throw new ConflictError(t('"{0}" exists already. Choose another name.', target.path));
  await move(parts, file, target, false);
  return ok(vs.Uri.from(seatUriParts(target)).toString());
}

/** The part before the extension is selected, as in VS Code. */
function askNewName({ vs }: FileCommandParts, old: string): Thenable<string | undefined> {
  const t = vs.l10n.t;
  const dot = old.lastIndexOf('.');
  return vs.window.showInputBox({
    prompt: t('What is "{0}" to be called?', old),
    value: old,
    valueSelection: [0, dot > 0 ? dot : old.length],
    validateInput: (typed) => refuseName(typed, false, t),
  });
}

/** Another program names what is to be copied as `from`, paths in the same seat. */
async function paste(parts: FileCommandParts, clipboard: Clipboard, argument: unknown): Promise<Outcome> {
  const { from, conflict } = parseFileArgument(argument);
  if (from === undefined && clipboard.files.length === 0)
    throw new InvalidInputError(parts.vs.l10n.t('Nothing was copied. Copy a file of a seat first.'));
  const folder = await chosenFolder(parts, argument);
  if (folder === undefined) return CANCELLED;
  const { workshop, seat } = folder;
  const sources = from?.map((path) => ({ workshop, seat, path })) ?? clipboard.files;
  const brought = await bring(parts, 'copy', sources, folder, conflict);
  return ok(brought.map(({ path }) => path));
}

/** Deletes after one question, which names what is lost. Editors that show it close, but for unsaved ones. */
async function remove(parts: FileCommandParts, argument: unknown, selected: unknown): Promise<Outcome> {
  const { vs } = parts;
  const t = vs.l10n.t;
  const files = await chosenFiles(parts, argument, selected);
  const [first] = files;
  if (first === undefined) return CANCELLED;
  if (files.some(({ path }) => path === '')) throw new InvalidInputError(t('The folder of a seat stays.'));
  if (parseFileArgument(argument).confirmed !== true) {
    const yes = t('Delete');
    const question = t('Delete {0} of seat {1}?', namesOf(vs, files), first.seat);
    const options = { modal: true, detail: deletionLosses(parts, files) };
    if ((await vs.window.showWarningMessage(question, options, yes)) !== yes) return CANCELLED;
  }
  const door = new SeatDoor(parts, first);
  for (const { path } of files) {
    await door.remove(path);
    parts.files.noticed(door.seat, [{ type: 'deleted', path }]);
  }
  await closeEditors(vs, files);
  return ok(files.map(({ path }) => path));
}

/** Names told in the question; the rest is counted. */
const NAMES_TOLD = 10;

function deletionLosses({ vs }: FileCommandParts, files: readonly ChosenFile[]): string {
  const t = vs.l10n.t;
  const told = files
    .slice(0, NAMES_TOLD)
    .map(({ path, isFolder }) => (isFolder === false ? path : t('{0} with all that is in it', path)));
  const more = files.length > NAMES_TOLD ? [t('and {0} more', files.length - NAMES_TOLD)] : [];
  return [...told, ...more, t('This cannot be undone.')].join('\n');
}

async function closeEditors(vs: typeof vscode, files: readonly SeatFile[]): Promise<void> {
  const tabs = vs.window.tabGroups.all.flatMap((group) => group.tabs);
  const gone = tabs.filter(({ input, isDirty }) => {
    const uri = input instanceof vs.TabInputText || input instanceof vs.TabInputCustom ? input.uri : undefined;
    const shown = uri?.scheme === SEAT_SCHEME ? parseSeatUri(uri) : undefined;
    return shown !== undefined && !isDirty && files.some((file) => isIn(shown, file));
  });
  if (gone.length > 0) await vs.window.tabGroups.close(gone, true);
}

function isIn(shown: SeatFile, { workshop, seat, path }: SeatFile): boolean {
  return shown.workshop === workshop && shown.seat === seat && isWithin(shown.path, path);
}

/** The paths as the seat's terminal has them, one a line. */
async function copyPath(parts: FileCommandParts, argument: unknown, selected: unknown): Promise<Outcome> {
  const files = await chosenFiles(parts, argument, selected);
  if (files.length === 0) return CANCELLED;
  const text = files.map(({ path }) => path).join('\n');
  await parts.vs.env.clipboard.writeText(text);
  return ok(text);
}
