/** A seat in a browser alone: joined by the link, worked in, left and found again. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext } from 'playwright-core';
import { showCode } from '../../src/protocol/names.ts';
import type { Workshop } from '../../src/protocol/workshop.ts';
import { end, ended, TestState, until, type TestControlPlane } from '../e2e/control-plane-harness.ts';
import { launchBrowser } from '../support/browser.ts';
import { LearnerPage } from './learner-page.ts';

const NAME = 'Intro to Linux';
const LEARNER = 'Alice Ämter';
const PATIENCE_MS = 60_000;

describe('a seat in the browser', () => {
  const state = new TestState();
  const folder = mkdtempSync(join(tmpdir(), 'carapace-browser-'));
  let controlPlane: TestControlPlane;
  let workshop: Workshop;
  let browser: Browser;
  let context: BrowserContext;
  let learner: LearnerPage;
  let link: string;

  const home = (): string => {
    const found = state.leftFiles().find((name) => /seats\/[^/]+\/1\/home$/.test(name));
    assert.ok(found !== undefined, 'the seat has a home folder');
    return join(state.home, found);
  };
  const newPage = async (): Promise<LearnerPage> => new LearnerPage(await context.newPage());

  before(async () => {
    controlPlane = await state.serve();
    const made = await controlPlane.client.createWorkshop({ name: NAME, seats: 4 });
    const operation = await ended(controlPlane.client, made.operation);
    assert.equal(operation.status, 'succeeded', operation.error?.message);
    workshop = made.workshop;
    link = `${controlPlane.file.url}/join#${showCode(workshop.code)}`;
    browser = await launchBrowser();
    context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      permissions: ['clipboard-read', 'clipboard-write'],
      acceptDownloads: true,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    learner = await newPage();
  });
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    await learner.picture('failed');
    console.log(learner.complaints.join('\n'));
  });
  after(async () => {
    await browser.close();
    await end(controlPlane);
    await state.dispose();
    rmSync(folder, { recursive: true });
  });

  it('tells in place what is wrong with a code, and loses nothing of what was typed', async () => {
    await learner.page.goto(link.replace(/#.*/, '#2222-2222'));
    await learner.button('Open in the browser').click();
    await learner.page.getByLabel('Your name').fill(LEARNER);
    await learner.button('Join').click();
    await learner.page.getByRole('alert').getByText(/code/).waitFor();
    assert.equal(await learner.page.getByLabel('Your name').inputValue(), LEARNER);
    await learner.picture('wrong-code');
    // A browser itself tells of every answer that is an error.
    assert.deepEqual(
      learner.complaints.filter((text) => !text.includes('404')),
      [],
    );
    learner.complaints.length = 0;
  });

  it('is joined on the page behind the link', async () => {
    await learner.page.goto('about:blank');
    await learner.page.goto(link);
    assert.match(
      (await learner.page.locator('#editor').getAttribute('href')) ?? '',
      /^vscode:\/\/carapace\.carapace\/join\?/,
    );
    await learner.button('Open in the browser').click();
    await learner.page.getByLabel('Your name').fill(LEARNER);
    await learner.picture('join');
    await learner.button('Join').click();
    await learner.page.getByRole('heading', { name: NAME }).waitFor();
    await learner.page.getByText(`Seat 1 · ${LEARNER}`).waitFor();
    await learner.page.getByText(/^ends .* left$/).waitFor();
    await learner.isState('connected');
    const seats = await controlPlane.client.listSeats(workshop.id);
    assert.equal(seats[0]?.learner, LEARNER);
  });

  it('has a terminal that answers, in the size of the page, and pastes', async () => {
    await learner.shows(/\$/);
    await learner.type('kept=41; echo answer=$((6 * 7)) size=$(stty size)\n');
    const text = await learner.shows(/^answer=42 size=\d+ \d+$/m);
    const [, rows, columns] = /size=(\d+) (\d+)/.exec(text) ?? [];
    assert.ok(Number(rows) > 30 && Number(columns) > 100, text);
    await learner.page.evaluate("navigator.clipboard.writeText('echo pasted=$((kept + 2))')");
    await learner.page.keyboard.press('Control+Shift+V');
    await learner.shows(/echo pasted=/);
    await learner.type('\n');
    await learner.shows(/^pasted=43$/m);
    await learner.picture('terminal');
  });

  it('shows what a program makes, and edits it', async () => {
    await learner.type("printf 'one\\ntwo\\n' > 'my notes #1 %.txt'; mkdir 'sub 😀'\n");
    await learner.file('my notes #1 %.txt').click();
    await until('the text is there', async () =>
      (await learner.text.inputValue()) === 'one\ntwo\n' ? true : undefined,
    );
    await learner.text.fill('one\nthree\n');
    await learner.editor.getByText('changed', { exact: true }).waitFor();
    await learner.picture('editor');
    await learner.page.keyboard.press('Control+s');
    await learner.editor.getByText('saved', { exact: true }).waitFor();
    await learner.type("clear; cat 'my notes #1 %.txt'\n");
    await learner.shows(/^one\nthree$/m);
  });

  it('takes over what a program changes while nothing was edited', async () => {
    await learner.type("echo four > 'my notes #1 %.txt'\n");
    await until('the text is the new one', async () =>
      (await learner.text.inputValue()) === 'four\n' ? true : undefined,
    );
  });

  it('loses neither text where both have changed one', async () => {
    await learner.text.fill('mine\n');
    writeFileSync(join(home(), 'my notes #1 %.txt'), 'theirs\n');
    await learner.editor.getByText('changed here and in the seat').waitFor();
    await learner.button('Save', learner.editor).click();
    await learner.dialog.getByText('was changed meanwhile').waitFor();
    await learner.picture('conflict');
    await learner.button('Reload theirs', learner.dialog).click();
    await until('theirs is shown', async () => ((await learner.text.inputValue()) === 'theirs\n' ? true : undefined));
    await learner.button('Back to mine', learner.editor).click();
    assert.equal(await learner.text.inputValue(), 'mine\n');
    await learner.button('Save', learner.editor).click();
    await learner.editor.getByText('saved', { exact: true }).waitFor();
    assert.equal(readFileSync(join(home(), 'my notes #1 %.txt'), 'utf8'), 'mine\n');
  });

  it('asks before it leaves what is not saved', async () => {
    await learner.text.fill('not saved\n');
    await learner.button('Close', learner.editor).click();
    await learner.dialog.getByText('not saved').waitFor();
    await learner.button('Cancel', learner.dialog).click();
    assert.equal(await learner.text.inputValue(), 'not saved\n');
    await learner.button('Close', learner.editor).click();
    await learner.button('Discard my changes', learner.dialog).click();
    await learner.editor.waitFor({ state: 'hidden' });
    assert.equal(readFileSync(join(home(), 'my notes #1 %.txt'), 'utf8'), 'mine\n');
  });

  it('makes, renames and deletes files and folders', async () => {
    await learner.button('Folder sub 😀').click();
    await learner.files.getByText('Nothing is in here.').waitFor();
    await learner.button('New file').click();
    await learner.dialog.getByLabel('Name').fill('a/b');
    await learner.button('OK', learner.dialog).click();
    await learner.dialog.getByText('A name has no "/"').waitFor();
    await learner.dialog.getByLabel('Name').fill('new.txt');
    await learner.button('OK', learner.dialog).click();
    await learner.text.fill('new\n');
    await learner.button('Save', learner.editor).click();
    await learner.editor.getByText('saved', { exact: true }).waitFor();
    await learner.button('More for new.txt').click();
    await learner.button('Rename new.txt').click();
    await learner.dialog.getByLabel('Name').fill('renamed.txt');
    await learner.button('OK', learner.dialog).click();
    await learner.editor.getByText('sub 😀/renamed.txt').waitFor();
    assert.equal(readFileSync(join(home(), 'sub 😀/renamed.txt'), 'utf8'), 'new\n');
    await learner.button('More for renamed.txt').click();
    await learner.button('Delete renamed.txt').click();
    await learner.dialog.getByText('cannot be undone').waitFor();
    await learner.button('Delete', learner.dialog).click();
    await learner.files.getByText('Nothing is in here.').waitFor();
    assert.equal(existsSync(join(home(), 'sub 😀/renamed.txt')), false);
    await learner.editor.waitFor({ state: 'hidden' });
    await learner.button('Files', learner.files).click();
  });

  it('takes files in and gives them out, and shows what is no text to nobody', async () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7) % 251));
    const path = join(folder, 'picture.bin');
    writeFileSync(path, bytes);
    await learner.files.locator('input[type=file]').setInputFiles(path);
    await learner.files.getByText('Uploaded 1 file.').waitFor();
    assert.ok(readFileSync(join(home(), 'picture.bin')).equals(bytes));
    await learner.file('picture.bin').click();
    await learner.dialog.getByText('can only be downloaded').waitFor();
    const downloading = learner.page.waitForEvent('download');
    await learner.button('Download', learner.dialog).click();
    const download = await downloading;
    assert.equal(download.suggestedFilename(), 'picture.bin');
    assert.ok(readFileSync(await download.path()).equals(bytes));
    await learner.files.locator('input[type=file]').setInputFiles(path);
    await learner.dialog.getByText('Replace "picture.bin"?').waitFor();
    await learner.button('Cancel', learner.dialog).click();
    await learner.picture('files');
  });

  it('is used by keys alone', async () => {
    await learner.type('');
    await learner.page.keyboard.press('Control+Shift+E');
    await learner.page.locator('#files button.open:focus').waitFor();
    await learner.page.keyboard.press('ArrowDown');
    await learner.page.locator('#files button.open:focus[aria-label^="File"]').waitFor();
    await learner.page.keyboard.press('Control+Shift+E');
    await learner.page.keyboard.type('clear; echo by-keys=$((kept + 3))\n');
    await learner.shows(/^by-keys=44$/m);
  });

  it('comes back to the same shell with the same screen after a reload', async () => {
    // With the prompt after it, which comes last.
    const before = await learner.shows(/^by-keys=44\n.*\$\s*$/m);
    await learner.page.reload();
    await learner.isState('connected');
    await until('the screen is the same', async () =>
      (await learner.screen()).trimEnd() === before.trimEnd() ? true : undefined,
    );
    await learner.type('echo again=$((kept + 4))\n');
    await learner.shows(/^again=45$/m);
  });

  it('goes on where it was when the connection has dropped', async () => {
    await learner.type('clear; for i in $(seq 8); do echo tick-$i; sleep 0.5; done; cat -v\n');
    await learner.shows(/^tick-1$/m);
    const [agent] = state.processIds('agent.cjs');
    assert.ok(agent !== undefined);
    learner.complaints.length = 0;
    process.kill(agent, 'SIGKILL');
    await learner.isState('reconnecting…');
    await learner.picture('reconnecting');
    await learner.type('typed meanwhile');
    await learner.isState('connected');
    const text = await learner.shows(/tick-8\n/);
    // What was typed may stand before a tick: it is shown as it arrives.
    assert.equal([...text.matchAll(/tick-(\d+)$/gm)].map(([, number]) => number).join(''), '12345678');
    // Nothing but what was typed: no answer of a terminal to a question that was shown again.
    await learner.type('\n');
    assert.doesNotMatch(await learner.shows(/^typed meanwhile$/m), /\^\[/);
    // That a connection broke or was refused a browser tells by itself.
    assert.deepEqual(
      learner.complaints.filter((line) => !/WebSocket|Failed to load resource|net::ERR/.test(line)),
      [],
    );
    learner.complaints.length = 0;
    await learner.page.keyboard.press('Control+c');
  });

  it('tells how a shell has ended, and begins a new one', async () => {
    await learner.type('exit 3\n');
    await learner.page.getByText('The shell has ended with exit code 3.').waitFor();
    await learner.isState('no shell');
    await learner.picture('ended');
    await learner.button('New shell').click();
    await learner.isState('connected');
    await learner.type('clear; echo kept=$kept.\n');
    await learner.shows(/^kept=\.$/m);
  });

  it('survives a flood, which does not overtake the page', async () => {
    await learner.type('clear; seq 300000; echo flood=$((1 + 1))\n');
    await learner.shows(/^300000\nflood=2$/m);
  });

  it('has a personal link, which leads to the same seat from elsewhere', async () => {
    await learner.button('Copy personal link').click();
    await learner.page.locator('#said', { hasText: 'is in the clipboard' }).waitFor();
    const personal = String(await learner.page.evaluate('navigator.clipboard.readText()'));
    assert.ok(personal.startsWith(`${link}.`), personal);
    const elsewhere = await browser.newContext({
      viewport: { width: 480, height: 800 },
      colorScheme: 'dark',
      hasTouch: true,
      isMobile: true,
    });
    elsewhere.setDefaultTimeout(PATIENCE_MS);
    const tablet = new LearnerPage(await elsewhere.newPage());
    await tablet.page.goto(personal);
    await tablet.button('Open in the browser').click();
    await tablet.button('Join').click();
    await tablet.page.getByText(`Seat 1 · ${LEARNER}`).waitFor();
    // The shell that the other browser has open is joined, with its screen.
    await tablet.shows(/^flood=2$/m);
    await tablet.picture('narrow');
    await elsewhere.close();
    assert.deepEqual(tablet.complaints, []);
  });

  it('is left, and found again by the link of the class', async () => {
    await learner.button('Leave').click();
    await learner.dialog.getByText('This browser forgets your seat').waitFor();
    await learner.picture('leave');
    await learner.button('Copy personal link and leave', learner.dialog).click();
    await learner.page.waitForURL('**/join');
    assert.equal(await learner.page.evaluate('localStorage.length'), 0);
    const personal = String(await learner.page.evaluate('navigator.clipboard.readText()'));
    await learner.page.goto(`${controlPlane.file.url}/seat#${workshop.id}`);
    await learner.page.getByText('This browser has no seat here.').waitFor();
    await learner.page.goto(personal);
    await learner.button('Open in the browser').click();
    await learner.button('Join').click();
    await learner.page.getByText(`Seat 1 · ${LEARNER}`).waitFor();
    await learner.isState('connected');
    assert.deepEqual(learner.complaints, []);
  });

  it('joins again by itself where the token has become too old', async () => {
    // A token that ended in 1970, and that the server does not take.
    const old = `e30.${Buffer.from('{"exp":1}').toString('base64url')}.x`;
    const key = `carapace.seat.${workshop.id}`;
    const kept = JSON.parse(String(await learner.page.evaluate(`localStorage.getItem('${key}')`))) as object;
    const changed = JSON.stringify({ ...kept, learner_token: old });
    await learner.page.evaluate(`localStorage.setItem('${key}', ${JSON.stringify(changed)})`);
    await learner.page.reload();
    await learner.isState('connected');
    await learner.page.getByText(`Seat 1 · ${LEARNER}`).waitFor();
    const now = String(await learner.page.evaluate(`localStorage.getItem('${key}')`));
    assert.ok(!now.includes(old) && now.includes('"seat":1'));
    learner.complaints.length = 0;
  });

  it('gives somebody else at the same browser a seat of their own', async () => {
    const shared = await browser.newContext();
    shared.setDefaultTimeout(PATIENCE_MS);
    try {
      for (const [seat, name] of [
        [2, 'Cara'],
        [3, 'Dan'],
      ] as const) {
        const page = new LearnerPage(await shared.newPage());
        await page.page.goto(link);
        await page.button('Open in the browser').click();
        if (seat === 3) {
          await page.page.getByText('joined already, as Cara on seat 2').waitFor();
          await page.button('I am somebody else').click();
          await page.page.getByText('It forgets that seat when you join').waitFor();
          await page.picture('somebody-else');
        }
        await page.page.getByLabel('Your name').fill(name);
        await page.button('Join').click();
        await page.page.getByText(`Seat ${seat} · ${name}`).waitFor();
        await page.isState('connected');
      }
    } finally {
      await shared.close();
    }
  });

  it('tells that the workshop was stopped, and goes on when it is started again', async () => {
    const { client } = controlPlane;
    const { id } = workshop;
    const stopped = await ended(client, await client.stopWorkshop(id));
    assert.equal(stopped.status, 'succeeded', stopped.error?.message);
    await learner.page.getByText('stopped; your files are kept').waitFor();
    await learner.page.getByText('The seat does not run now.').waitFor();
    await learner.picture('stopped');
    const started = await ended(client, await client.startWorkshop(id));
    assert.equal(started.status, 'succeeded', started.error?.message);
    await learner.isState('connected');
    await learner.type('clear; cat my*.txt\n');
    await learner.shows(/^mine$/m);
    learner.complaints.length = 0;
  });

  it('tells the learner that the teacher has freed the seat', async () => {
    const operation = await controlPlane.client.freeSeat(workshop.id, 1);
    await learner.page.getByText(`Your teacher has freed your seat in "${NAME}".`).waitFor();
    await learner.picture('freed');
    await ended(controlPlane.client, operation);
    await learner.button('Back to the join page').click();
    await learner.button('Open in the browser').waitFor();
    assert.deepEqual(await learner.page.evaluate('Object.keys(localStorage)'), []);
  });

  it('says how long to wait after too many wrong codes', async () => {
    const wrong = `fetch('api/join', { method: 'POST', body: '{"code":"2222-2222"}', headers: { 'content-type': 'application/json' } })`;
    await learner.page.evaluate(`Promise.all(Array.from({ length: 25 }, () => ${wrong}))`);
    await learner.page.goto('about:blank');
    await learner.page.goto(link.replace(/#.*/, '#2222-2222'));
    await learner.button('Open in the browser').click();
    await learner.button('Join').click();
    await learner.page.getByText(/^"Join" can be pressed again in \d+ s\.$/).waitFor();
    assert.ok(await learner.button('Join').isDisabled());
    await learner.picture('slow-down');
  });
});
