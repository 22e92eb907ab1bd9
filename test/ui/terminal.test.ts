/** Seat terminals in VS Code: by their profile, across a reload of the window, and watched. */
import assert from 'node:assert/strict';
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

  it('open by the profile in the list of terminals', async () => {
    await bench.openCarapace();
    await bench.pressButton('Try a Seat on This Machine');
    await bench.row('Seat 1, free').waitFor();
    // VS Code knows the profiles of extensions once it has shown a terminal of its own.
    await bench.command('Terminal: Create New Terminal');
    await bench.terminalShows(/\S/);
    await bench.begin('Create New Terminal (With Profile)');
    await bench.choose('Seat terminal');
    await bench.terminalInFront('Seat 1');
    await bench.seatShell();
    await bench.typeInTerminal('kept=41; echo home=$PWD\n');
    await bench.terminalShows(/^home=.*\/seats\/[^/\n]+\/1\/home$/m);
    await bench.picture('profile');
  });

  it('come back after the window was reloaded, whatever view was open', async () => {
    await bench.command('View: Show Explorer');
    const reloaded = Date.now();
    await window.reload();
    // VS Code keeps whether the panel shows every few seconds only: without it, the terminal is there behind its icon.
    await bench.command('Terminal: Focus on Terminal View');
    await bench.showTerminal('Seat 1');
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
    await bench.terminalInFront('Seat 1 · view');
    await bench.showTerminal(/Seat 1 · 1 watching/);
    await bench.typeInTerminal('echo seen=$((kept + 2))\n');
    await bench.terminalShows(/^seen=43$/m);
    await bench.showTerminal('Seat 1 · view');
    await bench.terminalShows(/^seen=43$/m);
    await bench.typeInTerminal('echo refused\n');
    await bench.picture('view');
    await bench.showTerminal(/Seat 1 · 1 watching/);
    await bench.typeInTerminal('echo end=$((kept + 3))\n');
    const text = await bench.terminalShows(/^end=44$/m);
    assert.doesNotMatch(text, /refused/);
  });
});
