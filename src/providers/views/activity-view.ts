/** The Activity view: operations, their phases, and how long they took. */
import type * as vscode from 'vscode';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { Disposer } from '../disposer.ts';
import { debounce } from '../events.ts';
import { isStale, staleMessage } from '../model/connection-status.ts';
import type { ActivityNode, OperationNode } from '../model/nodes.ts';
import { operationFacts, operationRow, phaseRow, phasesOf } from '../model/operation-row.ts';
import { linesOf, operationOf, operationsOf } from '../model/state.ts';
import { REFRESH_DELAY_MS, keepFreshWhileVisible } from './refreshing.ts';
import { tooltip, treeItem } from './tree-item.ts';

/** How often the durations of running operations are drawn anew while the view is visible, in milliseconds. */
const TICK_MS = 1_000;

export class ActivityView implements vscode.TreeDataProvider<ActivityNode> {
  readonly onDidChangeTreeData: vscode.Event<undefined>;
  readonly #vs: typeof vscode;
  readonly #service: ControlPlaneService;
  readonly #changed: vscode.EventEmitter<undefined>;
  readonly #view: vscode.TreeView<ActivityNode>;
  readonly #disposer = new Disposer();

  constructor(vs: typeof vscode, service: ControlPlaneService) {
    this.#vs = vs;
    this.#service = service;
    this.#changed = this.#disposer.add(new vs.EventEmitter<undefined>());
    this.onDidChangeTreeData = this.#changed.event;
    this.#view = this.#disposer.add(
      vs.window.createTreeView('carapace.activity', { treeDataProvider: this, showCollapseAll: true }),
    );
    const refresh = this.#disposer.add(debounce(() => this.#refresh(), REFRESH_DELAY_MS));
    const tick = this.#disposer.add(debounce(() => this.#refresh(), TICK_MS));
    this.#disposer.add(service.onDidChange(refresh));
    this.#disposer.add(this.onDidChangeTreeData(() => this.#isTicking() && tick()));
    this.#disposer.add(this.#view.onDidChangeVisibility(refresh));
    this.#disposer.add(keepFreshWhileVisible(this.#view, service));
  }

  dispose(): void {
    this.#disposer.dispose();
  }

  getChildren(node?: ActivityNode): ActivityNode[] {
    const { state } = this.#service;
    if (node === undefined) return operationsOf(state).map(({ id }) => ({ kind: 'operation', operation: id }));
    const operation = node.kind === 'operation' ? operationOf(state, node.operation) : undefined;
    if (operation === undefined) return [];
    const lines = linesOf(state, operation.id);
    if (lines.length === 0) this.#service.loadLines(operation.id);
    return phasesOf(operation, lines).map(({ name }) => ({ kind: 'phase', operation: operation.id, phase: name }));
  }

  getParent(node: ActivityNode): OperationNode | undefined {
    return node.kind === 'phase' ? { kind: 'operation', operation: node.operation } : undefined;
  }

  getTreeItem(node: ActivityNode): vscode.TreeItem {
    const { state, status } = this.#service;
    const context = { stale: isStale(status), now: Date.now(), t: this.#vs.l10n.t };
    const { None, Collapsed, Expanded } = this.#vs.TreeItemCollapsibleState;
    const operation = operationOf(state, node.operation);
    if (operation === undefined) return new this.#vs.TreeItem(this.#vs.l10n.t('gone'));
    if (node.kind === 'operation') {
      const shown = operation.status === 'running' ? Expanded : Collapsed;
      return treeItem(this.#vs, node, operationRow(operation, context), shown);
    }
    const phase = phasesOf(operation, linesOf(state, operation.id)).find(({ name }) => name === node.phase);
    if (phase === undefined) return new this.#vs.TreeItem(node.phase);
    return treeItem(this.#vs, node, phaseRow(phase, context), None);
  }

  resolveTreeItem(item: vscode.TreeItem, node: ActivityNode): vscode.TreeItem {
    const operation = operationOf(this.#service.state, node.operation);
    if (operation === undefined) return item;
    item.tooltip = tooltip(this.#vs, operation.title, operationFacts(operation, Date.now(), this.#vs.l10n.t));
    return item;
  }

  #refresh(): void {
    const { state, status } = this.#service;
    this.#changed.fire(undefined);
    this.#view.message = state.operations.size === 0 ? '' : (staleMessage(status, Date.now(), this.#vs.l10n.t) ?? '');
  }

  /** Durations grow only where something runs, somebody looks, and the state is true. */
  #isTicking(): boolean {
    const { state, status } = this.#service;
    if (!this.#view.visible || isStale(status)) return false;
    return operationsOf(state).some((operation) => operation.status === 'running');
  }
}
