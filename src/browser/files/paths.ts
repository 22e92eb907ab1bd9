/** Folders and names as a person sees and types them on the page. Pure. */
import { t } from '../language.ts';

/** The longest name that file systems take, in bytes. */
const MAX_NAME_BYTES = 255;

/** The folders from the workspace down to this one, it included, by their names and paths. */
export function trailOf(folder: string): { readonly name: string; readonly path: string }[] {
  const names = folder === '' ? [] : folder.split('/');
  const below = names.map((name, index) => ({ name, path: names.slice(0, index + 1).join('/') }));
  return [{ name: t('Files'), path: '' }, ...below];
}

/** A name that every machine takes for a file that is saved there. */
export function savedName(name: string): string {
  return name.replace(/\p{Cc}/gu, '_').replace(/[\\/:*?"<>|]/g, '_');
}

/** Why something cannot be called so; undefined where it can. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return t('Give it a name.');
  if (name === '.' || name === '..') return t('"{0}" means a folder already.', name);
  if (name.includes('/')) return t('A name has no "/": make the folder first.');
  if (name.includes('\0')) return t('A name has no NUL character.');
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES) return t('A name has at most {0} bytes.', MAX_NAME_BYTES);
  return undefined;
}
