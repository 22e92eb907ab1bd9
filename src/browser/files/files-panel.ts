/** The seat's files on the page: one folder at a time. */
import { ConflictError, NotFoundError, TooLargeError } from '../../protocol/errors.ts';
import type { FileEntry, WatchEvent } from '../../protocol/files.ts';
import { ask, askLine } from '../ask.ts';
import { button, make } from '../dom.ts';
import { t } from '../language.ts';
import { sentenceOf } from '../sentence.ts';
import { FileRows } from './file-rows.ts';
import { FILE_SENTENCES } from './file-sentences.ts';
import { MAX_DOWNLOAD_BYTES, type PageFiles } from './page-files.ts';
import { joinPath, parentOf, shownName } from '../../client/file-paths.ts';
import { nameProblem, trailOf } from './paths.ts';
import { saveFile } from './save-file.ts';
import { upload } from './upload.ts';

/** Changes that come so close to each other are shown at once, in milliseconds. */
const GATHER_MS = 150;

export interface FilesPanelParts {
  readonly host: HTMLElement;
  readonly files: PageFiles;
  /** Opens a file to be edited. */
  readonly edit: (entry: FileEntry) => void;
  /** Something was renamed or removed from here. */
  readonly moved: (from: string, to: string | undefined) => void;
}

export class FilesPanel {
  readonly #parts: FilesPanelParts;
  readonly #trail = make('nav', { ariaLabel: t('Folder') });
  readonly #progress = make('p', { role: 'status' });
  readonly #problem = make('p', { className: 'error', role: 'alert' });
  readonly #rows: FileRows;
  #folder = '';
  /** Answers of requests that were made before this one are late. */
  #turn = 0;
  #uploads = 0;
  /** Why what the person did last has failed, and why the folder is not read; '' where neither is so. */
  #failure = '';
  #unread = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: FilesPanelParts) {
    this.#parts = parts;
    const list = make('ul');
    this.#rows = new FileRows(list, {
      open: (entry) => this.#open(entry),
      download: (entry) => this.download(entry),
      rename: (entry) => void this.#do(() => this.#rename(entry)),
      remove: (entry) => void this.#do(() => this.#remove(entry)),
    });
    parts.host.append(this.#trail, this.#tools(), this.#progress, this.#problem, list);
    this.#acceptDrops();
    this.#showTrail();
  }

  /** Whether files of this machine are on their way: they end with the page. */
  get isUploading(): boolean {
    return this.#uploads > 0;
  }

  /** Reads the folder anew. */
  async refresh(): Promise<void> {
    const turn = (this.#turn += 1);
    const folder = this.#folder;
    try {
      const entries = await this.#parts.files.list(folder);
      if (turn !== this.#turn) return;
      this.#rows.show(entries);
      this.#unread = '';
    } catch (error) {
      if (turn !== this.#turn) return;
      if (error instanceof NotFoundError && folder !== '') this.#goTo(parentOf(folder));
      else this.#unread = sentenceOf(error, FILE_SENTENCES);
    }
    this.#showProblem();
  }

  /** Shows what has happened in the seat, where it is about this folder. */
  take(event: WatchEvent): void {
    const isOurs = event.type === 'reset' || parentOf(event.path) === this.#folder || event.path === this.#folder;
    if (!isOurs) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), GATHER_MS);
  }

  /** Saves a file, or a folder as an archive, on this machine. */
  download(entry: FileEntry): void {
    void this.#do(() => this.#download(entry));
  }

  focus(): void {
    if (!this.#rows.focus()) this.#parts.host.querySelector('button')?.focus();
  }

  #tools(): HTMLElement {
    const chosen = make('input', { type: 'file', multiple: true, hidden: true, ariaLabel: t('Files to upload') });
    chosen.addEventListener('change', () => {
      this.#upload([...(chosen.files ?? [])]);
      chosen.value = '';
    });
    return make(
      'div',
      { className: 'actions' },
      button(t('New file'), () => void this.#do(() => this.#newFile())),
      button(t('New folder'), () => void this.#do(() => this.#newFolder())),
      button(t('Upload'), () => chosen.click()),
      chosen,
    );
  }

  #goTo(folder: string): void {
    this.#folder = folder;
    this.#showTrail();
    void this.refresh();
  }

  #showTrail(): void {
    const steps = trailOf(this.#folder).map(({ name, path }) => button(shownName(name), () => this.#goTo(path)));
    steps.at(-1)?.setAttribute('aria-current', 'true');
    this.#trail.replaceChildren(...steps.flatMap((step, index) => (index === 0 ? [step] : [' / ', step])));
  }

  #open(entry: FileEntry): void {
    if (!entry.is_directory) this.#parts.edit(entry);
    else {
      this.#goTo(entry.path);
      // The row that was pressed is gone.
      this.#trail.querySelector<HTMLElement>('[aria-current]')?.focus();
    }
  }

  async #newFile(): Promise<void> {
    const name = await this.#askName(t('New file'), '');
    if (name === undefined) return;
    const path = joinPath(this.#folder, name);
    await this.#parts.files.write(path, new Uint8Array(), { ifNoneMatch: '*' });
    const { file } = await this.#parts.files.stat(path);
    this.#parts.edit(file);
  }

  async #newFolder(): Promise<void> {
    const name = await this.#askName(t('New folder'), '');
    if (name !== undefined) await this.#parts.files.makeFolder(joinPath(this.#folder, name));
  }

  async #rename({ path, name }: FileEntry): Promise<void> {
    const given = await this.#askName(t('Rename "{0}"', shownName(name)), name);
    if (given === undefined || given === name) return;
    const to = joinPath(parentOf(path), given);
    try {
      await this.#parts.files.move(path, to, { overwrite: false });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const replace = t('Replace');
      const text = t('What it is now would be lost.');
      if ((await ask({ title: t('Replace "{0}"?', given), text, choices: [replace] })) !== replace) return;
      await this.#parts.files.move(path, to, { overwrite: true });
    }
    this.#parts.moved(path, to);
  }

  async #remove(entry: FileEntry): Promise<void> {
    const remove = t('Delete');
    const text = entry.is_directory ? t('Everything in it goes, too. It cannot be undone.') : t('It cannot be undone.');
    const title = t('Delete "{0}"?', shownName(entry.name));
    if ((await ask({ title, text, choices: [remove] })) !== remove) return;
    await this.#parts.files.remove(entry.path);
    this.#parts.moved(entry.path, undefined);
  }

  async #download({ path, name, is_directory, size }: FileEntry): Promise<void> {
    if (!is_directory && size > MAX_DOWNLOAD_BYTES) throw tooLarge(name);
    this.#progress.textContent = t('Downloading {0}…', shownName(name));
    const { files } = this.#parts;
    const bytes = is_directory ? await files.packed(path) : (await files.readUpTo(MAX_DOWNLOAD_BYTES, path)).bytes;
    saveFile(is_directory ? `${name}.tar.gz` : name, bytes);
    this.#progress.textContent = t('Downloaded {0}.', shownName(name));
  }

  #upload(chosen: readonly File[]): void {
    const folder = this.#folder;
    const say = (text: string) => (this.#progress.textContent = text);
    if (chosen.length === 0) return;
    this.#uploads += 1;
    void this.#do(() => upload(this.#parts.files, folder, chosen, say)).finally(() => (this.#uploads -= 1));
  }

  #acceptDrops(): void {
    const { host } = this.#parts;
    const mark = (isOver: boolean) => host.classList.toggle('dropping', isOver);
    host.addEventListener('dragover', (event) => {
      event.preventDefault();
      mark(true);
    });
    host.addEventListener('dragleave', () => mark(false));
    host.addEventListener('drop', (event) => {
      event.preventDefault();
      mark(false);
      this.#upload([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** What a person does: its error is told until they do something else, and the folder shown as it is then. */
  async #do(work: () => Promise<void>): Promise<void> {
    this.#failure = '';
    this.#showProblem();
    this.#progress.textContent = '';
    try {
      await work();
    } catch (error) {
      this.#progress.textContent = '';
      this.#failure = sentenceOf(error, FILE_SENTENCES);
    }
    await this.refresh();
    this.#showProblem();
  }

  /** What stays as it is must not be read out again. */
  #showProblem(): void {
    const problem = this.#failure === '' ? this.#unread : this.#failure;
    if (this.#problem.textContent !== problem) this.#problem.textContent = problem;
  }

  #askName(title: string, value: string): Promise<string | undefined> {
    return askLine({ title, label: t('Name'), value, check: nameProblem });
  }
}

function tooLarge(name: string): TooLargeError {
  const limit = MAX_DOWNLOAD_BYTES / 1024 / 1024;
  return new TooLargeError(
    t('"{0}" is larger than {1} MiB, more than a browser downloads here.', shownName(name), limit),
  );
}
