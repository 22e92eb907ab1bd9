/** What a learner does on the pages for browsers, and what they see there. */
import type { Locator, Page } from 'playwright-core';
import { until } from '../e2e/control-plane-harness.ts';
import { saveScreenshot } from '../support/screenshot.ts';

/** A learner's page, with what it has complained of. */
export class LearnerPage {
  readonly page: Page;
  readonly complaints: string[] = [];
  readonly #pictures: string;

  /** @param pictures begins the names of the screenshots */
  constructor(page: Page, pictures = 'browser') {
    this.page = page;
    this.#pictures = pictures;
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        this.complaints.push(`${message.text()} ${message.location().url}`);
    });
    page.on('pageerror', (error) => this.complaints.push(String(error.stack)));
  }

  button(name: string | RegExp, within: Locator | Page = this.page): Locator {
    return within.getByRole('button', { name, exact: typeof name === 'string' });
  }

  get dialog(): Locator {
    return this.page.getByRole('dialog');
  }

  get editor(): Locator {
    return this.page.getByRole('region', { name: 'Editor' });
  }

  get text(): Locator {
    return this.editor.getByRole('textbox');
  }

  get files(): Locator {
    return this.page.getByRole('region', { name: 'Files' });
  }

  file(name: string | RegExp): Locator {
    return this.files.getByRole('button', { name: typeof name === 'string' ? `File ${name},` : name });
  }

  /** What the terminal shows, line for line. */
  async screen(): Promise<string> {
    const rows = await this.page.locator('#terminal .xterm-rows > div').allTextContents();
    return rows.map((row) => row.replaceAll('\u00a0', ' ').trimEnd()).join('\n');
  }

  async shows(pattern: RegExp): Promise<string> {
    return until(`the terminal shows ${pattern.source}`, async () => {
      const text = await this.screen();
      return pattern.test(text) ? text : undefined;
    });
  }

  async type(text: string): Promise<void> {
    await this.page.locator('#terminal textarea').focus();
    await this.page.keyboard.type(text);
  }

  async isState(state: string): Promise<void> {
    await this.page.locator('#connection', { hasText: state }).waitFor();
  }

  async picture(name: string): Promise<void> {
    await saveScreenshot(this.page, `${this.#pictures}-${name}`);
  }
}
