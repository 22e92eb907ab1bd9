/** The Workshops view: workshops and their seats. */
import type * as vscode from 'vscode';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { Disposer } from '../disposer.ts';
import { debounce } from '../events.ts';
import { isStale, staleMessage } from '../model/connection-status.ts';
import type { WorkshopNode, WorkshopsNode } from '../model/nodes.ts';
import { seatFacts, seatRow } from '../model/seat-row.ts';
import { seatOf, seatsOf, workshopOf, workshopsOf } from '../model/state.ts';
import { runningSeats } from '../model/summary.ts';
import { workshopFacts, workshopRow } from '../model/workshop-row.ts';
import { REFRESH_DELAY_MS, keepFreshWhileVisible } from './refreshing.ts';
import { tooltip, treeItem } from './tree-item.ts';

/** Workshops of at most so many seats are open at first. */
const OPEN_UP_TO_SEATS = 10;

export class WorkshopsView implements vscode.TreeDataProvider<WorkshopsNode> {
  readonly onDidChangeTreeData: vscode.Event<undefined>;
  readonly #vs: typeof vscode;
  readonly #service: ControlPlaneService;
  readonly #changed: vscode.EventEmitter<undefined>;
  readonly #view: vscode.TreeView<WorkshopsNode>;
  readonly #disposer = new Disposer();
  /** A row to select as soon as it is known. */
  #toReveal: WorkshopsNode | undefined;

  constructor(vs: typeof vscode, service: ControlPlaneService) {
    this.#vs = vs;
    this.#service = service;
    this.#changed = this.#disposer.add(new vs.EventEmitter<undefined>());
    this.onDidChangeTreeData = this.#changed.event;
    this.#view = this.#disposer.add(
      vs.window.createTreeView('carapace.workshops', { treeDataProvider: this, showCollapseAll: true }),
    );
    const refresh = this.#disposer.add(debounce(() => this.#refresh(), REFRESH_DELAY_MS));
    this.#disposer.add(service.onDidChange(refresh));
    this.#disposer.add(keepFreshWhileVisible(this.#view, service));
  }

  dispose(): void {
    this.#disposer.dispose();
  }

  /** Selects a row, now or as soon as it is known, without taking the focus. */
  reveal(node: WorkshopsNode): void {
    this.#toReveal = node;
    this.#revealKnown();
  }

  getChildren(node?: WorkshopsNode): WorkshopsNode[] {
    const { state } = this.#service;
    if (node === undefined) return workshopsOf(state).map(({ id }) => ({ kind: 'workshop', workshop: id }));
    if (node.kind === 'seat') return [];
    return seatsOf(state, node.workshop).map(({ seat }) => ({ kind: 'seat', workshop: node.workshop, seat }));
  }

  getParent(node: WorkshopsNode): WorkshopNode | undefined {
    return node.kind === 'seat' ? { kind: 'workshop', workshop: node.workshop } : undefined;
  }

  getTreeItem(node: WorkshopsNode): vscode.TreeItem {
    const { state, status } = this.#service;
    const context = { stale: isStale(status), now: Date.now(), t: this.#vs.l10n.t };
    const { None, Collapsed, Expanded } = this.#vs.TreeItemCollapsibleState;
    if (node.kind === 'seat') {
      const seat = seatOf(state, node.workshop, node.seat);
      return seat === undefined ? this.#gone() : treeItem(this.#vs, node, seatRow(seat, context), None);
    }
    const workshop = workshopOf(state, node.workshop);
    if (workshop === undefined) return this.#gone();
    const row = workshopRow(workshop, seatsOf(state, workshop.id), context);
    return treeItem(this.#vs, node, row, workshop.seats <= OPEN_UP_TO_SEATS ? Expanded : Collapsed);
  }

  resolveTreeItem(item: vscode.TreeItem, node: WorkshopsNode): vscode.TreeItem {
    const { state } = this.#service;
    const t = this.#vs.l10n.t;
    const workshop = workshopOf(state, node.workshop);
    if (workshop === undefined) return item;
    const seat = node.kind === 'seat' ? seatOf(state, node.workshop, node.seat) : undefined;
    item.tooltip =
      seat === undefined
        ? tooltip(this.#vs, workshop.name, workshopFacts(workshop, seatsOf(state, workshop.id), Date.now(), t))
        : tooltip(this.#vs, t('Seat {0} of {1}', seat.seat, workshop.name), seatFacts(seat, Date.now(), t));
    return item;
  }

  /** A row may be asked for after its workshop has gone; the next refresh removes it. */
  #gone(): vscode.TreeItem {
    return new this.#vs.TreeItem(this.#vs.l10n.t('gone'));
  }

  #refresh(): void {
    const { state, status } = this.#service;
    const t = this.#vs.l10n.t;
    const seats = runningSeats(state);
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
    if (node.kind === 'workshop') return workshopOf(state, node.workshop) !== undefined;
    return seatOf(state, node.workshop, node.seat) !== undefined;
  }
}
