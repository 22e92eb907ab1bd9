/** A class on a server with a certificate of its own: what a learner is asked, and that all works by TLS. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { fingerprintGroups } from '../../src/client/server-certificate.ts';
import type { Workshop } from '../../src/protocol/workshop.ts';
import { succeeded } from '../e2e/control-plane-harness.ts';
import { PublicServer } from '../e2e/public-server.ts';
import { launchBrowser } from '../support/browser.ts';
import { LearnerPage } from './learner-page.ts';
import { openWindow, type TestWindow } from './window.ts';
import { Workbench } from './workbench.ts';

const [NAME, SECOND] = ['Intro to Linux', 'Advanced'];
const LEARNER = 'Alice Ämter';
const PATIENCE_MS = 60_000;

/** A server on which somebody teaches. */
class TaughtServer extends PublicServer {
  async workshop(name: string, seats: number): Promise<Workshop> {
    const { workshop, operation } = await this.teacher.createWorkshop({ name, seats, runtime: 'process' });
    await succeeded(this.teacher, operation);
    return this.teacher.getWorkshop(workshop.id);
  }

  async end(...workshops: readonly Workshop[]): Promise<void> {
    for (const { id } of workshops) await succeeded(this.teacher, await this.teacher.deleteWorkshop(id));
    assert.deepEqual(await this.dispose(), []);
  }
}

function linkOf(workshop: Workshop): string {
  return workshop.join_link ?? '';
}

describe('a server with a certificate of its own, in VS Code', () => {
  const server = new TaughtServer();
  let workshop: Workshop;
  let second: Workshop;
  let window: TestWindow;
  let learner: Workbench;

  before(async () => {
    await server.start('one');
    workshop = await server.workshop(NAME, 2);
    second = await server.workshop(SECOND, 2);
    // So that seats of the two can be told apart by their numbers.
    await server.teacher.join({ code: second.code, name: 'Bob' });
    window = await openWindow();
    learner = new Workbench(window.page, 'tls');
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await learner.picture('failed');
  });
  after(async () => {
    await window.close();
    await server.end(workshop, second);
  });

  const host = (): string => new URL(server.url).host;
  const choose = (button: string): Promise<void> =>
    learner.dialog.getByRole('button', { name: button, exact: true }).click();
  /** The question shows the fingerprint of what the server shows now, as the teacher has it. */
  const seesFingerprint = async (): Promise<void> => {
    await learner.dialog.getByText(`Join a workshop at ${host()}?`).waitFor();
    for (const line of fingerprintGroups(server.certificate).split('\n'))
      await learner.dialog.getByText(line).waitFor();
  };
  const openTerminal = async (): Promise<void> => {
    await learner.pressInRow(`Your seat 1, ${LEARNER}`, 'Open Seat Terminal');
    await learner.seatShell();
  };

  const openNote = async (): Promise<void> => {
    await learner.pressInRow('Your seat 1', 'Open Seat File');
    await learner.choose('note.txt');
  };

  it('is asked about, and nothing is joined where the answer is no', async () => {
    await learner.openCarapace();
    await learner.pressButton('Join a Workshop');
    await learner.answer(linkOf(workshop));
    await seesFingerprint();
    await learner.dialog.getByText('No authority vouches for this server').waitFor();
    await learner.picture('question');
    await choose('Cancel');
    await learner.notification(`Nothing was sent to ${host()}`).waitFor();
    await learner.picture('refused');
    assert.deepEqual(await server.teacher.listLearners(workshop.id), []);
    assert.equal(await learner.row('Workshop').count(), 0);
    await learner.closeNotifications();
  });

  it('is joined once somebody has agreed', async () => {
    await learner.pressButton('Join a Workshop');
    await learner.input.waitFor();
    assert.equal(await learner.input.inputValue(), linkOf(workshop), 'it needs no second typing');
    await learner.answer(linkOf(workshop));
    await seesFingerprint();
    await choose('Join');
    await learner.inputMessage.getByText('What does your teacher see you as?').waitFor();
    await learner.answer(LEARNER);
    await learner.row(`Your seat 1, ${LEARNER} · connected`).waitFor();
    await learner.seatShell();
    await learner.typeInTerminal('kept=41; echo one > note.txt; echo answer=$((6 * 7))\n');
    await learner.terminalShows(/^answer=42$/m);
    await learner.picture('joined');
  });

  it('has its files, which tell of what is changed in the seat', async () => {
    await openNote();
    await learner.editor('note.txt').getByText('one').waitFor();
    await openTerminal();
    await learner.typeInTerminal('clear; echo two > note.txt\n');
    await learner.editor('note.txt').getByText('two').waitFor();
    await learner.typeAtEnd('note.txt', 'three');
    await learner.tab('note.txt', true).waitFor();
    await learner.page.keyboard.press('Control+s');
    await learner.tab('note.txt').waitFor();
    await learner.typeInTerminal('clear; cat note.txt; echo\n');
    await learner.terminalShows(/^two\nthree$/m);
  });

  it('is not asked about again, neither after the window was opened again nor for another workshop', async () => {
    await window.closePage();
    learner = learner.on(await window.openAgain());
    await learner.openCarapace();
    // A second extension host of the same server takes its time to start.
    await learner.row(`Your seat 1, ${LEARNER}`).waitFor({ timeout: 2 * PATIENCE_MS });
    // VS Code may not have kept yet which editors were open.
    await openNote();
    await learner.editor('note.txt').getByText('three').waitFor();
    await openTerminal();
    await learner.typeInTerminal('clear; echo again=$((kept + 1))\n');
    await learner.terminalShows(/^again=42$/m);
    await learner.pressInView('Workshops', 'Join a Workshop');
    await learner.answer(linkOf(second));
    await learner.inputMessage.getByText('What does your teacher see you as?').waitFor();
    await learner.answer(LEARNER);
    await learner.row(`Workshop ${SECOND}, joined, your seat 2 · `).waitFor();
    await learner.seatShell(2);
    await learner.picture('second');
  });

  it('is asked about where a browser has opened the link, and leads to the same seat', async () => {
    await learner.row(`Your seat 2, ${LEARNER} · connected`).waitFor();
    await openTerminal();
    const query = `server=${encodeURIComponent(server.url)}`;
    const link = `vscode://carapace.carapace/join?${query}${new URL(linkOf(second)).hash}`;
    await learner.openLink(link);
    await learner.dialog.getByText('A link has opened this editor').waitFor();
    await learner.picture('opened');
    await choose('Join');
    await learner.seatShell(2);
    assert.equal(await learner.row('Workshop').count(), 2);
    assert.equal((await server.teacher.listLearners(second.id)).length, 2);
  });

  it('goes on where it was when the server was away', async () => {
    await server.stop();
    await learner.row(`Workshop ${NAME}, joined, your seat 1 · out of reach since`).waitFor();
    await learner.row(`Workshop ${SECOND}, joined, your seat 2 · out of reach since`).waitFor();
    await learner.picture('away');
    await server.start('one');
    // Of both: while rows change, VS Code may not tell a command whose icon was pressed, which then asks for the seat.
    await learner.row(`Workshop ${NAME}, joined, your seat 1 · `).getByText(/left$/).waitFor();
    await learner.row(`Workshop ${SECOND}, joined, your seat 2 · `).getByText(/left$/).waitFor();
    for (const seat of [1, 2]) await learner.row(`Your seat ${seat}, ${LEARNER} · connected`).waitFor();
    await openTerminal();
    await learner.typeInTerminal('clear; echo back=$((kept + 2))\n');
    await learner.terminalShows(/^back=43$/m);
  });

  it('is not spoken to where it shows another certificate, until somebody has agreed to that', async () => {
    await server.stop();
    await server.start('two');
    // Of both: while rows change, VS Code may not tell a command whose icon was pressed.
    await learner.row(`Workshop ${NAME}, joined, your seat 1 · another certificate`).waitFor();
    await learner.row(`Workshop ${SECOND}, joined, your seat 2 · another certificate`).waitFor();
    await learner.picture('changed');
    await learner.pressInRow(`Workshop ${NAME}`, 'Join a Workshop');
    await seesFingerprint();
    await learner.dialog.getByText('shows another certificate than when you joined there').waitFor();
    await learner.picture('changed-question');
    await choose('Cancel');
    await learner.notification(`Nothing was sent to ${host()}`).waitFor();
    await learner.closeNotifications();
    await learner.pressInView('Workshops', 'Join a Workshop');
    await learner.answer(linkOf(workshop));
    await seesFingerprint();
    await choose('Trust and Join');
    await learner.row(`Workshop ${NAME}, joined, your seat 1 · `).getByText(/left$/).waitFor();
    await learner.seatShell();
    await learner.typeInTerminal('clear; echo trusted=$((kept + 3))\n');
    await learner.terminalShows(/^trusted=44$/m);
    await learner.editor('note.txt').waitFor();
    await learner.typeInTerminal('clear; echo four > note.txt\n');
    await learner.editor('note.txt').getByText('four').waitFor();
    // The server is known now, so that its other workshop needs no question.
    await learner.pressInView('Workshops', 'Join a Workshop');
    await learner.answer(linkOf(second));
    await learner.row(`Workshop ${SECOND}, joined, your seat 2 · `).getByText(/left$/).waitFor();
    await learner.picture('trusted');
  });

  it('tells that the teacher has freed the seat', async () => {
    await succeeded(server.teacher, await server.teacher.freeSeat(workshop.id, 1));
    await learner.row(`Workshop ${NAME}, joined, your seat was freed`).waitFor();
    await learner.picture('freed');
  });
});

describe('a server with a certificate of its own, in a browser that trusts it', () => {
  const server = new TaughtServer();
  const folder = mkdtempSync(join(tmpdir(), 'carapace-tls-'));
  let workshop: Workshop;
  let browser: Browser;
  let learner: LearnerPage;

  before(async () => {
    await server.start('one');
    workshop = await server.workshop(NAME, 1);
    browser = await launchBrowser();
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(PATIENCE_MS);
    learner = new LearnerPage(await context.newPage(), 'tls-browser');
  });
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    await learner.picture('failed');
    console.log(learner.complaints.join('\n'));
  });
  after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
    await server.end(workshop);
  });

  it('is joined by the link, and has a terminal', async () => {
    await learner.page.goto(linkOf(workshop));
    await learner.button('Open in the browser').click();
    await learner.page.getByLabel('Your name').fill(LEARNER);
    await learner.button('Join').click();
    await learner.page.getByText(`Seat 1 · ${LEARNER}`).waitFor();
    await learner.isState('connected');
    await learner.type('kept=41; echo answer=$((6 * 7))\n');
    await learner.shows(/^answer=42$/m);
    assert.equal(await learner.page.evaluate('isSecureContext'), true);
  });

  it('has files that are edited, uploaded and downloaded', async () => {
    await learner.type("clear; printf 'one\\n' > note.txt\n");
    await learner.file('note.txt').click();
    await learner.editor.waitFor();
    await learner.text.fill('two\n');
    await learner.button('Save', learner.editor).click();
    await learner.editor.getByText('saved', { exact: true }).waitFor();
    await learner.type('clear; cat note.txt\n');
    await learner.shows(/^two$/m);
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7) % 251));
    const path = join(folder, 'picture.bin');
    writeFileSync(path, bytes);
    await learner.files.locator('input[type=file]').setInputFiles(path);
    await learner.files.getByText('Uploaded 1 file.').waitFor();
    await learner.file('picture.bin').click();
    const downloading = learner.page.waitForEvent('download');
    await learner.button('Download', learner.dialog).click();
    assert.ok(readFileSync(await (await downloading).path()).equals(bytes));
    await learner.picture('files');
  });

  it('comes back to the same shell after a reload', async () => {
    await learner.page.reload();
    await learner.isState('connected');
    await learner.type('clear; echo again=$((kept + 1))\n');
    await learner.shows(/^again=42$/m);
    // A browser itself tells that a file is not there yet, which is looked at before it is uploaded.
    assert.deepEqual(
      learner.complaints.filter((line) => !line.endsWith('/picture.bin?stat')),
      [],
    );
    learner.complaints.length = 0;
  });

  it('goes on where it was when the server was away', async () => {
    await server.stop();
    await learner.isState('reconnecting…');
    await learner.type('clear; echo typed=$((kept + 2))\n');
    await learner.picture('away');
    await server.start('one');
    await learner.isState('connected');
    await learner.shows(/^typed=43$/m);
    // That a connection broke or was refused a browser tells by itself.
    assert.deepEqual(
      learner.complaints.filter((line) => !/WebSocket|Failed to load resource|net::ERR/.test(line)),
      [],
    );
  });
});
