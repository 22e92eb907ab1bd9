/** One text file of the seat, being edited. */
import { ChangedError, NotFoundError } from '../../protocol/errors.ts';
import type { FileEntry, WatchEvent } from '../../protocol/files.ts';
import { ask } from '../ask.ts';
import { button, make } from '../dom.ts';
import { t } from '../language.ts';
import { sentenceOf } from '../sentence.ts';
import { MAX_EDIT_BYTES, bytesOf, editable, uneditableText, type EditableText } from './editable-text.ts';
import { FILE_SENTENCES } from './file-sentences.ts';
import type { PageFiles } from './page-files.ts';
import { isWithin, nameOf, shownName } from '../../client/file-paths.ts';

/** A file as it was read or written last. */
interface OpenFile {
  readonly path: string;
  readonly etag: string;
  readonly text: string;
  readonly lineEnd: EditableText['lineEnd'];
}

/** Changes that come so close to each other are looked at once, in milliseconds. */
const GATHER_MS = 150;

export interface FileEditorParts {
  readonly host: HTMLElement;
  readonly files: PageFiles;
  /** Where the focus goes once nothing is edited any more. */
  readonly closed: () => void;
}

export class FileEditor {
  readonly #parts: FileEditorParts;
  readonly #title = make('h2', { className: 'path' });
  readonly #save = button(t('Save'), () => void this.#doSave());
  readonly #undo = button(t('Back to mine'), () => this.#backToMine());
  readonly #area = make('textarea', { spellcheck: false, autocapitalize: 'off' });
  readonly #state = make('span', { role: 'status' });
  readonly #problem = make('span', { className: 'error', role: 'alert' });
  #file: OpenFile | undefined;
  /** What was typed before another version was taken over it. */
  #mine: string | undefined;
  #isSaving = false;
  /** Files that were wanted before this one are not opened any more. */
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: FileEditorParts) {
    this.#parts = parts;
    const close = button(t('Close'), () => void this.close());
    const bar = make(
      'div',
      { className: 'bar' },
      this.#title,
      this.#state,
      this.#problem,
      this.#undo,
      this.#save,
      close,
    );
    parts.host.append(bar, this.#area);
    this.#area.addEventListener('input', () => this.#show());
    parts.host.addEventListener('keydown', (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 's') return;
      event.preventDefault();
      void this.#doSave();
    });
  }

  /** Whether there is something that only this page has. */
  get isChanged(): boolean {
    return this.#isEdited || this.#mine !== undefined;
  }

  /** Whether the text that is shown is another than the seat's. */
  get #isEdited(): boolean {
    return this.#file !== undefined && this.#area.value !== this.#file.text;
  }

  /**
   * Opens a file in place of the one that is open, after asking about that one's changes.
   * @returns the sentence why it is not edited here; undefined where it is, or the person stays with the other one
   */
  async open({ path, name, size }: FileEntry): Promise<string | undefined> {
    const turn = (this.#turn += 1);
    if (path === this.#file?.path) {
      this.#area.focus();
      return undefined;
    }
    if (!(await this.#mayClose())) return undefined;
    const left = this.#area.value;
    if (size > MAX_EDIT_BYTES) {
      const limit = MAX_EDIT_BYTES / 1024 / 1024;
      return t('"{0}" is larger than {1} MiB and can only be downloaded.', shownName(name), limit);
    }
    const { bytes, etag } = await this.#parts.files.readUpTo(MAX_EDIT_BYTES, path);
    if (turn !== this.#turn) return undefined;
    const content = editable(bytes);
    if (typeof content === 'string') return uneditableText(shownName(name), content);
    // Somebody may have typed on while it was on its way.
    if (this.#area.value !== left && !(await this.#mayClose())) return undefined;
    this.#take({ path, etag, ...content });
    this.#area.focus();
    this.#area.setSelectionRange(0, 0);
    return undefined;
  }

  /** @returns whether it is closed: a person may want to keep their changes */
  async close(): Promise<boolean> {
    if (!(await this.#mayClose())) return false;
    this.#forget();
    this.#parts.closed();
    return true;
  }

  /** Something was renamed or removed from this page. */
  moved(from: string, to: string | undefined): void {
    const file = this.#file;
    if (file === undefined || !isWithin(file.path, from)) return;
    if (to === undefined) {
      if (!this.isChanged) this.#forget();
      else this.#problem.textContent = t('It was deleted; saving makes it anew.');
      return;
    }
    this.#file = { ...file, path: to + file.path.slice(from.length) };
    this.#show();
  }

  /** Looks at the file again where what has happened in the seat may be about it. */
  take(event: WatchEvent): void {
    if (this.#file === undefined || (event.type !== 'reset' && !isWithin(this.#file.path, event.path))) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#check(), GATHER_MS);
  }

  /** Takes what is there now where nothing would be lost. */
  async #check(): Promise<void> {
    const file = this.#file;
    if (file === undefined || this.#isSaving) return;
    try {
      const { etag } = await this.#parts.files.stat(file.path);
      if (etag === file.etag || !this.#isStill(file)) return;
      if (this.#isEdited) this.#state.textContent = t('changed here and in the seat');
      else await this.#reload(file);
    } catch (error) {
      if (error instanceof NotFoundError && file === this.#file) this.#state.textContent = t('deleted in the seat');
    }
  }

  /** Whether it is still as it was when something began. */
  #isStill(file: OpenFile): boolean {
    return file === this.#file && !this.#isSaving;
  }

  async #doSave(): Promise<void> {
    const file = this.#file;
    if (file === undefined || this.#isSaving) return;
    this.#isSaving = true;
    this.#problem.textContent = '';
    this.#show();
    try {
      await this.#write(file, this.#area.value);
    } catch (error) {
      if (file === this.#file) this.#problem.textContent = t('It is not saved. {0}', sentenceOf(error, FILE_SENTENCES));
    } finally {
      this.#isSaving = false;
      this.#show();
    }
  }

  async #write(file: OpenFile, text: string): Promise<void> {
    const { files } = this.#parts;
    const bytes = bytesOf(text, file.lineEnd);
    try {
      const { etag } = await files.write(file.path, bytes, { ifMatch: file.etag });
      this.#wrote(file, text, etag);
    } catch (error) {
      if (!(error instanceof ChangedError)) throw error;
      const choice = await this.#askAboutConflict(file);
      if (choice === 'reload') await this.#reload(file);
      if (choice !== 'overwrite') return;
      const { etag } = await files.write(file.path, bytes);
      this.#wrote(file, text, etag);
    }
  }

  async #askAboutConflict({ path }: OpenFile): Promise<'reload' | 'overwrite' | undefined> {
    const reload = t('Reload theirs');
    const overwrite = t('Overwrite');
    const choice = await ask({
      title: t('"{0}" was changed meanwhile', shownName(nameOf(path))),
      text: t(
        'Somebody else, or a program in the seat, has written or deleted it since you opened it. "{0}" shows what is there now and keeps your text at hand; "{1}" puts yours in its place.',
        reload,
        overwrite,
      ),
      choices: [reload, overwrite],
    });
    if (choice === undefined) return undefined;
    return choice === reload ? 'reload' : 'overwrite';
  }

  /** What was typed while it was on its way is not saved. */
  #wrote(file: OpenFile, text: string, etag: string): void {
    if (file !== this.#file) return;
    this.#file = { ...file, text, etag };
    // Saving theirs as it is decides nothing.
    if (text !== file.text) this.#mine = undefined;
  }

  async #reload(file: OpenFile): Promise<void> {
    const { bytes, etag } = await this.#parts.files.readUpTo(MAX_EDIT_BYTES, file.path);
    if (file !== this.#file) return;
    const content = editable(bytes);
    if (typeof content === 'string') {
      this.#problem.textContent = uneditableText(shownName(nameOf(file.path)), content);
      return;
    }
    // Theirs may change once more before anybody has looked.
    const mine = this.#isEdited ? this.#area.value : this.#mine;
    this.#take({ path: file.path, etag, ...content });
    this.#mine = mine;
    this.#show();
  }

  #backToMine(): void {
    if (this.#mine === undefined) return;
    const other = this.#isEdited ? this.#area.value : undefined;
    this.#area.value = this.#mine;
    this.#mine = other;
    this.#show();
    this.#area.focus();
  }

  async #mayClose(): Promise<boolean> {
    if (!this.isChanged) return true;
    const name = shownName(nameOf(this.#file?.path ?? ''));
    const discard = t('Discard my changes');
    if (!this.#isEdited) {
      const text = t('The text that "{0}" brings back is saved nowhere.', t('Back to mine'));
      return (await ask({ title: t('Close "{0}"?', name), text, choices: [discard] })) === discard;
    }
    const save = t('Save');
    const title = t('Save "{0}" first?', name);
    const choice = await ask({ title, text: t('It has changes that are not saved.'), choices: [save, discard] });
    if (choice === save) await this.#doSave();
    return choice === discard || (choice === save && !this.isChanged);
  }

  #take(file: OpenFile): void {
    const { selectionStart, selectionEnd, scrollTop } = this.#area;
    this.#file = file;
    this.#mine = undefined;
    this.#problem.textContent = '';
    this.#area.value = file.text;
    this.#area.setSelectionRange(selectionStart, selectionEnd);
    this.#area.scrollTop = scrollTop;
    this.#parts.host.hidden = false;
    this.#show();
  }

  #forget(): void {
    this.#file = undefined;
    this.#mine = undefined;
    this.#parts.host.hidden = true;
  }

  #show(): void {
    const { path } = this.#file ?? { path: '' };
    const shown = shownName(path);
    if (this.#title.textContent !== shown) this.#title.textContent = shown;
    this.#area.ariaLabel = t('Text of {0}', shown);
    const state = this.#isSaving ? t('saving…') : this.#isEdited ? t('changed') : t('saved');
    if (this.#state.textContent !== state) this.#state.textContent = state;
    this.#save.disabled = this.#isSaving;
    this.#undo.hidden = this.#mine === undefined;
  }
}
