/** Makes and removes what one machine's process finds in its folder. */
import { lstatSync, readlinkSync, rmSync } from 'node:fs';
import { chmod, chown, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MachineSpec } from '../machine/hypervisor.ts';
import { areaBeside, type Borrowed, type MachinePaths } from './files.ts';

/** Removes all that was made here; the caller's folders stay. */
export async function clearMachineFolder(paths: MachinePaths): Promise<void> {
  removeArea(paths);
  for (const path of [paths.work, paths.area, paths.output]) await rm(path, { force: true });
}

/** Removes what the machine was made of: links, small files, and what a snapshot that was interrupted wrote. */
export function removeArea(paths: MachinePaths): void {
  const isThere = lstatSync(paths.area, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  if (isThere) rmSync(readlinkSync(paths.area), { recursive: true, force: true });
}

/** A fresh area for the machine, whatever an earlier one left there. */
async function makeArea(spec: MachineSpec, paths: MachinePaths): Promise<string> {
  await clearMachineFolder(paths);
  const area = areaBeside(spec.disk);
  // The link comes first: by it the area is found and removed.
  await symlink(area, paths.area);
  await rm(area, { recursive: true, force: true });
  await mkdir(area, { mode: 0o700 });
  return area;
}

/** A folder in which the borrowed files appear as links. */
export async function makePlainFolder(
  spec: MachineSpec,
  paths: MachinePaths,
  borrowed: readonly Borrowed[],
): Promise<void> {
  const area = await makeArea(spec, paths);
  await symlink(area, paths.work);
  for (const { source, name } of borrowed) await symlink(source, join(area, name));
}

/**
 * A folder for a jail, in which the borrowed files are empty places to mount them on; what the machine writes to
 * becomes the property of its user.
 * @param root of the jail, below the area
 */
export async function makeJailFolder(
  spec: MachineSpec,
  paths: MachinePaths,
  root: string,
  user: number,
  borrowed: readonly Borrowed[],
): Promise<void> {
  const area = await makeArea(spec, paths);
  const place = join(area, root);
  await mkdir(place, { recursive: true, mode: 0o700 });
  await symlink(place, paths.work);
  for (const { source, name, writable } of borrowed) {
    await writeFile(join(place, name), '', { mode: 0o600 });
    if (!writable) continue;
    await chown(source, user, user);
    await chmod(source, 0o600);
  }
}
