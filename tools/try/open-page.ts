/** Shows a page in the person's own browser, where there is one. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cleanEnvironment } from '../../src/lib/child-environment.ts';

/** In the order of preference: what the desktop says, what Debian says. */
const OPENERS = ['xdg-open', 'sensible-browser'];

export function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Opens the page without waiting for the browser. @returns false where there is no screen or no browser */
export function openPage(url: string): boolean {
  const screen = process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY'] ?? '';
  const opener = OPENERS.map(findProgram).find((path) => path !== undefined);
  if (screen === '' || opener === undefined) return false;
  const browser = spawn(opener, [url], { env: cleanEnvironment(), detached: true, stdio: 'ignore' });
  browser.on('error', () => undefined);
  browser.unref();
  return true;
}
