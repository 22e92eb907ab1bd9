/** Pictures of what a person would have seen, for looking at after a run. */
import type { Page } from 'playwright-core';

/** Relative to the checkout; emptied when the tests begin. */
export const SCREENSHOTS = 'out/screenshots';

/** How long what appears or goes may take to fade in or out. */
const FADE_MS = 300;

/** Saves the page as NAME.png. */
export async function saveScreenshot(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(FADE_MS);
  await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
}
