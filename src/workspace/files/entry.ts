/** What is told of a file, and its ETag. */
import type { BigIntStats } from 'node:fs';
import type { FileEntry } from '../../protocol/files.ts';
import { showPath } from './path.ts';

/** A strong ETag (RFC 9110, 8.8.3): no two versions of a file have the same inode, size and times in nanoseconds. */
export function etagOf(stats: BigIntStats): string {
  const parts = [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs];
  return `"${parts.map((part) => part.toString(36)).join('-')}"`;
}

/**
 * @param own what is at the path itself, a link not followed
 * @param target where a link leads to, if that is in the workspace; size, time and mode are those of the target
 */
export function entryOf(names: readonly string[], own: BigIntStats, target: BigIntStats = own): FileEntry {
  return {
    name: names.at(-1) ?? '',
    path: showPath(names),
    type: typeOf(own),
    is_directory: target.isDirectory(),
    size: Number(target.size),
    modified_at: target.mtime.toISOString(),
    mode: (Number(target.mode) & 0o7777).toString(8).padStart(4, '0'),
  };
}

function typeOf(stats: BigIntStats): FileEntry['type'] {
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isDirectory()) return 'directory';
  return stats.isFile() ? 'file' : 'other';
}
