/**
 * What SkyPilot would leave out of a mount. It is `rsync` that leaves it out (SkyPilot 0.14, `sky/utils/command_runner.py`): where
 * the mounted folder has a `.skyignore`, by the `.skyignore` files in it and under it; else by the `.gitignore` files and
 * by `.git/info/exclude`. So `rsync` is asked.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment } from '../../../lib/child-environment.ts';
import { UnavailableError } from '../../../protocol/errors.ts';
import { runProgram } from './remote-shell.ts';
import { GIT_EXCLUDE, GIT_IGNORE, SKY_IGNORE } from './scan.ts';

const DEADLINE_MS = 120_000;
/** Files that vanished or could not be read; the list is whole all the same. */
const EXIT_PARTIAL = [0, 23, 24];

/** By whose files something is left out. */
export type IgnoreRule = 'git' | 'sky';

/**
 * The paths of files and folders that would be mounted.
 * @param root absolute and without links
 * @param ignoreFiles the files that tell what to leave out, by path in the folder
 * @throws UnavailableError where `rsync` is absent or fails
 */
export async function mountedPaths(
  root: string,
  rule: IgnoreRule,
  ignoreFiles: readonly string[],
  signal: AbortSignal,
): Promise<Set<string>> {
  const filters = [`--filter=dir-merge,- ${rule === 'git' ? GIT_IGNORE : SKY_IGNORE}`];
  if (rule === 'git' && ignoreFiles.includes(GIT_EXCLUDE)) filters.push(`--exclude-from=${join(root, GIT_EXCLUDE)}`);
  const empty = await mkdtemp(join(tmpdir(), 'carapace-rsync-'));
  try {
    const args = ['--dry-run', '--recursive', '--links', '--out-format=%n', ...filters, `${root}/`, `${empty}/`];
    // In this locale everything but ASCII is escaped, whatever the locale of this process is.
    const environment = { ...cleanEnvironment(), LC_ALL: 'C' };
    const { exitCode, stdout, stderr } = await runProgram('rsync', args, environment, {
      signal,
      deadlineMs: DEADLINE_MS,
    });
    if (EXIT_PARTIAL.includes(exitCode)) return new Set(stdout.toString('latin1').split('\n').map(unescapeName));
    const why = stderr.trim().split('\n').at(-1) ?? '';
    throw new UnavailableError(`rsync cannot tell what it would mount of ${root}: ${why}`);
  } finally {
    await rm(empty, { recursive: true, force: true });
  }
}

/** `rsync` writes bytes that are not printable as `\#` and three octal digits, and a folder with a slash at its end. */
function unescapeName(line: string): string {
  const bytes = line.replace(/\\#(\d{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  return Buffer.from(bytes, 'latin1').toString().replace(/\/$/, '');
}
