/** Where the browser edition of VS Code is installed. */
import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** As bin/test says, else as it would say. @throws where it is not installed */
export function vscodeFolder(): string {
  const told = process.env['CARAPACE_VSCODE'];
  if (told !== undefined) return told;
  const caches = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const cache = process.env['CARAPACE_CACHE'] ?? join(caches, 'carapace');
  try {
    return execFileSync('tools/vscode/install', ['--check', cache], { encoding: 'utf8' }).trim();
  } catch (cause) {
    throw new Error('VS Code for the browser is not installed. bin/test or bin/try installs it.', { cause });
  }
}
