/** Drag and drop in the Workshops view: files into seats, within them, from one to another, and out of them. */
import type * as vscode from 'vscode';
import { droppedItem, localItem, type LocalItem } from '../files/local-files.ts';
import { bring } from '../files/relocate.ts';
import type { TransferParts } from '../files/seat-door.ts';
import { tellLeftOut, upload } from '../files/upload.ts';
import { topmost } from '../model/file-names.ts';
import type { WorkshopsNode } from '../model/nodes.ts';
import { folderOfRow, type SeatFolder } from '../model/seat-file-row.ts';
import { parseSeatUri, SEAT_SCHEME, seatUriParts, type SeatFile } from '../model/seat-uri.ts';

const URI_LIST = 'text/uri-list';
/** VS Code's word for files that were dropped from outside. */
const FILES = 'files';

export interface DragParts extends TransferParts {
  readonly onError: (error: unknown) => void;
}

/** What was dropped: files of seats, and files from elsewhere. */
interface Dropped {
  readonly inSeats: readonly SeatFile[];
  readonly items: readonly LocalItem[];
}

export class SeatFilesDrag implements vscode.TreeDragAndDropController<WorkshopsNode> {
  readonly dropMimeTypes = [URI_LIST, FILES];
  readonly dragMimeTypes = [URI_LIST];
  readonly #parts: DragParts;

  constructor(parts: DragParts) {
    this.#parts = parts;
  }

  /** Files and folders leave as their addresses: an editor opens them, this tree moves or copies them. */
  handleDrag(source: readonly WorkshopsNode[], data: vscode.DataTransfer): void {
    const { vs } = this.#parts;
    const uris = source.flatMap((node) => (node.kind === 'seatFile' ? [vs.Uri.from(seatUriParts(node))] : []));
    if (uris.length === 0) return;
    data.set(URI_LIST, new vs.DataTransferItem(uris.map((uri) => uri.toString()).join('\r\n')));
  }

  /** Moves within a seat, copies between seats, and uploads what comes from elsewhere. */
  async handleDrop(target: WorkshopsNode | undefined, data: vscode.DataTransfer): Promise<void> {
    if (target === undefined || !('seat' in target)) return;
    try {
      await this.#drop(folderOfRow(target), data);
    } catch (error) {
      if (!(error instanceof Error && error.name === 'AbortError')) this.#parts.onError(error);
    }
  }

  async #drop(folder: SeatFolder, data: vscode.DataTransfer): Promise<void> {
    const { inSeats, items } = await this.#read(data);
    const isSame = (file: SeatFile) => file.workshop === folder.workshop && file.seat === folder.seat;
    const files = topmost(inSeats);
    await bring(this.#parts, 'move', files.filter(isSame), folder);
    const others = files.filter((file) => !isSame(file));
    await bring(this.#parts, 'copy', others, folder);
    if (items.length > 0) tellLeftOut(this.#parts.vs, await upload(this.#parts, folder, items));
  }

  async #read(data: vscode.DataTransfer): Promise<Dropped> {
    const { vs } = this.#parts;
    const uris = await this.#uris(data);
    const inSeats = uris.flatMap((uri) => (uri.scheme === SEAT_SCHEME ? (parseSeatUri(uri) ?? []) : []));
    const others = uris.filter((uri) => uri.scheme !== SEAT_SCHEME);
    const items = await Promise.all(others.map((uri) => localItem(vs, uri)));
    if (uris.length > 0) return { inSeats: inSeats.filter(({ path }) => path !== ''), items };
    // A browser hands over files without telling where they are.
    const files = [...data].flatMap(([, item]) => item.asFile() ?? []);
    const dropped = await Promise.all(
      files.map(async (file) => (file.uri === undefined ? droppedItem(file) : localItem(vs, file.uri))),
    );
    return { inSeats: [], items: dropped };
  }

  async #uris(data: vscode.DataTransfer): Promise<vscode.Uri[]> {
    const text = (await data.get(URI_LIST)?.asString()) ?? '';
    // RFC 2483: lines of "#" are comments.
    const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
    return lines.map((line) => this.#parts.vs.Uri.parse(line, true));
  }
}
