/** The files of the seat on its page: the panel, the editor, and what keeps both fresh. */
import type { FileEntry, WatchEvent } from '../../protocol/files.ts';
import { ask } from '../ask.ts';
import { byId } from '../dom.ts';
import type { FetchTransport } from '../fetch-transport.ts';
import type { KeptSeat } from '../kept-seats.ts';
import { t } from '../language.ts';
import { sentenceOf } from '../sentence.ts';
import { FileEditor } from './file-editor.ts';
import { FILE_SENTENCES } from './file-sentences.ts';
import { FileWatch } from './file-watch.ts';
import { FilesPanel } from './files-panel.ts';
import { PageFiles } from './page-files.ts';
import { shownName } from '../../client/file-paths.ts';

export class SeatFilesView {
  readonly #panel: FilesPanel;
  readonly #editor: FileEditor;
  readonly #watch: FileWatch;
  #isGivenUp = false;

  /** @param toTerminal puts the focus there */
  constructor(http: FetchTransport, { workshop_id, seat }: KeptSeat, toTerminal: () => void) {
    const files = new PageFiles(http, workshop_id, seat);
    const host = byId('files', HTMLElement);
    this.#editor = new FileEditor({ host: byId('editor', HTMLElement), files, closed: () => this.#panel.focus() });
    this.#panel = new FilesPanel({
      host,
      files,
      edit: (entry) => void this.#edit(entry),
      moved: (from, to) => this.#editor.moved(from, to),
    });
    this.#watch = new FileWatch(files, (event) => this.#take(event));
    for (const place of [host, byId('editor', HTMLElement)]) {
      place.addEventListener('keydown', (event) => {
        if (!event.ctrlKey || !event.shiftKey || event.key.toLowerCase() !== 'e') return;
        event.preventDefault();
        toTerminal();
      });
    }
    addEventListener('beforeunload', (event) => {
      if ((!this.#editor.isChanged && !this.#panel.isUploading) || this.#isGivenUp) return;
      event.preventDefault();
      // What Chrome before 119 asks for.
      Object.assign(event, { returnValue: true });
    });
  }

  /** Whether something would be lost with the page. */
  get isChanged(): boolean {
    return this.#editor.isChanged;
  }

  /** Follows what happens in the seat, for as long as the page is seen. */
  follow(isSeen: boolean): void {
    this.#watch.follow(isSeen);
  }

  /** The seat is there again: looks now, and not after the wait that is under way. */
  renew(): void {
    this.#watch.renew();
  }

  /** The person knows that what is not saved is lost. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  focus(): void {
    this.#panel.focus();
  }

  #take(event: WatchEvent): void {
    this.#panel.take(event);
    this.#editor.take(event);
  }

  async #edit(entry: FileEntry): Promise<void> {
    const why = await this.#editor.open(entry).catch((error: unknown) => sentenceOf(error, FILE_SENTENCES));
    if (why === undefined) return;
    const download = t('Download');
    const answer = await ask({ title: shownName(entry.name), text: why, choices: [download] });
    if (answer === download) this.#panel.download(entry);
  }
}
