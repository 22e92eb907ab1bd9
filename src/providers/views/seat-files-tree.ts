/** The files under the seats of the Workshops view: listed when they are looked at, drawn anew when they change. */
import type * as vscode from 'vscode';
import type { FileEntry } from '../../protocol/files.ts';
import { seatSubject } from '../../protocol/operation.ts';
import { Disposer, type Disposable } from '../disposer.ts';
import { debounce } from '../events.ts';
import type { SeatFileSystem } from '../files/seat-file-system.ts';
import type { SeatChanges, SeatName } from '../files/seat-watches.ts';
import { nameOf, parentOf, shownName } from '../../client/file-paths.ts';
import {
  nodeId,
  type SeatFileNode,
  type SeatFilePlace,
  type SeatFilesNode,
  type WorkshopsNode,
} from '../model/nodes.ts';
import { problemSentence } from '../model/problem.ts';
import {
  isSeatFilesNode,
  moreSeatFilesRow,
  PAGE_ROWS,
  pageOfFolder,
  seatFileFacts,
  seatFileRow,
  seatFilesProblemRow,
} from '../model/seat-file-row.ts';
import { seatUriParts } from '../model/seat-uri.ts';
import { tooltip, treeItem } from './tree-item.ts';

/** Changes that come together are drawn together, in milliseconds. */
const DRAW_DELAY_MS = 150;
/** How long a list is good for where no watch tells of changes, in milliseconds. */
const UNWATCHED_MS = 5_000;
/** Folders whose lists are kept; the ones that were listed last. */
const MAX_FOLDERS = 200;

/** A row that has files below it: a seat, or a folder of one. The very object is what VS Code knows it by. */
export type FolderRow = (WorkshopsNode & SeatName) | SeatFileNode;

interface ListedFolder {
  readonly row: FolderRow;
  readonly entries: readonly FileEntry[] | undefined;
  readonly error: unknown;
  /** When it was listed, in milliseconds of `performance.now()`; undefined where that is not true any more. */
  readonly at: number | undefined;
}

type Files = Pick<SeatFileSystem, 'list' | 'hold' | 'isWatched' | 'onDidChangeSeat'>;
type View = Pick<
  vscode.TreeView<WorkshopsNode>,
  'visible' | 'selection' | 'onDidChangeVisibility' | 'onDidCollapseElement'
>;

export class SeatFilesTree {
  /** The row whose children are to be drawn anew. */
  readonly onDidChange: vscode.Event<WorkshopsNode>;
  readonly #vs: typeof vscode;
  readonly #files: Files;
  readonly #changed: vscode.EventEmitter<WorkshopsNode>;
  readonly #folders = new Map<string, ListedFolder>();
  readonly #listing = new Map<string, Promise<ListedFolder>>();
  /** The seats that are open in the tree, each with its hold on the watch. */
  readonly #held = new Map<string, { readonly row: FolderRow; hold: Disposable | undefined }>();
  readonly #toDraw = new Set<string>();
  readonly #draw: ReturnType<typeof debounce>;
  readonly #disposer = new Disposer();
  #view: View | undefined;

  constructor(vs: typeof vscode, files: Files) {
    this.#vs = vs;
    this.#files = files;
    this.#changed = this.#disposer.add(new vs.EventEmitter<WorkshopsNode>());
    this.onDidChange = this.#changed.event;
    this.#draw = this.#disposer.add(debounce(() => this.#drawChanged(), DRAW_DELAY_MS));
    this.#disposer.add(files.onDidChangeSeat(({ seat, changes }) => this.#onChanges(seat, changes)));
    this.#disposer.add({ dispose: () => this.#release(() => true) });
  }

  dispose(): void {
    this.#disposer.dispose();
  }

  /** The view that the rows are in. Seats are watched while it is visible and they are open in it. */
  attach(view: View): Disposable {
    this.#view = view;
    const attached = new Disposer();
    attached.add(view.onDidChangeVisibility(() => this.#onVisibility(view.visible)));
    attached.add(view.onDidCollapseElement(({ element }) => this.#onCollapse(element)));
    return attached;
  }

  /** The rows that are selected, of whatever kind. */
  get selection(): readonly WorkshopsNode[] {
    return this.#view?.selection ?? [];
  }

  /** The rows under a seat, a folder, or the row for the rest of a folder. An error is a row of its own. */
  async getChildren(row: WorkshopsNode & SeatName): Promise<SeatFilesNode[]> {
    if (row.kind === 'seatFilesProblem' || (row.kind === 'seatFile' && !row.isFolder)) return [];
    const folder = placeOf(row);
    if (row.kind === 'moreSeatFiles') {
      return pageOfFolder(folder, this.#folders.get(keyOf(folder))?.entries ?? [], row.from);
    }
    if (row.kind !== 'seatFile') this.#hold(row);
    const { entries } = await this.#list(row, folder);
    if (entries === undefined) return [{ kind: 'seatFilesProblem', ...folder }];
    return pageOfFolder(folder, entries, 0);
  }

  /** The row above; undefined where that is the seat's. */
  getParent(node: SeatFilesNode): SeatFilesNode | undefined {
    if (node.kind === 'moreSeatFiles' && node.from > PAGE_ROWS) return { ...node, from: node.from - PAGE_ROWS };
    const above = node.kind === 'seatFile' ? { ...placeOf(node), path: parentOf(node.path) } : placeOf(node);
    if (node.kind === 'seatFile') {
      const entries = this.#folders.get(keyOf(above))?.entries ?? [];
      const index = entries.findIndex(({ name }) => name === nameOf(node.path));
      if (index >= PAGE_ROWS) return { kind: 'moreSeatFiles', ...above, from: index - (index % PAGE_ROWS) };
    }
    return above.path === '' ? undefined : { kind: 'seatFile', ...above, isFolder: true };
  }

  getTreeItem(node: SeatFilesNode): vscode.TreeItem {
    const t = this.#vs.l10n.t;
    const { None, Collapsed } = this.#vs.TreeItemCollapsibleState;
    const folder = this.#folders.get(keyOf(placeOf(node)));
    switch (node.kind) {
      case 'moreSeatFiles': {
        const count = (folder?.entries?.length ?? node.from) - node.from;
        return treeItem(this.#vs, node, moreSeatFilesRow(count, t), Collapsed);
      }
      case 'seatFilesProblem':
        return treeItem(this.#vs, node, seatFilesProblemRow(problemSentence(folder?.error, t), t), None);
      case 'seatFile':
        return this.#fileItem(node);
    }
  }

  /** Adds the tooltip, made when somebody asks for it. */
  resolve(item: vscode.TreeItem, node: SeatFilesNode): vscode.TreeItem {
    if (node.kind !== 'seatFile') return item;
    const folder = this.#folders.get(keyOf({ ...placeOf(node), path: parentOf(node.path) }));
    const entry = folder?.entries?.find(({ name }) => name === nameOf(node.path));
    if (entry === undefined) return item;
    const t = this.#vs.l10n.t;
    item.tooltip = tooltip(this.#vs, shownName(entry.name), seatFileFacts(entry, Date.now(), t));
    return item;
  }

  /** Lets go of the seats that are not there any more. */
  retain(isKnown: (row: WorkshopsNode) => boolean): void {
    const gone = [...this.#held.values()].map(({ row }) => row).filter((row) => !isKnown(row));
    for (const row of gone) this.#onCollapse(row);
  }

  /** Has what is open under a seat listed anew; without one, under all of them. */
  refresh(seat?: SeatName): void {
    const keys = [...this.#folders].filter(([, { row }]) => seat === undefined || isSame(row, seat));
    for (const [key] of keys) this.#outdate(key);
  }

  #fileItem(node: SeatFileNode): vscode.TreeItem {
    const t = this.#vs.l10n.t;
    const { None, Collapsed } = this.#vs.TreeItemCollapsibleState;
    const { label, flags, spoken } = seatFileRow(node, t);
    const uri = this.#vs.Uri.from(seatUriParts(node));
    const item = new this.#vs.TreeItem(label, node.isFolder ? Collapsed : None);
    item.id = nodeId(node);
    item.resourceUri = uri;
    item.contextValue = flags.join(' ');
    item.accessibilityInformation = { label: spoken };
    if (!node.isFolder) item.command = { command: 'vscode.open', title: t('Open File'), arguments: [uri] };
    return item;
  }

  /** A list that is still true, or a new one. */
  #list(row: FolderRow, folder: SeatFilePlace): Promise<ListedFolder> {
    const key = keyOf(folder);
    const known = this.#folders.get(key);
    if (known?.at !== undefined && (this.#files.isWatched(folder) || performance.now() - known.at < UNWATCHED_MS)) {
      const same = { ...known, row };
      this.#folders.set(key, same);
      return Promise.resolve(same);
    }
    const listing = this.#listing.get(key) ?? this.#ask(key, row, folder);
    this.#listing.set(key, listing);
    return listing;
  }

  async #ask(key: string, row: FolderRow, folder: SeatFilePlace): Promise<ListedFolder> {
    const at = performance.now();
    this.#keep(key, { row, entries: this.#folders.get(key)?.entries, error: undefined, at });
    const answer = await this.#files.list(folder).then(
      (entries) => ({ entries, error: undefined }),
      (error: unknown) => ({ entries: undefined, error }),
    );
    this.#listing.delete(key);
    // What changed while it was listed has made it out of date already.
    const listed = { row, ...answer, at: this.#folders.get(key)?.at };
    this.#keep(key, listed);
    return listed;
  }

  #keep(key: string, folder: ListedFolder): void {
    this.#folders.delete(key);
    this.#folders.set(key, folder);
    const [oldest] = this.#folders.keys();
    if (this.#folders.size > MAX_FOLDERS && oldest !== undefined) this.#folders.delete(oldest);
  }

  #onChanges(seat: SeatName, changes: SeatChanges): void {
    if (changes === 'unknown') {
      this.refresh(seat);
      return;
    }
    for (const { type, path } of changes) {
      if (path === '') this.refresh(seat);
      else if (type !== 'changed') {
        for (const mine of [false, true]) this.#outdate(keyOf({ ...seat, mine, path: parentOf(path) }));
      }
    }
  }

  /** A folder that was listed is to be listed again. */
  #outdate(key: string): void {
    const folder = this.#folders.get(key);
    if (folder === undefined) return;
    this.#folders.set(key, { ...folder, at: undefined });
    this.#toDraw.add(key);
    this.#draw();
  }

  #drawChanged(): void {
    const keys = [...this.#toDraw];
    this.#toDraw.clear();
    for (const key of keys) {
      const folder = this.#folders.get(key);
      if (folder?.at === undefined && folder !== undefined) this.#changed.fire(folder.row);
    }
  }

  #hold(row: FolderRow): void {
    const key = keyOf(placeOf(row));
    const hold = this.#held.get(key)?.hold;
    const watched = this.#view?.visible === true;
    this.#held.set(key, { row, hold: hold ?? (watched ? this.#files.hold(row) : undefined) });
  }

  #onVisibility(visible: boolean): void {
    for (const held of this.#held.values()) {
      if (visible) {
        held.hold ??= this.#files.hold(held.row);
        // What changed in the meantime was not heard.
        this.refresh(held.row);
      } else {
        held.hold?.dispose();
        held.hold = undefined;
      }
    }
  }

  #onCollapse(element: WorkshopsNode): void {
    if ('seat' in element && !isSeatFilesNode(element)) {
      const { mine } = placeOf(element);
      this.#release((row) => isSame(row, element) && placeOf(row).mine === mine);
    }
    if (element.kind === 'workshop' || element.kind === 'joined')
      this.#release((row) => row.workshop === element.workshop);
  }

  /** Lets go of seats, and of what was listed in them. */
  #release(which: (row: FolderRow) => boolean): void {
    for (const [key, { row, hold }] of this.#held) {
      if (!which(row)) continue;
      hold?.dispose();
      this.#held.delete(key);
    }
    for (const [key, { row }] of this.#folders) if (which(row)) this.#folders.delete(key);
  }
}

function placeOf(row: WorkshopsNode & SeatName): SeatFilePlace {
  const { workshop, seat } = row;
  if ('path' in row) return { workshop, seat, mine: row.mine, path: row.path };
  return { workshop, seat, mine: row.kind === 'mySeat', path: '' };
}

function keyOf({ workshop, seat, mine, path }: SeatFilePlace): string {
  return `${mine ? 'mine/' : ''}${seatSubject(workshop, seat)}/${path}`;
}

function isSame(one: SeatName, other: SeatName): boolean {
  return one.workshop === other.workshop && one.seat === other.seat;
}
