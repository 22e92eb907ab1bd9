/** Seat terminals in VS Code: by their profile, across a reload of the window, and watched. */
import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import { openWindow, type TestWindow } from './window.ts';
import { Workbench } from './workbench.ts';

describe('the terminals of a seat in VS Code', () => {
  let window: TestWindow;
  let bench: Workbench;

  before(async () => {
    window = await openWindow();
    bench = new Workbench(window.page, 'terminal');
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await bench.picture('failed');
  });
  after(() => window.close());

  /** A terminal in the list beside the terminals, which shows from two of them on. */
  const tab = (name: string | RegExp): Locator => bench.page.locator('.terminal-tabs-entry').filter({ hasText: name });

  it('open by the profile in the list of terminals', async () => {
    await bench.openCarapace();
    await bench.button('Try a Seat on This Machine').click();
    await bench.row('Seat 1, free').waitFor();
    // VS Code knows the profiles of extensions once it has shown a terminal of its own.
    await bench.command('Terminal: Create New Terminal');
    await bench.terminalShows(/\S/);
    await bench.page.keyboard.press('F1');
    await bench.input.fill('>Terminal: Create New Terminal (With Profile)');
    await bench.choice('Create New Terminal (With Profile)').first().waitFor();
    await bench.page.keyboard.press('Enter');
    await bench.choice('Seat terminal').click();
    await bench.terminalShows(/seat-1:~\$/);
    await bench.typeInTerminal('kept=41; echo home=$PWD\n');
    const text = await bench.terminalShows(/^home=.+$/m);
    assert.match(text, /^home=.*\/seats\/[^/]+\/1\/home$/m);
    await bench.picture('profile');
  });

  it('come back after the window was reloaded, whatever view was open', async () => {
    await bench.command('View: Show Explorer');
    const reloaded = Date.now();
    await bench.page.reload();
    await tab('Seat 1').click();
    console.log(`      the terminal is there again ${Date.now() - reloaded} ms after the page was loaded anew`);
    const text = await bench.terminalShows(/^home=/m);
    assert.match(text, /kept=41; echo/);
    await bench.typeInTerminal('echo again=$((kept + 1))\n');
    await bench.terminalShows(/^again=42$/m);
    await bench.picture('reloaded');
  });

  it('are watched in a terminal of their own, which takes no keys', async () => {
    await bench.typeInTerminal('clear\n');
    await bench.command('Carapace: Watch Seat Terminal');
    await tab('Seat 1 · view').waitFor();
    await tab(/Seat 1 · 1 watching/).click();
    await bench.typeInTerminal('echo seen=$((kept + 2))\n');
    await bench.terminalShows(/^seen=43$/m);
    await tab('Seat 1 · view').click();
    await bench.terminalShows(/^seen=43$/m);
    await bench.typeInTerminal('echo refused\n');
    await bench.picture('view');
    await tab(/Seat 1 · 1 watching/).click();
    await bench.typeInTerminal('echo end=$((kept + 3))\n');
    const text = await bench.terminalShows(/^end=44$/m);
    assert.doesNotMatch(text, /refused/);
  });
});
