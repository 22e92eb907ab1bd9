/** The terminals of a window of VS Code, as a person sees them and types into them. */
import type { Locator, Page } from 'playwright-core';

/** How often a text on the screen is looked at. */
const LOOK_MS = 50;
const PATIENCE_MS = 60_000;
/** How long a terminal may take to come to the front; then its tab is pressed again. */
const FRONT_MS = 2_000;

export class Terminals {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** A terminal in the list beside the terminals, which shows from two of them on. */
  terminalTab(name: string | RegExp): Locator {
    return this.page.locator('.terminal-tabs-entry').filter({ hasText: name });
  }

  private terminalInFrontOf(name: string | RegExp): Locator {
    return this.page.locator('.terminal-tabs-entry.is-active').filter({ hasText: name });
  }

  /** Waits until that terminal of the list is in front: what is typed goes there. */
  async terminalInFront(name: string | RegExp): Promise<void> {
    await this.terminalInFrontOf(name).waitFor();
  }

  /** Brings a terminal of the list to the front; the list is drawn anew whenever a title changes. */
  async showTerminal(name: string | RegExp): Promise<void> {
    await this.until(
      async () => {
        await this.terminalTab(name).click();
        const front = this.terminalInFrontOf(name).waitFor({ timeout: FRONT_MS });
        return front.then(
          () => 'in front',
          (error: unknown) => String(error),
        );
      },
      (seen) => seen === 'in front',
      `the terminal ${String(name)} in front`,
    );
  }

  /** Waits until the shell of that seat is in front, has shown its prompt, and takes keys. */
  async seatShell(seat = 1): Promise<void> {
    await this.terminalShows(new RegExp(`^seat-${seat}:~\\$`, 'm'));
    await this.terminalTakesKeys();
  }

  /** Waits until keys go to the terminal in front: opening one gives it the focus, later than its screen may be seen. */
  async terminalTakesKeys(): Promise<void> {
    await this.page.locator('.terminal-wrapper.active .xterm.focus').waitFor();
  }

  /** What the terminal in front shows. */
  async terminalText(): Promise<string> {
    const rows = await this.page.locator('.terminal-wrapper.active .xterm-rows > div').allTextContents();
    return rows
      .map((row) => row.replaceAll('\u00a0', ' ').trimEnd())
      .join('\n')
      .trimEnd();
  }

  /** Types into the terminal in front, without the mouse, which some programs listen to. */
  async typeInTerminal(text: string): Promise<void> {
    await this.page.locator('.terminal-wrapper.active .xterm-helper-textarea').focus();
    await this.page.keyboard.type(text);
  }

  /** Waits until the terminal in front shows it, and returns all that it shows. */
  async terminalShows(expected: RegExp): Promise<string> {
    return this.until(
      () => this.terminalText(),
      (text) => expected.test(text),
      `the terminal to show ${expected}`,
    );
  }

  /** Looks until what is seen is good. @throws what was seen last, where that takes too long */
  async until<T>(look: () => Promise<T> | T, good: (seen: T) => boolean, about: string): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const seen = await look();
      if (good(seen)) return seen;
      if (Date.now() > deadline) throw new Error(`Waited for ${about}, but saw:\n${String(seen)}`);
      await this.page.waitForTimeout(LOOK_MS);
    }
  }
}
