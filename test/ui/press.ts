/** A press with the mouse, of what VS Code may draw anew at any moment. */
import type { Locator } from 'playwright-core';

/** How long a thing may take to be there, and at rest, under the mouse, in milliseconds. */
const AT_REST_MS = 2_000;

/** Has the page keep what a click came to, by its name. */
const LISTEN = `globalThis.clickedLast ??= (addEventListener('click', ({ target }) => {
  const clicked = target.closest('.action-label, .monaco-button, [role="treeitem"]');
  globalThis.clickedLast = clicked?.ariaLabel ?? clicked?.textContent.trim() ?? '';
}, true), ''); globalThis.clickedLast = '';`;

/**
 * Presses an icon, a button or a row. Where it is drawn anew between the mouse's down and up, that is no click of it: the
 * caller presses again.
 * @returns the name of what was clicked; where nothing was, why
 */
export async function tryPress(target: Locator): Promise<string> {
  const page = target.page();
  await page.evaluate(LISTEN);
  const pressed = target.click({ timeout: AT_REST_MS });
  const why = await pressed.then(
    () => 'no click came to it',
    (error: unknown) => String(error),
  );
  const clicked = String(await page.evaluate('globalThis.clickedLast'));
  return clicked === '' ? why : clicked;
}
