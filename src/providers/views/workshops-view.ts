/** The Workshops view: a teacher's workshops with their seats, and those that were joined, with one's own seat. */
import type * as vscode from 'vscode';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { Disposer } from '../disposer.ts';
import { debounce } from '../events.ts';
import type { Learners } from '../learner/learners.ts';
import { isStale, staleMessage } from '../model/connection-status.ts';
import { isOver } from '../model/learner-status.ts';
import { mySeatRow, joinedFacts, joinedRow, type JoinedFacts } from '../model/learner-row.ts';
import type {
  JoinedNode,
  MySeatNode,
  Row,
  SeatFilePlace,
  SeatNode,
  WorkshopNode,
  WorkshopsNode,
} from '../model/nodes.ts';
import { isSeatFilesNode } from '../model/seat-file-row.ts';
import { seatFacts, seatRow } from '../model/seat-row.ts';
import { seatOf, seatsOf, workshopOf, workshopsOf } from '../model/state.ts';
import { runningSeats } from '../model/summary.ts';
import { workshopFacts, workshopRow } from '../model/workshop-row.ts';
import { REFRESH_DELAY_MS, keepFreshWhileVisible } from './refreshing.ts';
import type { SeatFilesDrag } from './seat-files-drag.ts';
import type { SeatFilesTree } from './seat-files-tree.ts';
import { tooltip, treeItem } from './tree-item.ts';

/** Workshops of at most so many seats are open at first. */
const OPEN_UP_TO_SEATS = 10;
/** How often the time that is left is told anew, in milliseconds. */
const MINUTE_MS = 60_000;

export class WorkshopsView implements vscode.TreeDataProvider<WorkshopsNode> {
  readonly onDidChangeTreeData: vscode.Event<WorkshopsNode | undefined>;
  readonly #vs: typeof vscode;
  readonly #service: ControlPlaneService;
  readonly #learners: Learners;
  readonly #files: SeatFilesTree;
  readonly #changed: vscode.EventEmitter<WorkshopsNode | undefined>;
  readonly #view: vscode.TreeView<WorkshopsNode>;
  readonly #disposer = new Disposer();
  /** A row to select as soon as it is known. */
  #toReveal: WorkshopsNode | undefined;

  constructor(
    vs: typeof vscode,
    service: ControlPlaneService,
    learners: Learners,
    files: SeatFilesTree,
    dragAndDropController: SeatFilesDrag,
  ) {
    this.#vs = vs;
    this.#service = service;
    this.#learners = learners;
    this.#files = files;
    this.#changed = this.#disposer.add(new vs.EventEmitter<WorkshopsNode | undefined>());
    this.onDidChangeTreeData = this.#changed.event;
    this.#view = this.#disposer.add(
      vs.window.createTreeView('carapace.workshops', {
        treeDataProvider: this,
        showCollapseAll: true,
        canSelectMany: true,
        dragAndDropController,
      }),
    );
    this.#disposer.add(files.attach(this.#view));
    this.#disposer.add(files.onDidChange((node) => this.#changed.fire(node)));
    const refresh = this.#disposer.add(debounce(() => this.#refresh(), REFRESH_DELAY_MS));
    this.#disposer.add(service.onDidChange(refresh));
    this.#disposer.add(learners.onDidChange(refresh));
    this.#disposer.add(keepFreshWhileVisible(this.#view, service));
    this.#disposer.add(keepFreshWhileVisible(this.#view, learners));
    this.#disposer.add(keepFreshWhileVisible(this.#view, { keepFresh: () => this.#tellTime(refresh) }));
  }

  dispose(): void {
    this.#disposer.dispose();
  }

  /** Selects a row, now or as soon as it is known, without taking the focus. */
  reveal(node: WorkshopsNode): void {
    this.#toReveal = node;
    this.#revealKnown();
  }

  getChildren(node?: WorkshopsNode): WorkshopsNode[] | Promise<WorkshopsNode[]> {
    const { state } = this.#service;
    if (node === undefined) {
      const own = workshopsOf(state).map(({ id }): WorkshopNode => ({ kind: 'workshop', workshop: id }));
      const joined = this.#learners.all.map(({ workshopId }): JoinedNode => ({ kind: 'joined', workshop: workshopId }));
      return [...own, ...joined];
    }
    if (node.kind === 'joined') return this.#mySeat(node);
    if (node.kind !== 'workshop') return this.#files.getChildren(node);
    return seatsOf(state, node.workshop).map(({ seat }) => ({ kind: 'seat', workshop: node.workshop, seat }));
  }

  getParent(node: WorkshopsNode): WorkshopsNode | undefined {
    if (isSeatFilesNode(node)) return this.#files.getParent(node) ?? seatNodeOf(node);
    if (node.kind === 'mySeat') return { kind: 'joined', workshop: node.workshop };
    return node.kind === 'seat' ? { kind: 'workshop', workshop: node.workshop } : undefined;
  }

  getTreeItem(node: WorkshopsNode): vscode.TreeItem {
    const { state, status } = this.#service;
    const context = { stale: isStale(status), now: Date.now(), t: this.#vs.l10n.t };
    const { Collapsed, Expanded } = this.#vs.TreeItemCollapsibleState;
    if (isSeatFilesNode(node)) return this.#files.getTreeItem(node);
    if (node.kind === 'joined' || node.kind === 'mySeat') return this.#joinedItem(node);
    if (node.kind === 'seat') {
      const seat = seatOf(state, node.workshop, node.seat);
      return seat === undefined ? this.#gone() : this.#seatItem(node, seatRow(seat, context));
    }
    const workshop = workshopOf(state, node.workshop);
    if (workshop === undefined) return this.#gone();
    const row = workshopRow(workshop, seatsOf(state, workshop.id), context);
    return treeItem(this.#vs, node, row, workshop.seats <= OPEN_UP_TO_SEATS ? Expanded : Collapsed);
  }

  resolveTreeItem(item: vscode.TreeItem, node: WorkshopsNode): vscode.TreeItem {
    const { state } = this.#service;
    const t = this.#vs.l10n.t;
    if (isSeatFilesNode(node)) return this.#files.resolve(item, node);
    if (node.kind === 'joined' || node.kind === 'mySeat') return this.#resolveJoined(item, node);
    const workshop = workshopOf(state, node.workshop);
    if (workshop === undefined) return item;
    const seat = node.kind === 'seat' ? seatOf(state, node.workshop, node.seat) : undefined;
    item.tooltip =
      seat === undefined
        ? tooltip(this.#vs, workshop.name, workshopFacts(workshop, seatsOf(state, workshop.id), Date.now(), t))
        : tooltip(this.#vs, t('Seat {0} of {1}', seat.seat, workshop.name), seatFacts(seat, Date.now(), t));
    return item;
  }

  /** A seat that can be filled has its files below it. */
  #seatItem(node: SeatNode | MySeatNode, row: Row): vscode.TreeItem {
    const { None, Collapsed } = this.#vs.TreeItemCollapsibleState;
    return treeItem(this.#vs, node, row, row.flags.includes('fillable') ? Collapsed : None);
  }

  /** One's own seat, as soon as it is known. */
  #mySeat({ workshop }: JoinedNode): MySeatNode[] {
    const session = this.#learners.of(workshop);
    if (session?.view === undefined || isOver(session.status)) return [];
    return [{ kind: 'mySeat', workshop, seat: session.seat }];
  }

  #joined(workshopId: string): JoinedFacts | undefined {
    const session = this.#learners.of(workshopId);
    if (session === undefined) return undefined;
    const { code, server } = session.record;
    const { status, workshopName, seat, view } = session;
    return { status, workshopName, seat, view, code, host: server === null ? null : new URL(server).host };
  }

  #joinedItem(node: JoinedNode | MySeatNode): vscode.TreeItem {
    const joined = this.#joined(node.workshop);
    const context = { now: Date.now(), t: this.#vs.l10n.t };
    const { None, Expanded } = this.#vs.TreeItemCollapsibleState;
    if (joined === undefined) return this.#gone();
    const mine = mySeatRow(joined, context);
    // Open also before its seat is known: VS Code keeps a row as it was at first.
    if (node.kind === 'joined')
      return treeItem(this.#vs, node, joinedRow(joined, context), isOver(joined.status) ? None : Expanded);
    return mine === undefined ? this.#gone() : this.#seatItem(node, mine);
  }

  #resolveJoined(item: vscode.TreeItem, node: JoinedNode | MySeatNode): vscode.TreeItem {
    const joined = this.#joined(node.workshop);
    const context = { now: Date.now(), t: this.#vs.l10n.t };
    if (joined === undefined) return item;
    const seat = node.kind === 'mySeat' ? joined.view?.seat : undefined;
    item.tooltip =
      seat === undefined
        ? tooltip(this.#vs, joined.workshopName, joinedFacts(joined, context))
        : tooltip(this.#vs, context.t('Your seat {0}', seat.seat), seatFacts(seat, context.now, context.t));
    return item;
  }

  /** Draws the time that is left anew, each minute. @returns ends that */
  #tellTime(refresh: () => void): { dispose(): void } {
    const timer = setInterval(() => this.#learners.all.length > 0 && refresh(), MINUTE_MS);
    return { dispose: () => clearInterval(timer) };
  }

  /** A row may be asked for after its workshop has gone; the next refresh removes it. */
  #gone(): vscode.TreeItem {
    return new this.#vs.TreeItem(this.#vs.l10n.t('gone'));
  }

  #refresh(): void {
    const { state, status } = this.#service;
    const t = this.#vs.l10n.t;
    const joined = this.#learners.all.filter((session) => !isOver(session.status));
    const seats = runningSeats(state, joined);
    this.#files.retain((row) => this.#isKnown(row));
    this.#changed.fire(undefined);
    // A message would hide the welcome of an empty tree.
    this.#view.message = state.workshops.size === 0 ? '' : (staleMessage(status, Date.now(), t) ?? '');
    this.#view.badge =
      seats === 0 ? undefined : { value: seats, tooltip: seats === 1 ? t('1 seat runs') : t('{0} seats run', seats) };
    this.#revealKnown();
  }

  #revealKnown(): void {
    const node = this.#toReveal;
    if (node === undefined || !this.#isKnown(node)) return;
    this.#toReveal = undefined;
    // Whether a workshop opens by itself is said by its row: one with many seats would fill the view.
    const options = { select: true, focus: false };
    this.#view.reveal(node, options).then(undefined, () => undefined);
  }

  #isKnown(node: WorkshopsNode): boolean {
    const { state } = this.#service;
    if (node.kind === 'joined') return this.#learners.of(node.workshop) !== undefined;
    if (node.kind === 'mySeat') return this.#mySeat({ kind: 'joined', workshop: node.workshop }).length > 0;
    if (node.kind === 'workshop') return workshopOf(state, node.workshop) !== undefined;
    return seatOf(state, node.workshop, node.seat) !== undefined;
  }
}

/** The seat that a row of files is below. */
function seatNodeOf({ workshop, seat, mine }: SeatFilePlace): SeatNode | MySeatNode {
  return { kind: mine ? 'mySeat' : 'seat', workshop, seat };
}
