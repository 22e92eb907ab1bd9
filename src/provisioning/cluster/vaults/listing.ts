/**
 * Lists of files: what was read of a folder here, what `find` says on the server, and the record of the last sync all have
 * one form, so that they can be compared.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** A file or a symbolic link. Times of modification are split, for a double does not hold nanoseconds since 1970. */
export interface FileEntry {
  readonly kind: 'file' | 'link';
  /** Bytes; of a link, those of its target's name. */
  readonly size: number;
  /** Seconds since 1970, rounded down. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanos: number;
  /** What a link points to; empty for a file. */
  readonly target: string;
  /** The server still has it, although it is no longer mounted from here. Only in the record of a sync. */
  readonly left: boolean;
}

/** By path in the vault, with `/` between folders. */
export type Files = ReadonlyMap<string, FileEntry>;

/** As many records are handled before other work gets its turn. */
const RECORDS_PER_TURN = 2_000;

/** `find -printf` in our form; see {@link parseListing}. */
export const FIND_FORMAT = String.raw`%y %s %T@ %P\0%l\0`;

const TYPES = { f: ['file', false], l: ['link', false], F: ['file', true], L: ['link', true] } as const;

/**
 * Reads a list: for each file `TYPE SIZE SECONDS.FRACTION PATH`, NUL, the link's target, NUL. TYPE is `f` or `l`, as `find`
 * has it; `F` and `L` are what was left on the server. Lets other work go on meanwhile.
 * @throws Error where it is not such a list
 */
export async function parseListing(text: string): Promise<Map<string, FileEntry>> {
  const files = new Map<string, FileEntry>();
  for (let at = 0; at < text.length;) {
    const endOfHead = text.indexOf('\0', at);
    const end = text.indexOf('\0', endOfHead + 1);
    if (endOfHead < 0 || end < 0) throw new Error('A list of files ends in the middle.');
    const [path, entry] = parseRecord(text.slice(at, endOfHead), text.slice(endOfHead + 1, end));
    files.set(path, entry);
    at = end + 1;
    if (files.size % RECORDS_PER_TURN === 0) await turn();
  }
  return files;
}

function parseRecord(head: string, target: string): [string, FileEntry] {
  const found = /^([flFL]) (\d+) (-?\d+(?:\.\d+)?) (.+)$/su.exec(head);
  if (found === null) throw new Error('A list of files has a line that cannot be read.');
  const [, type = 'f', size, time = '', path = ''] = found;
  const [kind, left] = TYPES[type as keyof typeof TYPES];
  return [path, { kind, size: Number(size), ...parseTime(time), target, left }];
}

/** Reads `SECONDS.FRACTION` without losing nanoseconds. As `find` has it, the fraction counts forward also before 1970. */
export function parseTime(text: string): Pick<FileEntry, 'seconds' | 'nanos'> {
  const [whole = '', fraction = ''] = text.split('.');
  return { seconds: Number(whole), nanos: Number(fraction.slice(0, 9).padEnd(9, '0')) };
}

/** Writes a list that {@link parseListing} reads. Lets other work go on meanwhile. */
export async function formatListing(files: Files): Promise<string> {
  const parts: string[] = [];
  for (const [path, entry] of files) {
    const type = entry.kind === 'file' ? 'f' : 'l';
    parts.push(
      `${entry.left ? type.toUpperCase() : type} ${entry.size} ${entry.seconds}.${String(entry.nanos).padStart(9, '0')} ${path}\0${entry.target}\0`,
    );
    if (parts.length % RECORDS_PER_TURN === 0) await turn();
  }
  return parts.join('');
}

/** Whether a file on this machine is as it was. */
export function isUnchanged(one: FileEntry, other: FileEntry): boolean {
  if (one.kind === 'link') return other.kind === 'link' && one.target === other.target;
  return other.kind === 'file' && one.size === other.size && one.seconds === other.seconds && one.nanos === other.nanos;
}

/** Whether a file on the server is the one here: `rsync -a` keeps times, but not every file system keeps fractions. */
export function isSameOnServer(server: FileEntry, here: FileEntry): boolean {
  if (server.kind === 'link') return here.kind === 'link' && server.target === here.target;
  return here.kind === 'file' && server.size === here.size && server.seconds === here.seconds;
}

/** Whether a path stays inside its folder when it is joined to it. Links on the way are not looked at. */
export function isInside(path: string): boolean {
  if (path.includes('\0')) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
