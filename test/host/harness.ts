/** A real VS Code that loads Carapace from this checkout and runs a program inside its extension host. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { format } from 'node:util';
import type { Page } from 'playwright-core';
import { serverEnvironment } from '../../tools/try/code-server.ts';
import { launchBrowser } from '../support/browser.ts';
import { saveScreenshot } from '../support/screenshot.ts';
import { vscodeFolder } from '../support/vscode-folder.ts';
import { PROGRAM_BEGINS } from './begin.ts';

const START_DEADLINE_MS = 180_000;
const RUN_DEADLINE_MS = 15 * 60_000;

const SETTINGS = {
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'workbench.startupEditor': 'none',
};

/**
 * Runs a bundle's exported `run()`; what it prints comes out here.
 * @param program absolute path of the bundle
 * @returns 0 where `run()` resolved
 * @throws where VS Code does not start or the program takes longer than a quarter of an hour
 */
export async function runInHost(program: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'carapace-host-'));
  try {
    return await runInFolder(folder, program);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runInFolder(folder: string, program: string): Promise<number> {
  const server = startServer(folder);
  try {
    const url = await pageAddress(server);
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      return await runOnPage(page, url, join(folder, 'workspace'), program);
    } finally {
      await browser.close();
    }
  } finally {
    await stop(server);
  }
}

/** VS Code's own server: code-server, which carries it, does not pass on the switch that test programs need. */
function startServer(folder: string): ChildProcess {
  const settings = join(folder, 'server/data/User');
  for (const each of [settings, join(folder, 'workspace')]) mkdirSync(each, { recursive: true });
  writeFileSync(join(settings, 'settings.json'), JSON.stringify(SETTINGS));
  const program = join(vscodeFolder(), 'node_modules/code-server/lib/vscode/out/server-main.js');
  const switches = ['--without-connection-token', '--accept-server-license-terms', '--enable-smoke-test-driver'];
  const places = ['--server-data-dir', join(folder, 'server'), '--extensions-dir', join(folder, 'extensions')];
  return spawn(
    process.execPath,
    [program, '--host', '127.0.0.1', '--port', '0', ...switches, ...places, '--telemetry-level', 'off'],
    {
      env: { ...serverEnvironment(), CARAPACE_HOME: join(folder, 'home') },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    },
  );
}

/** Where the server says that it listens. */
async function pageAddress(server: ChildProcess): Promise<string> {
  const lines = createInterface({ input: server.stdout!, signal: AbortSignal.timeout(START_DEADLINE_MS) });
  for await (const line of lines) {
    const url = /Web UI available at (http\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    // Nobody reads on: its output must not fill the pipe.
    server.stdout!.resume();
    return url.replace('localhost', '127.0.0.1');
  }
  throw new Error('The server of VS Code ended, or did not listen in time.');
}

async function runOnPage(page: Page, url: string, workspace: string, program: string): Promise<number> {
  const output = new ProgramOutput();
  const remote = `vscode-remote://${new URL(url).host}`;
  const payload = [
    ['extensionDevelopmentPath', `${remote}${resolve('.')}`],
    ['extensionTestsPath', `${remote}${program}`],
    ['skipWelcome', 'true'],
  ];
  const exit = Promise.withResolvers<number>();
  await page.exposeFunction('codeAutomationExit', (code: number) => {
    output.end();
    exit.resolve(code);
  });
  await page.exposeFunction('codeAutomationLog', (_type: string, args: unknown[]) => output.take(format(...args)));
  await page.goto(`${url}/?${new URLSearchParams({ folder: workspace, payload: JSON.stringify(payload) }).toString()}`);
  const late = new AbortController();
  const code = await Promise.race([exit.promise, sleep(RUN_DEADLINE_MS, 'late' as const, { signal: late.signal })]);
  late.abort();
  output.end();
  if (code !== 0) await saveScreenshot(page, 'host-failed');
  if (code === 'late') throw new Error('The tests in the extension host did not end in time.');
  return code;
}

/** What the window logs: shown while the program runs, or all of it where that never began. */
class ProgramOutput {
  private state: 'before' | 'running' | 'ended' = 'before';
  private readonly before: string[] = [];

  take(line: string): void {
    if (line === PROGRAM_BEGINS) this.state = 'running';
    else if (this.state === 'running') console.log(line);
    else if (this.state === 'before') this.before.push(line);
  }

  end(): void {
    if (this.state === 'before') console.log(this.before.join('\n'));
    this.state = 'ended';
  }
}

/** The server leads its process group, which its helpers are in. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  process.kill(-server.pid, 'SIGKILL');
  await ended;
}
