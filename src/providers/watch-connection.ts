/** What tells that it is worth looking for the control plane again. */
import { watch, type FSWatcher } from 'node:fs';
import { basename } from 'node:path';
import type * as vscode from 'vscode';
import { statePaths } from '../lib/state-folder.ts';
import type { ControlPlaneService } from './control-plane-service.ts';
import { Disposer } from './disposer.ts';

/**
 * Pokes the service when a control plane of this machine has appeared or gone, when the settings name another one, and
 * when somebody comes back to the window.
 */
export function watchConnection(
  vs: Pick<typeof vscode, 'window' | 'workspace'>,
  service: Pick<ControlPlaneService, 'onDidChange' | 'poke' | 'status'>,
  stateFolder: string,
): Disposer {
  const disposer = new Disposer();
  const daemonFile = disposer.add(new DaemonFileWatch(stateFolder, () => service.poke()));
  daemonFile.begin();
  disposer.add(
    service.onDidChange(() => {
      // The folder may come later, with the first control plane. While that is connected, its stream tells everything.
      if (service.status.kind === 'live') daemonFile.dispose();
      else daemonFile.begin();
    }),
  );
  disposer.add(
    vs.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('carapace.controlPlane.url')) service.poke();
    }),
  );
  disposer.add(
    vs.window.onDidChangeWindowState(({ focused }) => {
      if (focused) service.poke();
    }),
  );
  return disposer;
}

/**
 * Watches `daemon.json`. By Node, not by VS Code: in VS Code 1.139 a watcher of a file outside the workspace whose
 * folder comes later stays silent.
 */
class DaemonFileWatch {
  readonly #folder: string;
  readonly #changed: () => void;
  #watcher: FSWatcher | undefined;

  constructor(folder: string, changed: () => void) {
    this.#folder = folder;
    this.#changed = changed;
  }

  /** Begins to watch, unless it does already; without a folder it does nothing. */
  begin(): void {
    if (this.#watcher !== undefined) return;
    const file = basename(statePaths(this.#folder).daemonFile);
    try {
      this.#watcher = watch(this.#folder, (_event, name) => {
        if (name === file) this.#changed();
        else if (name === basename(this.#folder)) this.#again();
      });
      this.#watcher.on('error', () => this.dispose());
    } catch {
      // No folder yet, or no watches left: the views look again from time to time.
      return;
    }
    // What happened before is not told.
    this.#changed();
  }

  /** The folder itself has changed, or is another one by now. */
  #again(): void {
    this.dispose();
    this.begin();
  }

  dispose(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
