/**
 * What bin/dev does once everything is installed: builds, watches, and shows a VS Code that loads this checkout. Usage:
 *   main.ts desktop yes|no (open it) · main.ts browser yes|no VSCODE_FOLDER PORT
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { cleanEnvironment } from '../../src/lib/child-environment.ts';
import { stateFolder } from '../../src/lib/state-folder.ts';
import { startServer, stopServer } from '../try/code-server.ts';
import { runCode } from '../try/desktop.ts';
import { openPage } from '../try/open-page.ts';
import { placeIn, preparePlace } from '../try/place.ts';
import { runTool, say, ToolError } from '../try/say.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** Without it, a page ignores the extensions that its address names. */
const LOAD_FROM_ADDRESS = ['--vscode-option', 'enable-smoke-test-driver'];

function runEsbuild(...switches: string[]): ChildProcess {
  const args = [join(ROOT, 'esbuild.js'), ...switches];
  return spawn(process.execPath, args, { cwd: ROOT, env: cleanEnvironment(), stdio: ['ignore', 'inherit', 'inherit'] });
}

/** The address at which the window loads the extension from this checkout instead of an installed one. */
function pageOf(port: number, folder: string): string {
  const payload = JSON.stringify([['extensionDevelopmentPath', `vscode-remote://localhost:${port}${ROOT}`]]);
  return `http://localhost:${port}/?${new URLSearchParams({ folder, payload }).toString()}`;
}

/** Shows the window. @returns what is to be done at the end */
async function show(kind: string, open: boolean, vscode: string, port: number): Promise<() => Promise<unknown>> {
  const place = placeIn(join(stateFolder(), 'dev', kind === 'desktop' ? kind : String(port)));
  await preparePlace(place);
  if (kind === 'desktop') {
    if (open) await runCode(`--extensionDevelopmentPath=${ROOT}`, place.sample);
    return () => Promise.resolve();
  }
  await stopServer(place);
  await startServer(vscode, place, port, ...LOAD_FROM_ADDRESS);
  const url = pageOf(port, place.sample);
  say(`VS Code with this checkout: ${url}`);
  if (open && !openPage(url)) say('Open that page in a browser.');
  return () => stopServer(place);
}

await runTool(async () => {
  const [kind, open, vscode = '', port = ''] = process.argv.slice(2);
  if (kind !== 'desktop' && kind !== 'browser') throw new ToolError('Start bin/dev instead of this.');
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort());
  const [code] = (await once(runEsbuild(), 'exit')) as [number | null];
  if (code !== 0) throw new ToolError('The first build failed; its message is above.');
  const watch = runEsbuild('--watch');
  try {
    const end = await show(kind, open === 'yes', vscode, Number(port));
    say('Each change is built at once. To see it: F1, "Developer: Reload Window". Press Ctrl-C to end.');
    // A watch that ends by itself, too, ends this.
    await once(watch, 'exit', { signal: interrupted.signal }).catch(() => undefined);
    await end();
  } finally {
    watch.kill();
  }
  return 0;
});
