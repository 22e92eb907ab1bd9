/** The Server view: the cloud server, and the vaults with their files. */
import type * as vscode from 'vscode';
import { CLUSTER_SUBJECT, VAULTS, type VaultName } from '../../protocol/cluster.ts';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { Disposer } from '../disposer.ts';
import { debounce } from '../events.ts';
import { hasServer, serverFacts, serverRow, shownStatus, type ServerContext } from '../model/cluster-row.ts';
import { isStale, staleMessage } from '../model/connection-status.ts';
import { nodeId, type ServerNode, type ServerRootNode, type VaultFileNode } from '../model/nodes.ts';
import { detailRow, detailsOf, detailTooltip } from '../model/server-details.ts';
import { linesOf, runningOperationOf } from '../model/state.ts';
import { moreFilesRow, vaultFacts, vaultFileRow, vaultRow, type VaultContext } from '../model/vault-row.ts';
import { syncedHow, type VaultFolders } from '../server/vault-folders.ts';
import { REFRESH_DELAY_MS, whileLookedAt } from './refreshing.ts';
import { tooltip, treeItem } from './tree-item.ts';

/** How often the view is drawn anew while it is visible, in milliseconds: ages grow. */
const TICK_MS = 10_000;
/** How often the vaults are looked at while the view is visible, in milliseconds. */
const LOOK_MS = 15_000;

export class ServerView implements vscode.TreeDataProvider<ServerNode> {
  readonly onDidChangeTreeData: vscode.Event<undefined>;
  readonly #vs: typeof vscode;
  readonly #service: ControlPlaneService;
  readonly #vaults: VaultFolders;
  readonly #changed: vscode.EventEmitter<undefined>;
  readonly #view: vscode.TreeView<ServerNode>;
  readonly #disposer = new Disposer();

  constructor(vs: typeof vscode, service: ControlPlaneService, vaults: VaultFolders) {
    this.#vs = vs;
    this.#service = service;
    this.#vaults = vaults;
    this.#changed = this.#disposer.add(new vs.EventEmitter<undefined>());
    this.onDidChangeTreeData = this.#changed.event;
    this.#view = this.#disposer.add(
      vs.window.createTreeView('carapace.server', { treeDataProvider: this, showCollapseAll: true }),
    );
    const refresh = this.#disposer.add(debounce(() => this.#refresh(), REFRESH_DELAY_MS));
    this.#disposer.add(service.onDidChange(refresh));
    this.#disposer.add(vaults.onDidChange(refresh));
    this.#disposer.add(whileLookedAt(vs, this.#view, () => this.#keepFresh()));
  }

  dispose(): void {
    this.#disposer.dispose();
  }

  /** Opens a vault, or selects a file of it. */
  async reveal(vault: VaultName): Promise<void> {
    await this.#view.reveal({ kind: 'vault', vault }, { select: true, focus: true, expand: true });
  }

  async getChildren(node?: ServerNode): Promise<ServerNode[]> {
    if (node === undefined) return this.#isEmpty() ? [] : [this.#root()];
    switch (node.kind) {
      case 'server':
        return this.#underServer();
      case 'vault':
        return this.#vaults.list(node.vault, '');
      case 'vaultFile':
        return node.isFolder ? this.#vaults.list(node.vault, node.path) : [];
      default:
        return [];
    }
  }

  getParent(node: ServerNode): ServerNode | undefined {
    switch (node.kind) {
      case 'server':
        return undefined;
      case 'detail':
      case 'vault':
        return this.#root();
      case 'vaultFile':
      case 'moreFiles':
        return this.#folderOf(node.vault, node.kind === 'moreFiles' ? `${node.path}/` : node.path);
    }
  }

  getTreeItem(node: ServerNode): vscode.TreeItem {
    const context = this.#context();
    const { t } = context;
    const { None, Collapsed, Expanded } = this.#vs.TreeItemCollapsibleState;
    switch (node.kind) {
      case 'server':
        return treeItem(this.#vs, node, serverRow(context, node.operation !== undefined), Expanded);
      case 'detail': {
        const item = treeItem(this.#vs, node, detailRow(node.detail, context), None);
        if (node.detail === 'launch') item.command = command('carapace.launchServer', t('Launch Server'));
        if (node.detail === 'error') item.command = command('carapace.showLog', t('Show Log'));
        return item;
      }
      case 'vault': {
        const { exists } = this.#vaults.folder(node.vault);
        return treeItem(this.#vs, node, vaultRow(this.#vaultContext(node.vault)), exists ? Collapsed : None);
      }
      case 'vaultFile':
        return this.#fileItem(node);
      case 'moreFiles':
        return treeItem(this.#vs, node, moreFilesRow(node, t), None);
    }
  }

  resolveTreeItem(item: vscode.TreeItem, node: ServerNode): vscode.TreeItem {
    const context = this.#context();
    const { t } = context;
    switch (node.kind) {
      case 'server':
        item.tooltip = tooltip(this.#vs, context.cluster?.name ?? t('Server'), serverFacts(context));
        break;
      case 'detail':
        item.tooltip = detailTooltip(node.detail, context);
        break;
      case 'vault':
        item.tooltip = this.#vaultTooltip(node.vault);
        break;
      case 'vaultFile':
        item.tooltip = this.#vaults.uri(node.vault, node.path).fsPath;
        break;
      case 'moreFiles':
        break;
    }
    return item;
  }

  /** Without a server, a word of one, and vaults, the view's welcome says what it is for. */
  #isEmpty(): boolean {
    const { cluster, status } = this.#context();
    if (hasServer(status) || this.#vaults.any) return false;
    return cluster === undefined || (cluster.note === null && cluster.unreachable === null);
  }

  #root(): ServerRootNode {
    const operation = runningOperationOf(this.#service.state, CLUSTER_SUBJECT);
    return operation === null ? { kind: 'server' } : { kind: 'server', operation: operation.id };
  }

  /** The address comes first, then the vaults, then the rest; what went wrong and what happened is above all. */
  #underServer(): ServerNode[] {
    const details = detailsOf(this.#context()).map((detail) => ({ kind: 'detail', detail }) as const);
    const vaults = VAULTS.map((vault) => ({ kind: 'vault', vault }) as const);
    const below = details.findIndex(({ detail }) => detail === 'autostop' || detail === 'cost');
    const split = below === -1 ? details.length : below;
    return [...details.slice(0, split), ...vaults, ...details.slice(split)];
  }

  #folderOf(vault: VaultName, path: string): ServerNode {
    const parent = path.split('/').slice(0, -1).join('/');
    if (parent === '') return { kind: 'vault', vault };
    return { kind: 'vaultFile', vault, path: parent, isFolder: true };
  }

  #context(): ServerContext {
    const { state, status } = this.#service;
    const operation = runningOperationOf(state, CLUSTER_SUBJECT);
    return {
      cluster: state.cluster,
      status: shownStatus(state.cluster, status.kind),
      stale: isStale(status),
      progress: operation === null ? undefined : linesOf(state, operation.id).at(-1)?.message,
      now: Date.now(),
      t: this.#vs.l10n.t,
    };
  }

  #vaultContext(vault: VaultName): VaultContext {
    const { cluster } = this.#service.state;
    const folder = this.#vaults.folder(vault);
    const { path, exists, report } = folder;
    const running = cluster?.status === 'running';
    const synced = syncedHow(cluster, folder);
    return { vault, path, exists, report, synced, running, now: Date.now(), t: this.#vs.l10n.t };
  }

  #vaultTooltip(vault: VaultName): vscode.MarkdownString {
    const context = this.#vaultContext(vault);
    return tooltip(this.#vs, vaultRow(context).label, vaultFacts(context));
  }

  #fileItem(node: VaultFileNode): vscode.TreeItem {
    const { t } = this.#vs.l10n;
    const { None, Collapsed } = this.#vs.TreeItemCollapsibleState;
    const uri = this.#vaults.uri(node.vault, node.path);
    const { flags, spoken } = vaultFileRow(node, t);
    const item = new this.#vs.TreeItem(uri, node.isFolder ? Collapsed : None);
    item.id = nodeId(node);
    item.contextValue = flags.join(' ');
    item.accessibilityInformation = { label: spoken };
    if (!node.isFolder) item.command = { ...command('vscode.open', t('Open File')), arguments: [uri] };
    return item;
  }

  /** While somebody looks at the view, the cluster is asked for and what ages is drawn anew. */
  #keepFresh(): { dispose(): void } {
    const fresh = this.#service.keepClusterFresh();
    const timer = setInterval(() => this.#changed.fire(undefined), TICK_MS);
    // Watchers fail where the system has none left, and see nothing of a folder that comes later.
    const looking = setInterval(() => void this.#vaults.look(), LOOK_MS);
    void this.#vaults.look();
    return {
      dispose: () => {
        clearInterval(timer);
        clearInterval(looking);
        fresh.dispose();
      },
    };
  }

  #refresh(): void {
    const { status } = this.#service;
    this.#changed.fire(undefined);
    // A message would hide the welcome of an empty tree.
    const message = this.#isEmpty() ? undefined : staleMessage(status, Date.now(), this.#vs.l10n.t);
    this.#view.message = status.kind === 'absent' ? '' : (message ?? '');
  }
}

function command(id: string, title: string): vscode.Command {
  return { command: id, title };
}
