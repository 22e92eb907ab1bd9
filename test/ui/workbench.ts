/** What a person does in a window of VS Code, and what they see there. */
import type { Locator, Page } from 'playwright-core';
import { saveScreenshot } from '../support/screenshot.ts';
import { tryPress } from './press.ts';
import { Terminals } from './terminals.ts';

/** How long the palette may take to show what was looked for; then it is opened again. */
const PALETTE_MS = 10_000;

/** Of a choice in a list, without what stands beside and below it. */
const LABEL = '.quick-input-list-row:first-child .label-name';

export class Workbench extends Terminals {
  private readonly name: string;
  private pictures = 0;

  /** @param name begins the names of the screenshots */
  constructor(page: Page, name: string) {
    super(page);
    this.name = name;
  }

  /** The same person at another page; the pictures count on. */
  on(page: Page): Workbench {
    const bench = new Workbench(page, this.name);
    bench.pictures = this.pictures;
    return bench;
  }

  /** Saves what is on the screen as the next picture. */
  async picture(about: string): Promise<void> {
    this.pictures += 1;
    await saveScreenshot(this.page, `${this.name}-${String(this.pictures).padStart(2, '0')}-${about}`);
  }

  async openCarapace(): Promise<void> {
    await this.page.locator('.activitybar .action-label[aria-label^="Carapace"]').click();
    await this.view('Workshops').waitFor();
  }

  /** The heading of one of Carapace's views. */
  view(title: string): Locator {
    return this.page.locator(`.pane-header[aria-label^="${title}"]`);
  }

  async pressInView(title: string, action: string): Promise<void> {
    await this.pressIcon(this.view(title), action);
  }

  /** A row of a tree, by how it begins when it is read aloud. */
  row(begins: string): Locator {
    return this.page.locator(`[role="treeitem"][aria-label^=${JSON.stringify(begins)}]`);
  }

  /** Presses an icon that appears in a row when the mouse is over it. */
  async pressInRow(begins: string, action: string): Promise<void> {
    await this.pressIcon(this.row(begins), action);
  }

  /** Presses a row of a tree. */
  async pressRow(begins: string): Promise<void> {
    await this.press(this.row(begins), begins);
  }

  /** Opens a row of a tree where it is closed, as that of an operation is which had ended when it was first shown. */
  async expand(begins: string): Promise<void> {
    const row = this.row(begins);
    await row.waitFor();
    if ((await row.getAttribute('aria-expanded')) === 'false') await this.pressRow(begins);
  }

  /** Presses a button of a notification. */
  async pressInNotification(text: string | RegExp, name: string): Promise<void> {
    await this.press(this.notification(text).getByRole('button', { name, exact: true }), name);
  }

  private async pressIcon(place: Locator, action: string): Promise<void> {
    await this.press(place.locator(`.action-label[aria-label="${action}"]`), action, place);
  }

  /** Rows and notifications move and are drawn anew: presses until it is the thing of that name that was clicked. */
  private async press(target: Locator, name: string, over?: Locator): Promise<void> {
    await this.until(
      async () => {
        await over?.hover();
        return tryPress(target);
      },
      (clicked) => clicked.startsWith(name),
      `a click of "${name}"`,
    );
  }

  get menu(): Locator {
    return this.page.locator('.context-view .monaco-menu');
  }

  /** Chooses in the context menu that is open, by Enter: VS Code takes no click in the first moments of a menu. */
  async chooseInMenu(name: string): Promise<void> {
    const item = this.menu.getByText(name, { exact: true });
    await item.hover();
    const label = this.page.getByText(name, { exact: true });
    await this.menu.locator('.action-menu-item:focus').filter({ has: label }).waitFor();
    await this.page.keyboard.press('Enter');
    await this.menu.waitFor({ state: 'hidden' });
  }

  /** A button of a view that has nothing else to show. */
  button(name: string): Locator {
    return this.page.locator('.welcome-view-content').getByRole('button', { name, exact: true });
  }

  async pressButton(name: string): Promise<void> {
    await this.press(this.button(name), name);
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator('.notifications-toasts .notification-list-item', { hasText: text });
  }

  /** Takes notifications away that would cover something. */
  async closeNotifications(): Promise<void> {
    await this.command('Notifications: Clear All Notifications');
  }

  /** Runs a command by its name, by keyboard alone. */
  async command(name: string): Promise<void> {
    await this.begin(name);
    await this.quickInput.waitFor({ state: 'hidden' });
  }

  /** The same for a command that asks something at the top of the window. */
  async begin(name: string): Promise<void> {
    // Enter takes what has the mark: until the list was filtered, that is what was used last.
    await this.openPalette(name, this.marked(new RegExp(`^\\s*${name.replaceAll(/[.()]/g, '\\$&')}\\s*$`)));
    await this.input.press('Enter');
  }

  /** The palette closes when something else takes the focus, as what was opened just before may: then it is opened again. */
  private async openPalette(search: string, shown: Locator): Promise<void> {
    await this.until(
      async () => {
        await this.page.keyboard.press('F1');
        const filtered = this.input.fill(`>${search}`, { timeout: PALETTE_MS });
        return filtered
          .then(() => shown.waitFor({ timeout: PALETTE_MS }))
          .then(
            () => 'shown',
            (error: unknown) => String(error),
          );
      },
      (seen) => seen === 'shown',
      `"${search}" in the palette`,
    );
  }

  /** Has VS Code open a link as the operating system would hand it over, and lets it be the extension's. */
  async openLink(link: string): Promise<void> {
    await this.begin('Developer: Open URL');
    await this.until(
      () => this.input.inputValue(),
      (value) => value === '',
      'the question for the link',
    );
    await this.answer(link);
    await this.dialog.getByText("Allow 'Carapace' extension to open this URI?").waitFor();
    await this.dialog.getByRole('button', { name: 'Open', exact: true }).click();
  }

  /** The commands that the palette finds, by their names as they are read aloud. */
  async commands(search: string): Promise<string[]> {
    // What fits is marked letter by letter: nothing is in a list that was not filtered yet.
    const fits = this.page.locator('.quick-input-list .monaco-list-row.focused .highlight');
    await this.openPalette(search, fits.first());
    const labels = await this.page.locator(`.quick-input-list ${LABEL}`).allTextContents();
    await this.input.press('Escape');
    await this.quickInput.waitFor({ state: 'hidden' });
    return labels.map((label) => label.trim());
  }

  private get quickInput(): Locator {
    return this.page.locator('.quick-input-widget');
  }

  /** The label in a list that Enter takes. */
  private marked(label: string | RegExp): Locator {
    return this.page.locator(`.quick-input-list .monaco-list-row.focused ${LABEL}`, { hasText: label });
  }

  /** Writes into the input at the top of the window, and presses Enter. */
  async answer(text: string): Promise<void> {
    await this.input.fill(text);
    await this.input.press('Enter');
  }

  /** Takes what is proposed at that step of a form. */
  async enter(place: string): Promise<void> {
    await this.step(place).waitFor();
    await this.input.press('Enter');
  }

  /** The same where it is a choice. */
  async enterChoice(place: string): Promise<void> {
    await this.step(place).waitFor();
    await this.marked(/\S/).waitFor();
    await this.input.press('Enter');
  }

  /** The input at the top of the window, of questions and pick lists. */
  get input(): Locator {
    return this.quickInput.locator('.quick-input-box input');
  }

  /** The heading of a question, which says how far it is, such as `1/3`. */
  step(place: string): Locator {
    return this.quickInput.locator('.quick-input-titlebar', { hasText: `(${place})` });
  }

  /** What is said about the text in the input. */
  get inputMessage(): Locator {
    return this.quickInput.locator('.quick-input-message');
  }

  choice(text: string): Locator {
    return this.page.locator('.quick-input-list [role="option"]', { hasText: text });
  }

  /** Takes what is in a list, by keyboard alone: rows are drawn anew while the list is still filled. */
  async choose(text: string): Promise<void> {
    await this.choice(text).waitFor();
    await this.input.fill(text);
    await this.marked(text).waitFor();
    await this.input.press('Enter');
  }

  get dialog(): Locator {
    return this.page.locator('.monaco-dialog-box');
  }

  /** The text editor of a file of a seat. */
  editor(path: string): Locator {
    return this.page.locator(`.monaco-editor[data-uri^="carapace-seat:"][data-uri$="${path}"]`);
  }

  /** The tab of an editor; `dirty` where it has changes that are not saved. */
  tab(label: string, dirty = false): Locator {
    const state = dirty ? '.dirty' : ':not(.dirty)';
    return this.page.locator(`.tabs-container .tab${state}`, { hasText: label });
  }

  /** Waits until the text editor of a file of this machine shows it. */
  async editorShows(path: string, text: string): Promise<void> {
    const editor = this.page.locator(`.monaco-editor[data-uri$="${path}"]`);
    await editor.getByText(text).waitFor();
  }

  /** Types at the end of a file of this machine and leaves it unsaved. */
  async editText(path: string, text: string): Promise<void> {
    await this.typeInto(this.page.locator(`.monaco-editor[data-uri$="${path}"]`), text);
  }

  /** Types at the end of a file and leaves it unsaved. */
  async typeAtEnd(path: string, text: string): Promise<void> {
    await this.typeInto(this.editor(path), text);
  }

  private async typeInto(editor: Locator, text: string): Promise<void> {
    await editor.locator('.view-lines').click();
    await this.page.locator('.monaco-editor.focused').and(editor).waitFor();
    await this.page.keyboard.press('Control+End');
    await this.page.keyboard.type(text);
  }
}
