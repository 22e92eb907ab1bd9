/** A newcomer's first minutes, through the screen: a seat, its shell, its files, and nothing left of it. */
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { remainsOf } from './remains.ts';
import { openWindow, type TestWindow } from './window.ts';
import { Workbench } from './workbench.ts';

const NAME = 'My first seat';

describe('a seat in VS Code', () => {
  let window: TestWindow;
  let bench: Workbench;

  /** A file of the seat, as it is on the disk. */
  const seatFile = (path: string): string => {
    const [home] = globSync(join(window.home, 'worker/seats/*/1/home'));
    return join(home ?? 'no seat', path);
  };

  before(async () => {
    window = await openWindow();
    bench = new Workbench(window.page, 'seat');
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await bench.picture('failed');
  });
  after(() => window.close());

  it('is offered in the activity bar', async () => {
    await bench.openCarapace();
    await bench.button('Try a Seat on This Machine').waitFor();
    await bench.picture('welcome');
    assert.deepEqual(remainsOf(window.home), { processes: [], sockets: [], seatFolders: [] });
  });

  it('is made at the press of a button, with its progress told', async () => {
    await bench.pressButton('Try a Seat on This Machine');
    const progress = bench.notification(new RegExp(`Creating "${NAME}": .`));
    await progress.getByRole('button', { name: 'Cancel' }).waitFor();
    await bench.picture('progress');
    await bench.row(`Workshop ${NAME}, running`).waitFor();
    await bench.row('Seat 1, free').waitFor();
    await bench.expand(`Create workshop "${NAME}", done`);
    for (const phase of ['The agent of this machine is healthy', '1 of 1 seat ready'])
      await bench.row(`${phase}., done`).waitFor();
    await bench.picture('ready');
    // While a notification shows, the Escape key is for that, and not for the terminal.
    await progress.waitFor({ state: 'hidden' });
  });

  it('has a real shell', async () => {
    await bench.pressInRow('Seat 1,', 'Open Seat Terminal');
    await bench.seatShell();
    await bench.typeInTerminal('touch first.txt && ls && echo answer=$((6 * 7))\n');
    const text = await bench.terminalShows(/^answer=42$/m);
    assert.match(text, /^first\.txt$/m);
    await bench.row('Seat 1, connected').waitFor();
    await bench.picture('ls');
  });

  it('runs vim', async () => {
    await bench.typeInTerminal('vim note.txt\n');
    await bench.terminalShows(/^~$[\s\S]*note\.txt/m);
    await bench.typeInTerminal('i');
    await bench.terminalShows(/-- INSERT --/);
    await bench.typeInTerminal('written in vim');
    await bench.terminalShows(/^written in vim/);
    await bench.picture('vim');
    await bench.page.keyboard.press('Escape');
    await bench.terminalShows(/^(?![\s\S]*-- INSERT --)/);
    await bench.typeInTerminal(':wq\n');
    await bench.terminalShows(/^answer=42\n[\s\S]*\$$/m);
    await bench.typeInTerminal('cat note.txt\n');
    await bench.terminalShows(/cat note\.txt\nwritten in vim/);
    assert.equal(readFileSync(seatFile('note.txt'), 'utf8'), 'written in vim\n');
  });

  it('draws again at another width', async () => {
    // Again and again: when the shell is told of a width is nobody's choice.
    await bench.typeInTerminal('until read -t 0.2; do clear; stty size; done\n');
    const before = columnsIn(await bench.terminalShows(/^\d+ \d+$/m));
    await bench.page.setViewportSize({ width: 900, height: 700 });
    const narrow = await widthOf(bench, (columns) => columns < before);
    await bench.page.setViewportSize({ width: 1280, height: 800 });
    await widthOf(bench, (columns) => columns > narrow);
    // By a line: a signal that comes between two commands is lost.
    await bench.typeInTerminal('\n');
    await bench.terminalShows(/\$$/);
  });

  it('keeps its shell when the terminal is closed', async () => {
    await bench.typeInTerminal('clear; kept=41; echo first=$kept\n');
    await bench.terminalShows(/^first=41$/m);
    await bench.command('Terminal: Kill the Active Terminal Instance');
    await bench.page.locator('.terminal-wrapper.active').waitFor({ state: 'detached' });
    await bench.pressInRow('Seat 1,', 'Open Seat Terminal');
    await bench.seatShell();
    await bench.typeInTerminal('echo again=$((kept + 1))\n');
    await bench.terminalShows(/^again=42$/m);
    await bench.picture('again');
  });

  it('keeps its shell when the page is loaded again', async () => {
    await window.reload();
    // VS Code may not have kept yet which view was open.
    await bench.openCarapace();
    await bench.pressInRow('Seat 1,', 'Open Seat Terminal');
    await bench.seatShell();
    await bench.typeInTerminal('clear; echo reloaded=$((kept + 2))\n');
    await bench.terminalShows(/^reloaded=43$/m);
  });

  it('says the exit code of its shell', async () => {
    await bench.typeInTerminal('exit 3\n');
    await bench.notification('exit code: 3').waitFor();
    await bench.picture('exit');
    await bench.closeNotifications();
  });

  it('has files that open, change and are saved', async () => {
    await bench.pressInRow('Seat 1,', 'Open Seat File');
    await bench.choice('note.txt').waitFor();
    await bench.picture('files');
    await bench.choose('note.txt');
    await bench.editor('note.txt').getByText('written in vim').waitFor();
    await bench.typeAtEnd('note.txt', 'and in VS Code');
    await bench.tab('note.txt', true).waitFor();
    await bench.page.keyboard.press('Control+s');
    await bench.tab('note.txt').waitFor();
    await bench.picture('saved');
    await bench.pressInRow('Seat 1,', 'Open Seat Terminal');
    await bench.seatShell();
    await bench.typeInTerminal('clear; cat note.txt; echo\n');
    await bench.terminalShows(/^written in vim\nand in VS Code$/m);
  });

  it('does not overwrite what somebody else has written meanwhile', async () => {
    // As long as what it replaces: only the version tells them apart.
    const theirs = 'WRITTEN IN VIM\nAND IN VS CODE';
    // First something unsaved: an editor without it would take over what was written, and there would be no conflict.
    await bench.typeAtEnd('note.txt', '!');
    await bench.tab('note.txt', true).waitFor();
    writeFileSync(seatFile('note.txt'), theirs);
    await bench.page.keyboard.press('Control+s');
    await bench.notification('note.txt').waitFor();
    await bench.picture('conflict');
    assert.equal(readFileSync(seatFile('note.txt'), 'utf8'), theirs);
    await bench.pressInNotification('note.txt', 'Revert');
    await bench.editor('note.txt').getByText('AND IN VS CODE').waitFor();
    await bench.closeNotifications();
  });

  it('gives a link to join by', async () => {
    await bench.pressInRow(`Workshop ${NAME}`, 'Copy Join Link');
    await bench.notification('is in the clipboard').waitFor();
    const link = await bench.page.evaluate('navigator.clipboard.readText()');
    assert.match(String(link), /^http:\/\/127\.0\.0\.1:\d+\/join#[A-Z2-9]{4}-[A-Z2-9]{4}$/);
    await bench.closeNotifications();
  });

  it('is deleted with everything in it, after one question', async () => {
    await bench.typeInTerminal('clear; setsid nohup sleep 9999 > /dev/null 2>&1 &\n');
    await bench.until(
      () => remainsOf(window.home).processes,
      (processes) => processes.includes('sleep 9999'),
      'the stray process of the seat',
    );
    assert.notDeepEqual(remainsOf(window.home).sockets, []);
    await bench.pressInRow(`Workshop ${NAME}`, 'Delete Workshop');
    await bench.dialog.getByText(`Delete "${NAME}"?`).waitFor();
    await bench.picture('question');
    await bench.dialog.getByRole('button', { name: 'Delete' }).click();
    await bench.row(`Workshop ${NAME}`).waitFor({ state: 'detached' });
    await bench.row(`Delete workshop "${NAME}", done`).waitFor();
    await bench.button('Try a Seat on This Machine').waitFor();
    await bench.picture('deleted');
    await bench.until(
      () => JSON.stringify(remainsOf(window.home)),
      (remains) => remains === JSON.stringify({ processes: [], sockets: [], seatFolders: [] }),
      'nothing to be left',
    );
  });
});

/** The columns that `stty size` has told; 0 where it has told nothing. */
function columnsIn(terminal: string): number {
  return Number(/^\d+ (\d+)$/m.exec(terminal)?.[1] ?? 0);
}

/** Waits until the shell tells such a width. */
async function widthOf(bench: Workbench, isMeant: (columns: number) => boolean): Promise<number> {
  return bench.until(
    async () => columnsIn(await bench.terminalText()),
    (columns) => columns > 0 && isMeant(columns),
    'the shell to know of the new width',
  );
}
