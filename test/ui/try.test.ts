/** The first thing that a newcomer does: `bin/try` in a fresh copy of the project. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { endLeftovers, processesNaming } from '../support/processes.ts';
import { freePort, openPage } from './window.ts';
import { Workbench } from './workbench.ts';

/** From nothing but npm's cache: packages, a native module, the bundles, the .vsix, a server. */
const FIRST_RUN_MS = 300_000;

describe('bin/try', () => {
  const folder = mkdtempSync(join(tmpdir(), 'carapace-try-'));
  const checkout = join(folder, 'checkout');
  const home = join(folder, 'home');
  let port: number;
  let browser: Browser | undefined;
  let occupant: Server | undefined;

  // What npm and mocha have put into the environment is not there in a newcomer's shell.
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('npm_') && name !== 'CARAPACE_VSCODE'),
  );
  const run = (...args: string[]) =>
    execa(join(checkout, 'bin/try'), args, {
      cwd: folder,
      env: { ...environment, CARAPACE_HOME: home },
      extendEnv: false,
      stdin: 'ignore',
      reject: false,
    });

  before(async () => {
    port = await freePort();
    const { stdout } = await execa('git', ['ls-files', '--cached', '--others', '--exclude-standard']);
    for (const path of stdout.split('\n').filter(existsSync)) {
      mkdirSync(dirname(join(checkout, path)), { recursive: true });
      cpSync(path, join(checkout, path));
    }
  });
  after(async () => {
    await browser?.close();
    occupant?.close();
    await endLeftovers(folder, 0);
    rmSync(folder, { recursive: true, force: true });
  });

  it('shows Carapace in the browser, from a fresh copy', async function () {
    this.timeout(FIRST_RUN_MS);
    const { exitCode, stdout, stderr } = await run('--no-open', '--port', String(port));
    assert.equal(exitCode, 0, stderr);
    assert.ok(stdout.includes(`http://localhost:${port}`), stdout);
    assert.match(stdout, /bin\/try --stop/);
    browser = await launchBrowser();
    const bench = new Workbench(await openPage(browser, `http://localhost:${port}`), 'try');
    await bench.openCarapace();
    await bench.button('Try a Seat on This Machine').waitFor();
    await bench.picture('welcome');
  });

  it('uses the one that runs', async () => {
    const before = servers();
    assert.notDeepEqual(before, []);
    const { exitCode, stdout } = await run('--no-open', '--port', String(port));
    assert.equal(exitCode, 0);
    assert.match(stdout, /already/);
    assert.deepEqual(servers(), before);
  });

  it('says when the port is somebody else’s', async () => {
    const other = createServer();
    occupant = other;
    const taken = await freePort();
    await new Promise<void>((resolve) => other.listen(taken, '127.0.0.1', resolve));
    const { exitCode, stderr } = await run('--no-open', '--port', String(taken));
    assert.equal(exitCode, 1);
    assert.ok(stderr.includes(`Port ${taken} is used by another program`), stderr);
  });

  it('refuses what it does not know', async () => {
    for (const args of [['--port', '0'], ['--port', 'x'], ['--port'], ['--colour']]) {
      assert.equal((await run(...args)).exitCode, 2, args.join(' '));
    }
  });

  it('ends with --stop, and nothing is left of it', async () => {
    const { exitCode, stdout } = await run('--stop');
    assert.equal(exitCode, 0);
    assert.ok(stdout.includes(`port ${port} has ended`), stdout);
    assert.deepEqual(servers(), []);
    assert.match((await run('--stop')).stdout, /No VS Code of bin\/try runs/);
  });

  /** The processes that listen, without the helpers that come and go with a window. */
  function servers(): number[] {
    const all = processesNaming(join(home, 'try', String(port)));
    return all.filter(({ command }) => command.includes('--bind-addr')).map(({ pid }) => pid);
  }
});
