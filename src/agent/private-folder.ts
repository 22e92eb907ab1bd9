/** Folders that nobody but this user can look into. */
import { chmod, lstat, mkdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';

/** A folder cannot be used; the message is for a person. */
export class FolderError extends Error {}

/**
 * Makes a folder of mode 0700, or takes one that exists and is this user's.
 * @param purpose names it in errors, such as "state folder"
 * @returns its path without symbolic links
 * @throws FolderError
 */
export async function ensurePrivateFolder(path: string, purpose: string): Promise<string> {
  const absolute = resolve(path);
  try {
    await mkdir(absolute, { recursive: true, mode: 0o700 });
    const found = await lstat(absolute);
    if (!found.isDirectory()) throw new FolderError(`The ${purpose} ${absolute} is not a folder.`);
    if (found.uid !== process.getuid?.()) throw new FolderError(`The ${purpose} ${absolute} belongs to somebody else.`);
    if ((found.mode & 0o077) !== 0) await chmod(absolute, 0o700);
    return await realpath(absolute);
  } catch (error) {
    if (error instanceof FolderError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FolderError(`The ${purpose} ${absolute} cannot be used: ${reason}.`, { cause: error });
  }
}
