/** The pages in a browser whose person reads German, on a small phone: joining, a seat, and what goes wrong there. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { showCode } from '../../src/protocol/names.ts';
import { findHtmlTexts } from '../../tools/l10n/html-texts.ts';
import { end, ended, TestState, type TestControlPlane } from '../e2e/control-plane-harness.ts';
import { launchBrowser } from '../support/browser.ts';
import { saveScreenshot } from '../support/screenshot.ts';

const PATIENCE_MS = 60_000;
const PHONE = { width: 360, height: 740 };
const GERMAN = JSON.parse(readFileSync('l10n/bundle.l10n.de.json', 'utf8')) as Readonly<Record<string, string>>;

/** All that a page says, attributes and what is hidden included. */
const ALL_TEXTS = `[...document.querySelectorAll('*')].flatMap((one) => [
  ...(one.matches('noscript, script') ? [] : [...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data)),
  ...['aria-label', 'placeholder', 'title'].map((name) => one.getAttribute(name) ?? ''),
]).join('\\n').replace(/\\s+/g, ' ')`;

/** Buttons with more in them than fits, or that are not whole on the page. */
const OVERFLOWING = `[...document.querySelectorAll('button, .button')].filter((one) => {
  const { left, right } = one.getBoundingClientRect();
  return one.scrollWidth > one.clientWidth || left < 0 || right > innerWidth;
}).map((one) => one.textContent)`;

describe('the pages in German', () => {
  const state = new TestState();
  let controlPlane: TestControlPlane;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let link: string;

  const button = (name: string, within: Locator | Page = page): Locator =>
    within.getByRole('button', { name, exact: true });
  const dialog = (): Locator => page.getByRole('dialog');
  /** All fits on the screen of a small phone. */
  const picture = async (name: string): Promise<void> => {
    await saveScreenshot(page, `browser-german-${name}`);
    assert.deepEqual(await page.evaluate(OVERFLOWING), [], name);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), PHONE.width, name);
  };
  /** That whatever stands in the HTML is said in German. */
  const assertTranslated = async (document: string): Promise<void> => {
    assert.equal(await page.evaluate('document.documentElement.lang'), 'de');
    const said = String(await page.evaluate(ALL_TEXTS));
    const texts = findHtmlTexts(readFileSync(`media/browser/${document}`, 'utf8'));
    assert.ok(texts.length > 5);
    for (const text of texts) {
      const german = GERMAN[text];
      assert.ok(german !== undefined, text);
      for (const piece of german.split(/\{\d\}/)) assert.ok(said.includes(piece.trim()), `${german} in ${said}`);
    }
  };

  before(async () => {
    controlPlane = await state.serve();
    const made = await controlPlane.client.createWorkshop({ name: 'Einführung in Linux', seats: 1 });
    const operation = await ended(controlPlane.client, made.operation);
    assert.equal(operation.status, 'succeeded', operation.error?.message);
    link = `${controlPlane.file.url}/join#${showCode(made.workshop.code)}`;
    browser = await launchBrowser();
    context = await browser.newContext({ viewport: PHONE, locale: 'de-DE', hasTouch: true, isMobile: true });
    context.setDefaultTimeout(PATIENCE_MS);
    page = await context.newPage();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await saveScreenshot(page, 'browser-german-failed');
  });
  after(async () => {
    await browser.close();
    await end(controlPlane);
    await state.dispose();
  });

  it('tell how to join, and what is wrong with a code', async () => {
    await page.goto(link.replace(/#.*/, '#2222-2222'));
    await assertTranslated('join.html');
    await page.getByText('Ihr Beitrittscode ist 2222-2222.').waitFor();
    await button('Im Browser öffnen').click();
    await page.getByLabel('Ihr Name').fill('Jörg');
    await button('Beitreten').click();
    await page.getByRole('alert').getByText('Kein Workshop hat diesen Beitrittscode.').waitFor();
    await picture('join');
  });

  it('tell that there is no seat', async () => {
    await page.goto(link.replace(/join#.*/, 'seat#none'));
    await page.getByText('Dieser Browser hat hier keinen Platz.').waitFor();
    await assertTranslated('seat.html');
  });

  it('show a seat, with its times', async () => {
    await page.goto(link);
    await button('Im Browser öffnen').click();
    await page.getByLabel('Ihr Name').fill('Jörg');
    await button('Beitreten').click();
    await page.getByText('Platz 1 · Jörg').waitFor();
    await page.getByText(/^endet \d\d:\d\d, noch /).waitFor();
    await page.locator('#connection', { hasText: /^verbunden$/ }).waitFor();
    await button('Persönlichen Link kopieren').waitFor();
    await page.getByRole('textbox', { name: 'Eingabe ins Terminal' }).waitFor();
    await picture('seat');
  });

  it('ask what becomes of a file that two have changed', async () => {
    await button('Neue Datei').click();
    await dialog().getByLabel('Name').fill('notizen.txt');
    await picture('new-file');
    await button('OK', dialog()).click();
    const text = page.getByRole('textbox', { name: 'Text von notizen.txt' });
    await text.fill('meins\n');
    writeFileSync(join(state.home, seatHome(), 'notizen.txt'), 'anderes\n');
    await page.getByText('hier und im Platz geändert').waitFor();
    await button('Speichern').click();
    await dialog().getByText('„notizen.txt“ wurde inzwischen geändert').waitFor();
    await dialog().getByText('„Andere Fassung laden“ zeigt, was jetzt da ist').waitFor();
    await picture('conflict');
    await button('Überschreiben', dialog()).click();
    await page.getByRole('status').getByText('gespeichert', { exact: true }).waitFor();
    assert.equal(readFileSync(join(state.home, seatHome(), 'notizen.txt'), 'utf8'), 'meins\n');
  });

  it('say why the seat did not do something', async () => {
    await button('Neuer Ordner').click();
    await dialog().getByLabel('Name').fill('notizen.txt');
    await button('OK', dialog()).click();
    await page.getByRole('alert').getByText('Etwas dieses Namens gibt es schon').waitFor();
    await button('Mehr zu notizen.txt').click();
    await button('notizen.txt umbenennen').waitFor();
    await picture('file-error');
  });

  it('ask before the seat is left', async () => {
    await button('Verlassen').click();
    await dialog().getByText('Dieser Browser vergisst Ihren Platz.').waitFor();
    await picture('leave');
    await button('Verlassen', dialog()).click();
    await page.getByText('Diese Adresse hat hinter dem # keinen Beitrittscode.').waitFor();
  });

  function seatHome(): string {
    const found = state.leftFiles().find((name) => /seats\/[^/]+\/1\/home$/.test(name));
    assert.ok(found !== undefined, 'the seat has a home folder');
    return found;
  }
});
