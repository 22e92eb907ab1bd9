/** Tells the control plane that somebody works with the server: types, saves or runs something in a window on it. */
import type * as vscode from 'vscode';
import type { ActivityKind } from '../../protocol/cluster.ts';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { Disposer } from '../disposer.ts';
import { hostOfAuthority } from '../model/remote-ssh.ts';
import { stopsWhenIdle } from './settings.ts';

/** At most this often, in milliseconds. */
export const TELL_EVERY_MS = 60_000;

/** Of what is open on another machine: its files, and the cells of its notebooks, of which it is not told whether they are dirty. */
const FILE_SCHEME = 'vscode-remote';
const CELL_SCHEME = 'vscode-notebook-cell';

type Vs = Pick<typeof vscode, 'env' | 'window' | 'workspace' | 'l10n'>;
type Service = Pick<ControlPlaneService, 'state' | 'status' | 'current' | 'tellCluster'>;

export class ActivityTeller {
  readonly #vs: Vs;
  readonly #service: Service;
  readonly #log: Pick<vscode.LogOutputChannel, 'warn'>;
  readonly #now: () => number;
  readonly #disposer = new Disposer();
  readonly #lifetime = new AbortController();
  #toldAt = -Infinity;

  constructor(
    vs: Vs,
    service: Service,
    log: Pick<vscode.LogOutputChannel, 'warn'>,
    now: () => number = () => performance.now(),
  ) {
    this.#vs = vs;
    this.#service = service;
    this.#log = log;
    this.#now = now;
    this.#disposer.add(
      vs.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        // One that is not dirty was read anew: a program has written into it, such as a log that is open in a window.
        const isTyped = document.isDirty || document.uri.scheme === CELL_SCHEME;
        if (isTyped && contentChanges.length > 0 && this.#isOnServer(document.uri)) void this.tell('typing');
      }),
    );
    this.#disposer.add(
      vs.workspace.onDidSaveTextDocument(({ uri }) => {
        if (this.#isOnServer(uri)) void this.tell('saving');
      }),
    );
    this.#disposer.add(
      vs.window.onDidStartTerminalShellExecution(() => {
        if (this.#isWindowOnServer()) void this.tell('terminal');
      }),
    );
    // Where an open window is to count as work, it does.
    const timer = setInterval(() => {
      if (!stopsWhenIdle(vs) && this.#isWindowOnServer()) void this.tell('command');
    }, TELL_EVERY_MS);
    this.#disposer.add({ dispose: () => clearInterval(timer) });
  }

  dispose(): void {
    this.#lifetime.abort();
    this.#disposer.dispose();
  }

  /** Tells it, unless that was done within the last minute. */
  async tell(kind: ActivityKind): Promise<void> {
    const now = this.#now();
    if (this.#service.status.kind !== 'live' || now - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = now;
    await this.#send(kind);
  }

  /** Tells it now: somebody has pressed "Keep Running". */
  async insist(): Promise<void> {
    this.#toldAt = this.#now();
    await this.#send('command');
  }

  async #send(kind: ActivityKind): Promise<void> {
    try {
      const client = await this.#service.current(this.#lifetime.signal);
      this.#service.tellCluster(await client.tellActivity(kind, this.#lifetime.signal));
    } catch (error) {
      if (this.#lifetime.signal.aborted) return;
      // What could not be told is told at the next occasion.
      this.#toldAt = -Infinity;
      this.#log.warn(`Activity could not be told: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #isOnServer(uri: vscode.Uri): boolean {
    const { cluster } = this.#service.state;
    if (![FILE_SCHEME, CELL_SCHEME].includes(uri.scheme) || cluster === undefined) return false;
    // One that could not be stopped runs on, and its stop is tried again.
    if (cluster.status !== 'running' && cluster.status !== 'error') return false;
    return hostOfAuthority(uri.authority) === (cluster.ssh_host ?? cluster.name);
  }

  /** Whether this window is open on the server, by its folders or its documents. */
  #isWindowOnServer(): boolean {
    if (this.#vs.env.remoteName !== 'ssh-remote') return false;
    const folders = (this.#vs.workspace.workspaceFolders ?? []).map(({ uri }) => uri);
    const documents = this.#vs.workspace.textDocuments.map(({ uri }) => uri);
    return [...folders, ...documents].some((uri) => this.#isOnServer(uri));
  }
}
