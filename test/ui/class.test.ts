/** A class through the screen: a teacher's window and a learner's, each with a profile of its own, on one workshop. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { remainsOf } from './remains.ts';
import { openWindow, type TestWindow } from './window.ts';
import { Workbench } from './workbench.ts';

const NAME = 'My first seat';
const LEARNER = 'Alice Ämter';
const PATIENCE_MS = 60_000;

describe('a class in VS Code', () => {
  let theirs: TestWindow;
  let mine: TestWindow;
  let teacher: Workbench;
  let learner: Workbench;
  let link: string;

  before(async () => {
    theirs = await openWindow();
    mine = await openWindow();
    teacher = new Workbench(theirs.page, 'class-teacher');
    learner = new Workbench(mine.page, 'class-learner');
  });
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    await teacher.picture('failed');
    await learner.picture('failed');
  });
  after(async () => {
    await mine.close();
    await theirs.close();
  });

  it('begins with a workshop of the teacher and its link', async () => {
    await teacher.openCarapace();
    await teacher.pressButton('Try a Seat on This Machine');
    await teacher.row(`Workshop ${NAME}, running`).waitFor();
    await teacher.row('Seat 1, free').waitFor();
    await teacher.pressInRow(`Workshop ${NAME}`, 'Copy Join Link');
    await teacher.notification('is in the clipboard').waitFor();
    await teacher.picture('link');
    link = String(await teacher.page.evaluate('navigator.clipboard.readText()'));
    assert.match(link, /^http:\/\/127\.0\.0\.1:\d+\/join#[A-Z2-9]{4}-[A-Z2-9]{4}$/);
    await teacher.closeNotifications();
  });

  it('is joined by the link, after one question about the server', async () => {
    await learner.openCarapace();
    await learner.button('Join a Workshop').waitFor();
    await learner.picture('welcome');
    await learner.pressButton('Join a Workshop');
    await learner.answer('https://example.org/other');
    await learner.inputMessage.getByText('is no join link').waitFor();
    await learner.picture('no-link');
    await learner.answer(link);
    await learner.dialog.getByText(`Join a workshop at ${new URL(link).host}?`).waitFor();
    await learner.picture('server');
    await learner.dialog.getByRole('button', { name: 'Join', exact: true }).click();
    await learner.inputMessage.getByText('What does your teacher see you as?').waitFor();
    await learner.picture('name');
    await learner.answer(LEARNER);
    const asked = Date.now();
    await teacher.row(`Seat 1, ${LEARNER} · `).waitFor();
    console.log(`      the teacher's tree has the name ${Date.now() - asked} ms after the learner has pressed Enter`);
    await learner
      .row(`Workshop ${NAME}, joined, your seat 1 · `)
      .getByText(/\d h \d+ min left/)
      .waitFor();
    await learner.row(`Your seat 1, ${LEARNER} · `).waitFor();
  });

  it('gives the learner a shell, and tells the teacher that they are there', async () => {
    await learner.seatShell();
    const shown = Date.now();
    await teacher.row(`Seat 1, ${LEARNER} · connected`).waitFor();
    console.log(`      the teacher's tree says "connected" ${Date.now() - shown} ms after the shell has shown itself`);
    await learner.typeInTerminal('kept=41; echo answer=$((6 * 7))\n');
    await learner.terminalShows(/^answer=42$/m);
    await learner.row(`Your seat 1, ${LEARNER} · connected`).waitFor();
    await learner.picture('shell');
    await teacher.picture('connected');
  });

  it('shows the learner none of the commands of the teacher, and starts no control plane for them', async () => {
    const row = learner.row(`Workshop ${NAME}, joined`);
    await row.hover();
    await learner.until(
      async () => (await actionsOf(row)).join(),
      (actions) => actions === 'Copy My Personal Link,Leave Workshop',
      "the learner's own actions and no others",
    );
    const seat = learner.row('Your seat 1');
    await seat.hover();
    const seatActions = await learner.until(
      () => actionsOf(seat),
      (actions) => actions.includes('Open Seat Terminal') && actions.includes('Open Seat File'),
      'the actions of the seat',
    );
    assert.deepEqual(
      seatActions.filter((action) => /Reset|Free|Delete|Stop/.test(action)),
      [],
    );
    await seat.click({ button: 'right' });
    await learner.menu.getByText('Open Seat Terminal', { exact: true }).waitFor();
    const menu = await learner.menu.locator('.action-label').allTextContents();
    assert.deepEqual(
      menu.filter((action) => /Reset|Free Seat/.test(action)),
      [],
    );
    await learner.picture('menu');
    await learner.page.keyboard.press('Escape');
    await learner.menu.waitFor({ state: 'hidden' });
    for (const [bench, isThere] of [
      [learner, false],
      [teacher, true],
    ] as const) {
      const found = await bench.commands('Carapace: Seat');
      assert.ok(found.includes('Carapace: Open Seat Terminal'), found.join());
      assert.equal(found.includes('Carapace: Reset Seat'), isThere, found.join());
    }
    assert.equal(existsSync(join(mine.home, 'daemon.json')), false);
  });

  it('leads the learner back to their seat when the window is opened again', async () => {
    const closed = Date.now();
    await mine.closePage();
    // Only then: a window that is back opens the terminal by itself.
    await teacher.row(`Seat 1, ${LEARNER} · joined`).waitFor();
    console.log(`      the teacher's tree says "joined" ${Date.now() - closed} ms after the window was closed`);
    learner = learner.on(await mine.openAgain());
    const seen = Date.now();
    await learner.openCarapace();
    // A second extension host of the same server takes its time to start.
    await learner.row(`Your seat 1, ${LEARNER} · `).waitFor({ timeout: 2 * PATIENCE_MS });
    console.log(`      the learner's own tree is back ${Date.now() - seen} ms after the window was opened again`);
    await learner.pressInRow('Your seat 1', 'Open Seat Terminal');
    await learner.seatShell();
    const shown = Date.now();
    await teacher.row(`Seat 1, ${LEARNER} · connected`).waitFor();
    console.log(`      and "connected" ${Date.now() - shown} ms after the shell has shown itself`);
    await learner.typeInTerminal('echo again=$((kept + 1))\n');
    await learner.terminalShows(/^again=42$/m);
    await learner.picture('again');
  });

  it('leads to the same seat by the same link, without a question', async () => {
    // Joining has ended when it has opened the terminal.
    await learner.command('Terminal: Kill the Active Terminal Instance');
    await learner.until(
      () => learner.terminalText(),
      (text) => !text.includes('again=42'),
      'the terminal of the seat to go',
    );
    await learner.pressInView('Workshops', 'Join a Workshop');
    await learner.answer(link);
    await learner.terminalShows(/^again=42$/m);
    await learner.row(`Your seat 1, ${LEARNER} · `).waitFor();
    assert.equal(await learner.row('Workshop').count(), 1);
  });

  it('tells the learner of an end, and frees the seat for another one', async () => {
    await teacher.row('Seat 1').click({ button: 'right' });
    await teacher.chooseInMenu('Free Seat…');
    await teacher.dialog.getByText(`${LEARNER} loses the seat`).waitFor();
    await teacher.picture('free');
    await teacher.dialog.getByRole('button', { name: 'Free Seat' }).click();
    await teacher.row('Seat 1, free').waitFor();
    await learner.row(`Workshop ${NAME}, joined, your seat was freed`).waitFor();
    await learner.picture('freed');
    await teacher.picture('freed');
  });

  it('is left, and nothing of it stays', async () => {
    await learner.pressInRow(`Workshop ${NAME}, joined`, 'Leave Workshop');
    await learner.dialog.getByText(`Leave "${NAME}"?`).waitFor();
    await learner.dialog.getByText('The seat is not yours any more.').waitFor();
    await learner.picture('leave');
    await learner.dialog.getByRole('button', { name: 'Leave', exact: true }).click();
    await learner.button('Join a Workshop').waitFor();
    // VS Code may have one of its own beside it.
    await learner.until(
      () => learner.page.locator('.terminal-wrapper.active .xterm-rows').allTextContents(),
      (texts) => !texts.join('').includes('has freed your seat'),
      'the terminal of the seat to go',
    );
    await teacher.pressInRow(`Workshop ${NAME}`, 'Delete Workshop');
    await teacher.dialog.getByRole('button', { name: 'Delete' }).click();
    await teacher.row(`Workshop ${NAME}`).waitFor({ state: 'detached' });
    await teacher.until(
      () => JSON.stringify(remainsOf(theirs.home)),
      (remains) => remains === JSON.stringify({ processes: [], sockets: [], seatFolders: [] }),
      'nothing to be left',
    );
  });
});

/** An element, as far as it is looked at in the page. */
interface Labelled {
  getAttribute(name: string): string | null;
}

/** The icons that a row shows while the mouse is over it; all at once, for a row is drawn anew at any time. */
async function actionsOf(row: Locator): Promise<string[]> {
  return row
    .locator('.action-label')
    .evaluateAll((icons: Labelled[]) => icons.map((icon) => icon.getAttribute('aria-label') ?? ''));
}
