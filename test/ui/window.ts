/** A window of VS Code with the packaged Carapace in it, in folders of its own, as bin/try makes it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { installExtension, startServer, stopServer } from '../../tools/try/code-server.ts';
import { placeIn, preparePlace } from '../../tools/try/place.ts';
import { launchBrowser } from '../support/browser.ts';
import { endLeftovers } from '../support/processes.ts';
import { vscodeFolder } from '../support/vscode-folder.ts';

const SIZE = { width: 1280, height: 800 };
/** How long anything may take to appear on the screen. */
const PATIENCE_MS = 60_000;
/** How long a window may take to be drawn whole, with all the programs that it starts. */
const WINDOW_MS = 180_000;

export interface TestWindow {
  readonly page: Page;
  /** Carapace's state folder. */
  readonly home: string;
  /** The folder that is open in it. */
  readonly folder: string;
  /** Loads the page anew, as "Reload Window" does, and returns once it takes keys and the mouse. */
  reload(): Promise<void>;
  /** Closes the page as a person closes a window. */
  closePage(): Promise<void>;
  /** Opens it again with what it has kept. */
  openAgain(): Promise<Page>;
  close(): Promise<void>;
}

/**
 * The terminal draws text into the page, not a picture, and a file is saved when the test saves it. Nothing comes by
 * itself and takes the focus, or covers what is to be pressed, as tooltips do; and a view's icon shows the view, also where
 * it was there before. A question stays when a terminal that was opened before it takes the focus late.
 */
const FOR_TESTS = {
  'terminal.integrated.gpuAcceleration': 'off',
  'files.autoSave': 'off',
  'workbench.startupEditor': 'none',
  'workbench.hover.delay': 3_600_000,
  'workbench.activityBar.iconClickBehavior': 'focus',
  'workbench.quickOpen.closeOnFocusLost': false,
};

/**
 * Opens the page in a browser that may use the clipboard.
 * @param language the display language: VS Code's own texts would need a language pack, an extension's do not
 */
export async function openPage(browser: Browser, url: string, language?: string): Promise<Page> {
  const context = await browser.newContext({ viewport: SIZE, permissions: ['clipboard-read', 'clipboard-write'] });
  context.setDefaultTimeout(PATIENCE_MS);
  if (language !== undefined)
    await context.addInitScript(`globalThis._VSCODE_NLS_LANGUAGE = ${JSON.stringify(language)};`);
  return openIn(context, url);
}

/** Opens a window, and returns once it takes keys and the mouse. */
async function openIn(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url, { timeout: WINDOW_MS });
  await drawn(page);
  return page;
}

async function drawn(page: Page): Promise<void> {
  await page.locator('.activitybar .action-label[aria-label^="Carapace"]').waitFor({ timeout: WINDOW_MS });
}

/** A port that nobody listens on, now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface WindowOptions {
  /** Variables that the window's processes see instead of those of the tests. */
  readonly environment?: (folder: string) => Promise<Readonly<Record<string, string>>>;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The display language; absent: English. */
  readonly language?: string;
}

export async function openWindow({ environment, settings, language }: WindowOptions = {}): Promise<TestWindow> {
  const folder = mkdtempSync(join(tmpdir(), 'carapace-ui-'));
  const home = join(folder, 'home');
  // The server hands it on to the extension, and that to the control plane.
  process.env['CARAPACE_HOME'] = home;
  const place = placeIn(join(folder, 'vscode'));
  await preparePlace(place, { ...FOR_TESTS, ...settings });
  await installExtension(vscodeFolder(), place, resolve('out/carapace.vsix'));
  const vscode = vscodeFolder();
  const own = await environment?.(folder);
  const { port } = await withEnvironment(own ?? {}, async () => startServer(vscode, place, await freePort()));
  const browser = await launchBrowser();
  const url = `http://localhost:${port}`;
  let page = await openPage(browser, url, language);
  return {
    get page() {
      return page;
    },
    home,
    folder: place.sample,
    reload: async () => {
      await page.reload({ timeout: WINDOW_MS });
      await drawn(page);
    },
    closePage: () => page.close(),
    openAgain: async () => (page = await openIn(page.context(), url)),
    close: async () => {
      await browser.close();
      await stopServer(place);
      // The control plane outlives the window by design.
      await endLeftovers(folder, 0);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Changes variables of this process while `work` starts others. */
async function withEnvironment<T>(changes: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, changes);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(changes)) {
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before[name];
    }
  }
}
