/** Reads what is in a folder, without stalling the process however much that is. */
import { lstat, open, opendir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BigIntStats, Dirent } from 'node:fs';
import type { FileEntry } from './listing.ts';

/** So many files are looked at at once; also how many names are read from a folder at a time. */
const BATCH = 128;
const NANOS_PER_SECOND = 1_000_000_000n;

/** What stands in a name for bytes that are not UTF-8. */
export const NOT_UTF8 = '\ufffd';

export const GIT_IGNORE = '.gitignore';
export const GIT_EXCLUDE = '.git/info/exclude';
export const SKY_IGNORE = '.skyignore';

/** What is in a folder. Sockets, pipes and devices are not told. */
export interface FolderScan {
  readonly files: Map<string, FileEntry>;
  /** Folders under it. */
  readonly folders: Set<string>;
  /** Files and folders that this user cannot read. */
  readonly unreadable: string[];
  /** Files and folders whose names are not UTF-8, as far as they are; nothing of them is told. */
  readonly misnamed: string[];
  /** Files that tell git or SkyPilot to leave something out. */
  readonly ignoreFiles: string[];
}

/**
 * Walks through a folder. Links are told as links and never followed; what vanishes meanwhile is left out.
 * @throws the file system's error where the folder itself cannot be read, and the signal's reason
 */
export async function scanFolder(root: string, signal: AbortSignal): Promise<FolderScan> {
  const scan: FolderScan = { files: new Map(), folders: new Set(), unreadable: [], misnamed: [], ignoreFiles: [] };
  const left = [''];
  for (let folder = left.pop(); folder !== undefined; folder = left.pop()) {
    try {
      await scanOne(root, folder, scan, left, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (folder === '') throw error;
      noteFailure(error, folder, scan);
    }
  }
  return scan;
}

async function scanOne(
  root: string,
  folder: string,
  scan: FolderScan,
  left: string[],
  signal: AbortSignal,
): Promise<void> {
  let batch: string[] = [];
  const opened = await opendir(join(root, folder), { bufferSize: BATCH });
  for await (const child of opened) {
    signal.throwIfAborted();
    const path = folder === '' ? child.name : `${folder}/${child.name}`;
    if (child.name.includes(NOT_UTF8)) scan.misnamed.push(path);
    else if (child.isDirectory()) {
      scan.folders.add(path);
      left.push(path);
    } else if (isTold(child)) batch.push(path);
    if (batch.length < BATCH) continue;
    await Promise.all(batch.map((file) => look(root, file, scan)));
    batch = [];
  }
  await Promise.all(batch.map((file) => look(root, file, scan)));
}

function isTold(child: Dirent): boolean {
  return child.isFile() || child.isSymbolicLink();
}

async function look(root: string, path: string, scan: FolderScan): Promise<void> {
  const absolute = join(root, path);
  try {
    const stats = await lstat(absolute, { bigint: true });
    const target = stats.isSymbolicLink() ? await readlink(absolute) : '';
    scan.files.set(path, toEntry(stats, target));
    if (stats.isFile() && !mayRead(stats)) await (await open(absolute, 'r')).close();
  } catch (error) {
    noteFailure(error, path, scan);
  }
  const name = basename(path);
  if (name === GIT_IGNORE || name === SKY_IGNORE || path === GIT_EXCLUDE) scan.ignoreFiles.push(path);
}

function noteFailure(error: unknown, path: string, scan: FolderScan): void {
  const { code } = error as NodeJS.ErrnoException;
  // It is gone, or it has become something else: both are news for the next look.
  if (code === 'ENOENT' || code === 'ENOTDIR') return;
  scan.unreadable.push(path);
}

/** Whether the permission bits let this process read it; where not, other rules still may. */
function mayRead(stats: BigIntStats): boolean {
  if (stats.uid === BigInt(process.geteuid?.() ?? 0)) return (stats.mode & 0o400n) !== 0n;
  return (stats.mode & 0o004n) !== 0n;
}

/** @param target what the link points to; empty for a file */
export function toEntry(stats: BigIntStats, target: string): FileEntry {
  const below = ((stats.mtimeNs % NANOS_PER_SECOND) + NANOS_PER_SECOND) % NANOS_PER_SECOND;
  return {
    kind: stats.isSymbolicLink() ? 'link' : 'file',
    size: Number(stats.size),
    seconds: Number((stats.mtimeNs - below) / NANOS_PER_SECOND),
    nanos: Number(below),
    target,
    left: false,
  };
}

/** One file as it is now; undefined where there is none, or something else. */
export async function readEntry(path: string): Promise<FileEntry | undefined> {
  try {
    const stats = await lstat(path, { bigint: true });
    if (stats.isSymbolicLink()) return toEntry(stats, await readlink(path));
    return stats.isFile() ? toEntry(stats, '') : undefined;
  } catch {
    return undefined;
  }
}
