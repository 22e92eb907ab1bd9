/** One vault as it is on this machine at a moment. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { VaultName } from '../../../protocol/cluster.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import { mountedPaths } from './ignore.ts';
import type { FileEntry, Files } from './listing.ts';
import { scanFolder, SKY_IGNORE, type FolderScan } from './scan.ts';

/** With this file in a vault SkyPilot leaves nothing out; lines of the person's own make it the person's file. */
export const OWN_SKYIGNORE = `# Carapace put this file here. Without it SkyPilot leaves out, silently, what .gitignore names.
# What a line names is not mounted on the server, as rsync's exclude patterns have it, for example: /drafts/
`;

/** `root` is the folder without links; all is empty where `problem` says why the vault cannot be mounted. */
export interface VaultLook {
  readonly vault: VaultName;
  readonly path: string;
  readonly root: string;
  readonly here: Files;
  /** What is here without {@link VaultLook.excluded}. */
  readonly mounted: Files;
  /** What `.skyignore` files keep from being mounted. */
  readonly excluded: ReadonlySet<string>;
  /** What `.gitignore` files name and is mounted all the same. */
  readonly ignored: readonly string[];
  readonly folders: ReadonlySet<string>;
  readonly problem: string | null;
}

/** @throws the signal's reason */
export async function lookAtVault(vault: VaultName, path: string, signal: AbortSignal): Promise<VaultLook> {
  const nothing = {
    vault,
    path,
    root: path,
    here: new Map<string, FileEntry>(),
    mounted: new Map<string, FileEntry>(),
    excluded: new Set<string>(),
    ignored: [],
    folders: new Set<string>(),
  };
  try {
    const root = await realpath(path);
    if (!(await stat(root)).isDirectory()) {
      return { ...nothing, problem: `The ${vault} vault is not a folder: ${path}. Choose a folder.` };
    }
    if (isAwkward(root)) return { ...nothing, problem: awkward(vault, root) };
    return await lookInside({ ...nothing, root }, await scanFolder(root, signal), signal);
  } catch (error) {
    signal.throwIfAborted();
    return { ...nothing, problem: cannotLook(vault, path, error) };
  }
}

async function lookInside(
  nothing: Omit<VaultLook, 'problem'>,
  scan: FolderScan,
  signal: AbortSignal,
): Promise<VaultLook> {
  const { vault, path, root } = nothing;
  const here = scan.files;
  const own = await isOwnSkyignore(root);
  const skyignores = scan.ignoreFiles.filter((file) => file.endsWith(SKY_IGNORE) && !(own && file === SKY_IGNORE));
  const gitignores = scan.ignoreFiles.filter((file) => !file.endsWith(SKY_IGNORE));
  const bySky = skyignores.length > 0 ? await mountedPaths(root, 'sky', skyignores, signal) : undefined;
  const byGit = gitignores.length > 0 ? await mountedPaths(root, 'git', gitignores, signal) : undefined;
  const mounted = bySky === undefined ? here : new Map([...here].filter(([file]) => bySky.has(file)));
  const excluded = new Set(bySky === undefined ? [] : [...here.keys()].filter((file) => !bySky.has(file)));
  const ignored = byGit === undefined ? [] : [...mounted.keys()].filter((file) => !byGit.has(file));
  const unreadable = scan.unreadable.filter((file) => bySky?.has(file) ?? true);
  const misnamed = scan.misnamed.filter((file) => bySky?.has(file) ?? true);
  const problem = unreadableProblem(vault, path, unreadable) ?? nameProblem(vault, misnamed);
  return { ...nothing, here, mounted, excluded, ignored, folders: scan.folders, problem };
}

/** Whether the vault's `.skyignore` is the one that we put there, unchanged. */
export async function isOwnSkyignore(root: string): Promise<boolean> {
  try {
    return (await readFile(join(root, SKY_IGNORE), 'utf8')) === OWN_SKYIGNORE;
  } catch {
    return false;
  }
}

/**
 * SkyPilot gives the path to a shell in Python's notation (`full_source_str!r`, `sky/utils/command_runner.py`): with a
 * backslash, with what Python escapes, or with an apostrophe and something that a shell reads inside double quotes it would mount something else,
 * or run it.
 */
function isAwkward(path: string): boolean {
  return /\\|\p{C}|(?! )\p{Z}/u.test(path) || (path.includes("'") && /["$`]/.test(path));
}

function awkward(vault: VaultName, root: string): string {
  return `SkyPilot cannot mount the ${vault} vault, for the name of its folder has characters that it does not understand: ${JSON.stringify(root)}. Rename the folder or choose another one.`;
}

function cannotLook(vault: VaultName, path: string, error: unknown): string {
  if (error instanceof UnavailableError) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `The ${vault} vault is not there: ${path}. Create the folder or choose another one.`;
  if (code === 'ENOTDIR') return `The ${vault} vault is not a folder: ${path}. Choose a folder.`;
  if (code === 'EACCES' || code === 'EPERM') {
    return `The ${vault} vault cannot be read: ${path}. Change its permissions or choose another folder.`;
  }
  return `The ${vault} vault cannot be read: ${message}.`;
}

function unreadableProblem(vault: VaultName, path: string, unreadable: readonly string[]): string | null {
  const [first, ...others] = unreadable;
  if (first === undefined) return null;
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  return `The ${vault} vault has something that cannot be read: ${join(path, first)}${more}. Change the permissions, or name it in a file .skyignore in the vault.`;
}

function nameProblem(vault: VaultName, names: readonly string[]): string | null {
  const [first] = names;
  if (first === undefined) return null;
  return `The ${vault} vault has a file whose name is not UTF-8: ${first}. Rename it.`;
}
