/** Commands that take files into seats and out of them. */
import { homedir } from 'node:os';
import type * as vscode from 'vscode';
import { download } from '../files/download.ts';
import { localItem } from '../files/local-files.ts';
import { tellLeftOut, upload } from '../files/upload.ts';
import type { FileCommandParts } from './file-commands.ts';
import { chosenFiles, chosenFolder, parseFileArgument } from './file-targets.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { CommandHandler } from './register.ts';

type TransferCommandId = 'carapace.uploadFiles' | 'carapace.uploadFolder' | 'carapace.downloadFile';

export function transferCommands(parts: FileCommandParts): Record<TransferCommandId, CommandHandler> {
  return {
    'carapace.uploadFiles': (argument) => runUpload(parts, argument, 'files'),
    'carapace.uploadFolder': (argument) => runUpload(parts, argument, 'folder'),
    'carapace.downloadFile': (argument, selected) => runDownload(parts, argument, selected),
  };
}

/** Another program names local paths as `from`. */
async function runUpload(parts: FileCommandParts, argument: unknown, what: 'files' | 'folder'): Promise<Outcome> {
  const { vs } = parts;
  const { from, conflict } = parseFileArgument(argument);
  const folder = await chosenFolder(parts, argument);
  if (folder === undefined) return CANCELLED;
  const uris = from?.map((path) => vs.Uri.file(path)) ?? (await askLocal(vs, what));
  if (uris === undefined || uris.length === 0) return CANCELLED;
  const items = await Promise.all(uris.map((uri) => localItem(vs, uri)));
  const done = await upload(parts, folder, items, conflict);
  tellLeftOut(vs, done);
  return ok(done);
}

/** On Linux and Windows a dialog cannot offer files and folders at once. */
function askLocal({ l10n, window }: typeof vscode, what: 'files' | 'folder'): Thenable<vscode.Uri[] | undefined> {
  const t = l10n.t;
  return window.showOpenDialog({
    canSelectFiles: what === 'files',
    canSelectFolders: what === 'folder',
    canSelectMany: true,
    openLabel: t('Upload'),
    title: what === 'files' ? t('Which files?') : t('Which folders?'),
  });
}

/** Another program names the local folder as `folder`. */
async function runDownload(parts: FileCommandParts, argument: unknown, selected: unknown): Promise<Outcome> {
  const { vs } = parts;
  const t = vs.l10n.t;
  const files = await chosenFiles(parts, argument, selected);
  if (files.length === 0) return CANCELLED;
  const { folder, conflict } = parseFileArgument(argument);
  const target = folder === undefined ? await askFolder(vs) : vs.Uri.file(folder);
  if (target === undefined) return CANCELLED;
  const done = await download(parts, files, target, conflict);
  tellLeftOut(vs, done);
  if (done.paths.length > 0) {
    const text = t('Downloaded to {0}', target.fsPath);
    vs.window.setStatusBarMessage(text, 5_000);
  }
  return ok(done);
}

async function askFolder(vs: typeof vscode): Promise<vscode.Uri | undefined> {
  const t = vs.l10n.t;
  const chosen = await vs.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    defaultUri: vs.Uri.file(homedir()),
    openLabel: t('Download Here'),
    title: t('Into which folder?'),
  });
  return chosen?.[0];
}
