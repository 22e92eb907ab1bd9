/** Copies files and folders as they are. */
import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict } from './file-errors.ts';
import { isTemporary } from './temporary.ts';

/**
 * Copies with modes; links are copied as links, whatever they lead to.
 * @param to where nothing is yet
 * @throws ConflictError for pipes, sockets and devices, and the file system's errors; then a part may be there
 */
export async function copyTree(from: string, to: string): Promise<void> {
  const stats = await lstat(from);
  if (stats.isSymbolicLink()) {
    await symlink(await readlink(from), to);
  } else if (stats.isDirectory()) {
    await mkdir(to, { mode: 0o700 });
    for (const name of await readdir(from)) {
      if (!isTemporary(name)) await copyTree(join(from, name), join(to, name));
    }
    await chmod(to, stats.mode & 0o7777);
  } else if (stats.isFile()) {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await chmod(to, stats.mode & 0o7777);
  } else {
    throw conflict('special_file', 'A pipe, socket or device cannot be copied.');
  }
}
