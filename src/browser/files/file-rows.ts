/** The rows of a folder on the page. */
import type { FileEntry } from '../../protocol/files.ts';
import { make } from '../dom.ts';
import { t } from '../language.ts';
import { FileRow, type RowActions } from './file-row.ts';

/** More than this nobody reads, and a page becomes slow. */
const MAX_ROWS = 1_000;

export class FileRows {
  readonly #list: HTMLUListElement;
  readonly #actions: RowActions;
  /** By the paths of their files. */
  #rows = new Map<string, FileRow>();
  /** What is in the list, in its order. */
  #shown: readonly HTMLLIElement[] = [];
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
    const rows = entries.slice(0, MAX_ROWS).map((entry) => [entry.path, this.#row(entry)] as const);
    this.#rows = new Map(rows);
    const left = entries.length - rows.length;
    const rest = left > 0 ? [make('li', { textContent: t('and {0} more: use the terminal', left) })] : [];
    const none = entries.length === 0 ? [make('li', { className: 'none', textContent: t('Nothing is in here.') })] : [];
    this.#arrange([...rows.map(([, row]) => row.element), ...rest, ...none]);
  }

  /** @returns whether there is a row to be on */
  focus(): boolean {
    const first = this.#list.querySelector<HTMLElement>('.open');
    first?.focus();
    return first !== null;
  }

  #row(entry: FileEntry): FileRow {
    const { path } = entry;
    const row = this.#rows.get(path) ?? new FileRow(entry, this.#actions, () => this.#toggle(path));
    row.show(entry, this.#expanded === path);
    return row;
  }

  /** Takes away what is not wanted and puts in what is new: what stays is not touched. */
  #arrange(wanted: readonly HTMLLIElement[]): void {
    const isWanted = new Set(wanted);
    for (const element of this.#shown) if (!isWanted.has(element)) element.remove();
    const staying = new Set(this.#shown.filter((element) => isWanted.has(element)));
    for (const element of wanted) {
      const [next] = staying;
      staying.delete(element);
      if (element !== next) this.#list.insertBefore(element, next ?? null);
    }
    this.#shown = wanted;
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
}
