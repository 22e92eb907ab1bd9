/** Paths and names of files in a seat: relative to its workspace folder, '' is that folder itself. Pure. */

// eslint-disable-next-line no-control-regex -- control characters are what is shown as something else
const CONTROL = /[\u0000-\u001f\u007f]/g;
/** U+2400 on: pictures of the control characters. */
const PICTURES = 0x2400;
const DELETE = 0x7f;
const PICTURE_OF_DELETE = '\u2421';

/** The longest name that file systems take, in bytes. */
const MAX_NAME_BYTES = 255;

export function joinPath(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

/** The folder that something is in; of the workspace folder, itself. */
export function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Whether `path` is `folder`, or something below it. */
export function isWithin(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}

/** The folders from the workspace down to this one, it included, by their names and paths. */
export function trailOf(folder: string): { readonly name: string; readonly path: string }[] {
  const names = folder === '' ? [] : folder.split('/');
  const below = names.map((name, index) => ({ name, path: names.slice(0, index + 1).join('/') }));
  return [{ name: 'Files', path: '' }, ...below];
}

/** A name on one line, in which nothing is hidden. */
export function shownName(name: string): string {
  return name.replace(CONTROL, (character) => {
    const code = character.charCodeAt(0);
    return code === DELETE ? PICTURE_OF_DELETE : String.fromCharCode(PICTURES + code);
  });
}

/** A name that every machine takes for a file that is saved there. */
export function savedName(name: string): string {
  return name.replace(CONTROL, '_').replace(/[\\/:*?"<>|]/g, '_');
}

/** Why something cannot be called so; undefined where it can. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'Give it a name.';
  if (name === '.' || name === '..') return `"${name}" means a folder already.`;
  if (name.includes('/')) return 'A name has no "/": make the folder first.';
  if (name.includes('\0')) return 'A name has no NUL character.';
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES) return `A name has at most ${MAX_NAME_BYTES} bytes.`;
  return undefined;
}
