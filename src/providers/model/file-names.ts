/** Names and paths of files as people give them. Pure. */
import { isWithin } from '../../client/file-paths.ts';
import type { SeatFile } from './seat-uri.ts';
import type { Translate } from '../../client/translate.ts';

/** Leaves out what is below something else that is named, such as a file of a folder. */
export function topmost<T extends SeatFile>(items: readonly T[]): T[] {
  const isBelow = (item: T, other: T) =>
    item.workshop === other.workshop &&
    item.seat === other.seat &&
    item.path !== other.path &&
    isWithin(item.path, other.path);
  return items.filter((item) => !items.some((other) => isBelow(item, other)));
}

/**
 * Why a name cannot be that of a file; undefined where it can.
 * @param slashes whether folders may be named before it: `folder/file`
 */
export function refuseName(typed: string, slashes: boolean, t: Translate): string | undefined {
  const names = slashes ? typed.split('/') : [typed];
  if (typed.trim() === '') return t('A name, please.');
  if (!slashes && typed.includes('/')) return t('A name has no slash.');
  if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0')))
    return t('A name in this folder, please.');
  return undefined;
}

/**
 * Whether the name of something in a seat can be one on this machine and leads nowhere else: learners name the files
 * that their teacher downloads.
 */
export function isPlainName(name: string, platform: NodeJS.Platform): boolean {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) return false;
  return platform !== 'win32' || (!/[<>:"\\|?*]|\p{Cc}/u.test(name) && !/[. ]$/.test(name));
}

/** The first of `notes copy.txt`, `notes copy 2.txt`, … that is not taken. */
export function freeName(name: string, taken: ReadonlySet<string>, t: Translate): string {
  const dot = name.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  for (let count = 1; ; count += 1) {
    const copy = count === 1 ? t('{0} copy', stem) : t('{0} copy {1}', stem, count);
    if (!taken.has(copy + extension)) return copy + extension;
  }
}
