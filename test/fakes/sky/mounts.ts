/** File mounts as SkyPilot makes them: rsync to a folder of the user, without deletions, and a link at the target. */
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** @returns the path that is in the way; undefined where it was mounted */
export function mountFolder(root: string, target: string, source: string): string | undefined {
  const wrapped = join(root, 'home/ubuntu/.sky/file_mounts', target);
  mkdirSync(wrapped, { recursive: true });
  const ignore = existsSync(join(source, '.skyignore')) ? '.skyignore' : '.gitignore';
  execFileSync('rsync', ['-a', `--filter=dir-merge,- ${ignore}`, `${source}/`, `${wrapped}/`], { stdio: 'ignore' });
  const link = join(root, target);
  mkdirSync(dirname(link), { recursive: true });
  const there = lstatSync(link, { throwIfNoEntry: false });
  if (there !== undefined && !there.isSymbolicLink()) return target;
  rmSync(link, { force: true });
  symlinkSync(wrapped, link);
  return undefined;
}
