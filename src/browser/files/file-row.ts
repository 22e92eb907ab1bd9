/** One row of a folder on the page. */
import { formatBytes } from '../../client/format.ts';
import type { FileEntry } from '../../protocol/files.ts';
import { button, make } from '../dom.ts';
import { locale, t } from '../language.ts';
import { shownName } from '../../client/file-paths.ts';

export interface RowActions {
  readonly open: (entry: FileEntry) => void;
  readonly download: (entry: FileEntry) => void;
  readonly rename: (entry: FileEntry) => void;
  readonly remove: (entry: FileEntry) => void;
}

/**
 * Its elements stay for as long as the file is shown, whatever changes of it: a button that is replaced while it is
 * pressed is pressed in vain, and takes the focus with it.
 */
export class FileRow {
  readonly element = make('li');
  readonly #icon = make('span', { ariaHidden: 'true' });
  readonly #size = make('span', { className: 'size' });
  readonly #open: HTMLButtonElement;
  readonly #more: HTMLButtonElement;
  readonly #actions: HTMLElement;
  #entry: FileEntry;

  /** @param toggle shows its actions, or hides them */
  constructor(entry: FileEntry, { open, download, rename, remove }: RowActions, toggle: () => void) {
    this.#entry = entry;
    const shown = shownName(entry.name);
    const name = make('span', { className: 'name', textContent: shown, title: shown });
    this.#open = make('button', { type: 'button', className: 'open' }, this.#icon, name, this.#size);
    this.#open.addEventListener('click', () => open(this.#entry));
    this.#more = button('⋯', toggle, t('More for {0}', shown));
    this.#more.className = 'more';
    const act = (text: string, label: string, work: (entry: FileEntry) => void) =>
      button(text, () => work(this.#entry), label);
    const actions = [
      act(t('Download'), t('Download {0}', shown), download),
      act(t('Rename'), t('Rename {0}', shown), rename),
      act(t('Delete'), t('Delete {0}', shown), remove),
    ];
    this.#actions = make('div', { className: 'actions' }, ...actions);
    this.element.append(make('div', { className: 'row' }, this.#open, this.#more));
  }

  /** @param entry what is there now under the path that the row was made for */
  show(entry: FileEntry, isExpanded: boolean): void {
    this.#entry = entry;
    const shown = shownName(entry.name);
    const size = entry.is_directory ? '' : formatBytes(entry.size, t, locale());
    this.#icon.className = entry.is_directory ? 'icon folder' : 'icon';
    this.#size.textContent = size;
    this.#open.ariaLabel = entry.is_directory ? t('Folder {0}', shown) : t('File {0}, {1}', shown, size);
    this.#more.ariaExpanded = String(isExpanded);
    // Where they are shown already they stay as they are: to append an element again is to take it away first.
    if (!isExpanded) this.#actions.remove();
    else if (!this.element.contains(this.#actions)) this.element.append(this.#actions);
  }
}
