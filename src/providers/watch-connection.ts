/** What tells that it is worth looking for the control plane again. */
import type * as vscode from 'vscode';
import { statePaths } from '../lib/state-folder.ts';
import { basename, dirname } from 'node:path';
import { Disposer } from './disposer.ts';

/** Calls `look` when a control plane of this machine has appeared or gone, when settings change, and on a return. */
export function watchConnection(
  vs: Pick<typeof vscode, 'RelativePattern' | 'Uri' | 'window' | 'workspace'>,
  stateFolder: string,
  look: () => void,
): Disposer {
  const { daemonFile } = statePaths(stateFolder);
  const disposer = new Disposer();
  const pattern = new vs.RelativePattern(vs.Uri.file(dirname(daemonFile)), basename(daemonFile));
  const watcher = disposer.add(vs.workspace.createFileSystemWatcher(pattern));
  disposer.add(watcher.onDidCreate(look));
  disposer.add(watcher.onDidChange(look));
  disposer.add(watcher.onDidDelete(look));
  disposer.add(
    vs.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('carapace.controlPlane.url')) look();
    }),
  );
  disposer.add(
    vs.window.onDidChangeWindowState(({ focused }) => {
      if (focused) look();
    }),
  );
  return disposer;
}
