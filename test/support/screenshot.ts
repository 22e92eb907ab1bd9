/** Pictures of what a person would have seen, for looking at after a run. */
import type { Page } from 'playwright-core';

/** Saves the page as out/screenshots/NAME.png, relative to the checkout. */
export async function saveScreenshot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `out/screenshots/${name}.png` });
}
