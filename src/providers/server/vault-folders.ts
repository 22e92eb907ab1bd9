/** The vaults on this machine: where they are, what is in them, and what the control plane says of them. */
import type * as vscode from 'vscode';
import type { ControlPlaneClient } from '../../client/control-plane.ts';
import { VAULTS, type Cluster, type VaultName, type VaultPaths, type VaultReport } from '../../protocol/cluster.ts';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { Disposer } from '../disposer.ts';
import { debounce } from '../events.ts';
import { hasServer } from '../model/cluster-row.ts';
import type { MoreFilesNode, VaultFileNode } from '../model/nodes.ts';
import { listedFiles } from '../model/vault-row.ts';
import { configuredVaults } from './settings.ts';

/** Changes that come together are looked at together, in milliseconds. */
const LOOK_DELAY_MS = 1_000;

/** Carapace puts it into each vault, so that SkyPilot leaves nothing out. */
const IGNORE_FILE = '.skyignore';

/** A vault as far as it is known. `mounted`: the server was launched with this folder. */
export interface VaultFolder {
  readonly path: string;
  /** Somebody has named it in the settings, or it is the server's. */
  readonly named: boolean;
  readonly exists: boolean;
  readonly mounted: boolean;
  readonly report: VaultReport | undefined;
}

type Service = Pick<ControlPlaneService, 'state' | 'status' | 'onDidChange' | 'current'>;

export class VaultFolders {
  /** Fires when something about a vault has changed, its files included. */
  readonly onDidChange: vscode.Event<void>;
  readonly #vs: typeof vscode;
  readonly #service: Service;
  readonly #log: Pick<vscode.LogOutputChannel, 'warn'>;
  readonly #changed: vscode.EventEmitter<void>;
  readonly #disposer = new Disposer();
  readonly #lifetime = new AbortController();
  readonly #lookSoon: ReturnType<typeof debounce>;
  readonly #folders = new Map<VaultName, VaultFolder>();
  readonly #watchers = new Map<VaultName, { path: string; watcher: Disposer }>();
  #looking: Promise<void> = Promise.resolve();
  /** What the last look was made for: another look is worth it when this changes. */
  #reason = '';

  constructor(vs: typeof vscode, service: Service, log: Pick<vscode.LogOutputChannel, 'warn'>) {
    this.#vs = vs;
    this.#service = service;
    this.#log = log;
    this.#changed = this.#disposer.add(new vs.EventEmitter<void>());
    this.onDidChange = this.#changed.event;
    this.#lookSoon = this.#disposer.add(debounce(() => void this.look(), LOOK_DELAY_MS));
    this.#disposer.add(service.onDidChange(() => this.#onService()));
    this.#disposer.add(vs.workspace.onDidChangeWorkspaceFolders(() => this.#lookSoon()));
    this.#disposer.add(
      vs.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('carapace.vaults')) this.#lookSoon();
      }),
    );
  }

  dispose(): void {
    this.#lifetime.abort();
    for (const { watcher } of this.#watchers.values()) watcher.dispose();
    this.#disposer.dispose();
  }

  folder(vault: VaultName): VaultFolder {
    return this.#folders.get(vault) ?? { ...this.#place(vault), exists: false, report: undefined };
  }

  /** Whether the folder of any vault is there. */
  get any(): boolean {
    return VAULTS.some((vault) => this.folder(vault).exists);
  }

  /** Paths to launch with: what is there, and what somebody has named, so that a mistake there is told. */
  launchPaths(): VaultPaths {
    const configured = configuredVaults(this.#vs);
    const wanted = VAULTS.filter((vault) => configured[vault].named || this.folder(vault).exists);
    return Object.fromEntries(wanted.map((vault) => [vault, configured[vault].path]));
  }

  uri(vault: VaultName, path = ''): vscode.Uri {
    return this.#vs.Uri.joinPath(this.#vs.Uri.file(this.folder(vault).path), path);
  }

  /** The vault that a file is in; undefined where it is in none. */
  vaultOf(uri: vscode.Uri): VaultName | undefined {
    if (uri.scheme !== 'file') return undefined;
    return VAULTS.find((vault) => uri.fsPath.startsWith(`${this.folder(vault).path}/`));
  }

  /** The entries of a folder of a vault, from the disk. An unreadable one is empty. */
  async list(vault: VaultName, path: string): Promise<(VaultFileNode | MoreFilesNode)[]> {
    const { Directory } = this.#vs.FileType;
    try {
      const entries = await this.#vs.workspace.fs.readDirectory(this.uri(vault, path));
      const found = entries
        .map(([name, type]) => ({ name, isFolder: (type & Directory) !== 0 }))
        .filter(({ name }) => path !== '' || name !== IGNORE_FILE);
      return listedFiles({ vault, path }, found);
    } catch (error) {
      this.#note(`${vault}/${path} cannot be listed`, error);
      return [];
    }
  }

  /** Looks at the folders, and has the control plane say what changed since the last sync. One look at a time. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look()).catch((error: unknown) => this.#note('vaults', error));
    return this.#looking;
  }

  async #look(): Promise<void> {
    if (this.#lifetime.signal.aborted) return;
    for (const vault of VAULTS) {
      const place = this.#place(vault);
      const before = this.#folders.get(vault);
      const report = before?.path === place.path ? before.report : undefined;
      this.#folders.set(vault, { ...place, exists: await this.#exists(place.path), report });
      this.#watch(vault);
    }
    this.#changed.fire();
    await this.#inspect();
  }

  async #inspect(): Promise<void> {
    if (this.#service.status.kind !== 'live') return;
    try {
      const client = await this.#service.current(this.#lifetime.signal);
      for (const report of await this.#reports(client)) {
        const folder = this.#folders.get(report.vault);
        if (folder !== undefined) this.#folders.set(report.vault, { ...folder, report });
      }
    } catch (error) {
      this.#note('The vaults could not be inspected', error);
    }
    this.#changed.fire();
  }

  /** Those of the server against the last sync, the others as they are. */
  async #reports(client: ControlPlaneClient): Promise<VaultReport[]> {
    const folders = VAULTS.map((vault) => ({ vault, ...this.folder(vault) }));
    const others = folders.filter(({ mounted, exists }) => !mounted && exists);
    const paths: VaultPaths = Object.fromEntries(others.map(({ vault, path }) => [vault, path]));
    const { signal } = this.#lifetime;
    const [ofServer, ofSettings] = await Promise.all([
      folders.some(({ mounted }) => mounted) ? client.inspectVaults(undefined, signal) : [],
      others.length > 0 ? client.inspectVaults(paths, signal) : [],
    ]);
    return [
      ...ofServer.filter(({ vault }) => this.folder(vault).mounted),
      ...ofSettings.filter(({ vault }) => !this.folder(vault).mounted),
    ];
  }

  /** The server's folder where it has one, else that of the settings. */
  #place(vault: VaultName): Pick<VaultFolder, 'path' | 'named' | 'mounted'> {
    const { cluster } = this.#service.state;
    const mounted = cluster !== undefined && hasServer(cluster.status) ? cluster.vaults[vault] : null;
    if (mounted !== null) return { path: mounted, named: true, mounted: true };
    return { ...configuredVaults(this.#vs)[vault], mounted: false };
  }

  async #exists(path: string): Promise<boolean> {
    try {
      const { type } = await this.#vs.workspace.fs.stat(this.#vs.Uri.file(path));
      return (type & this.#vs.FileType.Directory) !== 0;
    } catch {
      return false;
    }
  }

  /** Watches the folder once it is there: in VS Code 1.139 a watcher of a folder that comes later stays silent. */
  #watch(vault: VaultName): void {
    const { path, exists } = this.folder(vault);
    const known = this.#watchers.get(vault);
    if (known?.path === path && exists) return;
    known?.watcher.dispose();
    this.#watchers.delete(vault);
    if (!exists) return;
    const pattern = new this.#vs.RelativePattern(this.#vs.Uri.file(path), '**');
    const watching = new Disposer();
    const watcher = watching.add(this.#vs.workspace.createFileSystemWatcher(pattern));
    for (const event of [watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete])
      watching.add(event(() => this.#lookSoon()));
    this.#watchers.set(vault, { path, watcher: watching });
  }

  #onService(): void {
    const { state, status } = this.#service;
    const { cluster } = state;
    const reason = JSON.stringify([
      status.kind === 'live',
      cluster?.synced_at,
      cluster?.vaults,
      cluster !== undefined && hasServer(cluster.status) ? cluster.status : '',
    ]);
    if (reason === this.#reason) return;
    this.#reason = reason;
    this.#lookSoon();
  }

  #note(what: string, error: unknown): void {
    if (this.#lifetime.signal.aborted) return;
    this.#log.warn(`${what}: ${describe(error)}`);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the server was launched with is on it; what was not, is not. Both are known only once it runs. */
export function syncedHow(
  cluster: Cluster | undefined,
  { mounted }: Pick<VaultFolder, 'mounted'>,
): 'mounted' | 'notMounted' | 'noServer' {
  if (cluster === undefined || !hasServer(cluster.status)) return 'noServer';
  if (mounted) return 'mounted';
  return cluster.status === 'running' || cluster.status === 'stopped' ? 'notMounted' : 'noServer';
}
