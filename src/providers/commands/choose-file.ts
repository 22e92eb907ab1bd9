/** Browses the files of a seat in a pick list. */
import type * as vscode from 'vscode';
import type { FileEntry } from '../../protocol/files.ts';
import { formatBytes } from '../../client/format.ts';

/** The entries of a folder of the seat, by its path without a leading slash. */
export type ListFolder = (path: string) => Promise<FileEntry[]>;

type Vs = Pick<typeof vscode, 'l10n' | 'window'>;

interface Choice extends vscode.QuickPickItem {
  readonly go: { readonly kind: 'folder' | 'file'; readonly path: string } | { readonly kind: 'new' };
}

/** `path` is undefined where the person gave up. */
export interface ChosenFile {
  readonly path: string | undefined;
  readonly isNew: boolean;
}

/** Lets a person walk through the folders to a file, or name a new one. */
export async function chooseFile(vs: Vs, title: string, list: ListFolder): Promise<ChosenFile> {
  const t = vs.l10n.t;
  let folder = '';
  for (;;) {
    const current = folder;
    const entries = list(current).then((found) => choices(vs, current, found));
    const where = current === '' ? title : `${title}: ${current}`;
    const chosen = await vs.window.showQuickPick(entries, { title: where, placeHolder: t('Which file?') });
    if (chosen === undefined) return { path: undefined, isNew: false };
    if (chosen.go.kind === 'file') return { path: chosen.go.path, isNew: false };
    if (chosen.go.kind === 'folder') folder = chosen.go.path;
    else return { path: await nameNewFile(vs, current), isNew: true };
  }
}

function choices(vs: Vs, folder: string, entries: readonly FileEntry[]): Choice[] {
  const t = vs.l10n.t;
  const parent = folder.split('/').slice(0, -1).join('/');
  const up: Choice[] = folder === '' ? [] : [{ label: '$(arrow-up) ..', go: { kind: 'folder', path: parent } }];
  const found = entries.map((entry): Choice => {
    if (entry.is_directory) return { label: `$(folder) ${entry.name}`, go: { kind: 'folder', path: entry.path } };
    const description = formatBytes(entry.size, t);
    return { label: `$(file) ${entry.name}`, description, go: { kind: 'file', path: entry.path } };
  });
  return [...up, ...found, { label: `$(new-file) ${t('New file…')}`, alwaysShow: true, go: { kind: 'new' } }];
}

async function nameNewFile({ l10n, window }: Vs, folder: string): Promise<string | undefined> {
  const prompt = l10n.t('What is the new file called?');
  const validateInput = (name: string) =>
    /^\/|(^|\/)\.\.?(\/|$)/.test(name) || name.trim() === '' ? l10n.t('A name in this folder, please.') : undefined;
  const name = await window.showInputBox({ prompt, validateInput });
  if (name === undefined) return undefined;
  return folder === '' ? name : `${folder}/${name}`;
}
