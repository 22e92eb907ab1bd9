/** A seat's page in high contrast, where a browser replaces every color that is not the person's own. */
import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import { showCode } from '../../src/protocol/names.ts';
import { end, ended, TestState, until, type TestControlPlane } from '../e2e/control-plane-harness.ts';
import { launchBrowser } from '../support/browser.ts';
import { LearnerPage } from './learner-page.ts';

const PATIENCE_MS = 60_000;

describe('a seat in the browser in high contrast', () => {
  const state = new TestState();
  let controlPlane: TestControlPlane;
  let browser: Browser;
  let learner: LearnerPage;

  before(async () => {
    controlPlane = await state.serve();
    const made = await controlPlane.client.createWorkshop({ name: 'Intro', seats: 1 });
    assert.equal((await ended(controlPlane.client, made.operation)).status, 'succeeded');
    browser = await launchBrowser();
    const context = await browser.newContext({ forcedColors: 'active', reducedMotion: 'reduce' });
    context.setDefaultTimeout(PATIENCE_MS);
    learner = new LearnerPage(await context.newPage(), 'contrast');
    await learner.page.goto(`${controlPlane.file.url}/join#${showCode(made.workshop.code)}`);
    await learner.button('Open in the browser').click();
    await learner.button('Join').click();
    await learner.isState('connected');
    await learner.shows(/\$/);
  });
  after(async () => {
    await browser.close();
    await end(controlPlane);
    await state.dispose();
  });

  /** @param element an expression that finds it */
  const colorOf = (element: string, property: string): Promise<unknown> =>
    learner.page.evaluate(`getComputedStyle(${element}).getPropertyValue('${property}')`);
  /** Waits until it stands out: the terminal is drawn in other colors only some time after they were chosen. */
  const standsOut = async (element: string): Promise<void> => {
    const ground = (of: string): string => `getComputedStyle(${of}).backgroundColor`;
    await until(`${element} stands out`, async () => {
      const differs = await learner.page.evaluate(`${ground(element)} !== ${ground('document.body')}`);
      return differs === true ? true : undefined;
    });
  };

  it('has icons, which are backgrounds, and shows what is inverse and what is pressed', async () => {
    await learner.type("mkdir folder; printf '\\033[7m%s\\033[0m\\n' inverse\n");
    await learner.page.locator('#files .icon.folder').waitFor();
    await learner.page.locator('#terminal .xterm-rows span', { hasText: /^inverse$/ }).waitFor();
    const icon = "document.querySelector('#files .icon.folder')";
    const inverse =
      "[...document.querySelectorAll('#terminal .xterm-rows span')].find((one) => one.textContent === 'inverse')";
    const button = "document.querySelector('#read-out')";
    const released = await colorOf(button, 'border-top-color');
    assert.match(String(released), /^rgb/);
    await learner.button('Screen reader').click();
    assert.notEqual(await colorOf(button, 'border-top-color'), released, 'a button that is pressed');
    for (const scheme of ['light', 'dark'] as const) {
      await learner.page.emulateMedia({ colorScheme: scheme });
      await standsOut(icon);
      await standsOut(inverse);
      await learner.picture(scheme);
    }
  });
});
