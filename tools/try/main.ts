/**
 * What bin/try does once everything is installed. Usage:
 *   main.ts desktop VSIX · main.ts browser VSIX VSCODE_FOLDER PORT yes|no (open it) · main.ts stop [PORT]
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFolder } from '../../src/lib/state-folder.ts';
import { findServer, installExtension, pageAnswers, serverEnded, startServer, stopServer } from './code-server.ts';
import { runCode } from './desktop.ts';
import { openPage } from './open-page.ts';
import { placeIn, preparePlace, type Place } from './place.ts';
import { runTool, say, ToolError } from './say.ts';

const TRIES = join(stateFolder(), 'try');

function placeOf(port: number): Place {
  return placeIn(join(TRIES, String(port)));
}

async function desktop(vsix: string): Promise<number> {
  const place = placeIn(join(TRIES, 'desktop'));
  await preparePlace(place);
  await runCode('--install-extension', vsix, '--force');
  await runCode(place.sample);
  say('Carapace is installed in your VS Code, and a window is opening. Its icon is in the bar at the left edge.');
  say('If a window was open before, reload it: F1, "Developer: Reload Window".');
  return 0;
}

async function browser(vsix: string, vscode: string, port: number, open: boolean): Promise<number> {
  const place = placeOf(port);
  await preparePlace(place);
  const installed = await installExtension(vscode, place, vsix);
  const running = await findServer(place);
  const reused = running !== undefined && (await pageAnswers(port));
  // One that runs but does not answer helps nobody.
  if (running !== undefined && !reused) await stopServer(place);
  const serving = reused ? running : await startServer(vscode, place, port);
  const url = `http://localhost:${port}`;
  say(reused ? `VS Code with Carapace runs already: ${url}` : `VS Code with Carapace: ${url}`);
  if (reused && installed) say('Carapace in it is new: reload the page.');
  if (open && !openPage(url)) say('Open that page in a browser.');
  if (reused || !open) {
    say('To end it: bin/try --stop');
    return 0;
  }
  say('Press Ctrl-C to end it.');
  await untilInterrupted(async (signal) => serverEnded(serving, signal));
  await stopServer(place);
  return 0;
}

/** Waits for the work or for one of the signals that end a program in the foreground. */
async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort());
  await work(interrupted.signal);
}

async function stop(port: string | undefined): Promise<number> {
  const ports = port === undefined ? await readdir(TRIES).catch(() => []) : [port];
  let ended = 0;
  for (const each of ports) {
    if (!(await stopServer(placeIn(join(TRIES, each))))) continue;
    say(`VS Code on port ${each} has ended.`);
    ended += 1;
  }
  if (ended === 0) say('No VS Code of bin/try runs.');
  return 0;
}

await runTool(async () => {
  const [command, first, vscode, port, open] = process.argv.slice(2);
  if (command === 'stop') return stop(first);
  if (command === 'desktop' && first !== undefined) return desktop(first);
  if (command === 'browser' && first !== undefined && vscode !== undefined)
    return browser(first, vscode, Number(port), open === 'yes');
  throw new ToolError('Start bin/try instead of this.');
});
