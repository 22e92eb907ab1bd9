/** The rows of a folder on the page. */
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

/** More than this nobody reads, and a page becomes slow. */
const MAX_ROWS = 1_000;

export class FileRows {
  readonly #list: HTMLUListElement;
  readonly #actions: RowActions;
  /** The path of the row whose actions are shown. */
  #expanded: string | undefined;
  #entries: readonly FileEntry[] = [];

  constructor(list: HTMLUListElement, actions: RowActions) {
    this.#list = list;
    this.#actions = actions;
    list.addEventListener('keydown', (event) => this.#move(event));
  }

  /** Shows a folder; whoever is on a row stays on it. */
  show(entries: readonly FileEntry[]): void {
    this.#entries = entries;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement : undefined;
    const place = focused !== undefined && this.#list.contains(focused) ? focused.dataset : undefined;
    const rows = entries.slice(0, MAX_ROWS).map((entry) => this.#row(entry));
    const left = entries.length - rows.length;
    const rest = left > 0 ? [make('li', { textContent: t('and {0} more: use the terminal', left) })] : [];
    const none = entries.length === 0 ? [make('li', { className: 'none', textContent: t('Nothing is in here.') })] : [];
    this.#list.replaceChildren(...rows, ...rest, ...none);
    if (place !== undefined) this.#find(place['path'], place['part'])?.focus();
  }

  /** @returns whether there is a row to be on */
  focus(): boolean {
    const first = this.#list.querySelector<HTMLElement>('.open');
    first?.focus();
    return first !== null;
  }

  #row(entry: FileEntry): HTMLLIElement {
    const { path, name } = entry;
    const shown = shownName(name);
    const isExpanded = this.#expanded === path;
    const size = formatBytes(entry.size, t, locale());
    const open = make(
      'button',
      { type: 'button', className: 'open' },
      make('span', { className: entry.is_directory ? 'icon folder' : 'icon', ariaHidden: 'true' }),
      make('span', { className: 'name', textContent: shown, title: shown }),
      make('span', { className: 'size', textContent: entry.is_directory ? '' : size }),
    );
    open.ariaLabel = entry.is_directory ? t('Folder {0}', shown) : t('File {0}, {1}', shown, size);
    open.addEventListener('click', () => this.#actions.open(entry));
    const more = button('⋯', () => this.#toggle(path), t('More for {0}', shown));
    more.className = 'more';
    more.ariaExpanded = String(isExpanded);
    mark(open, path, 'open');
    mark(more, path, 'more');
    const row = make('li', {}, make('div', { className: 'row' }, open, more));
    if (isExpanded) row.append(this.#actionsOf(entry, shown));
    return row;
  }

  #actionsOf(entry: FileEntry, shown: string): HTMLElement {
    const { download, rename, remove } = this.#actions;
    const buttons: [string, string, (entry: FileEntry) => void][] = [
      [t('Download'), t('Download {0}', shown), download],
      [t('Rename'), t('Rename {0}', shown), rename],
      [t('Delete'), t('Delete {0}', shown), remove],
    ];
    const made = buttons.map(([text, label, act]) => {
      const one = button(text, () => act(entry), label);
      mark(one, entry.path, text);
      return one;
    });
    return make('div', { className: 'actions' }, ...made);
  }

  #toggle(path: string): void {
    this.#expanded = this.#expanded === path ? undefined : path;
    this.show(this.#entries);
  }

  /** Up and down go from row to row. */
  #move(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    const rows = [...this.#list.querySelectorAll<HTMLElement>('.open')];
    const focused = document.activeElement;
    const at = rows.findIndex((row) => row.closest('li')?.contains(focused) === true);
    event.preventDefault();
    rows[at + step]?.focus();
  }

  #find(path: string | undefined, part: string | undefined): HTMLElement | undefined {
    const controls = [...this.#list.querySelectorAll<HTMLElement>('button')];
    return controls.find(({ dataset }) => dataset['path'] === path && dataset['part'] === part);
  }
}

function mark({ dataset }: HTMLElement, path: string, part: string): void {
  dataset['path'] = path;
  dataset['part'] = part;
}
