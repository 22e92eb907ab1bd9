/** The Server view: empty for now, so that its welcome says what is coming. */
import type * as vscode from 'vscode';

export function registerServerView(vs: Pick<typeof vscode, 'window'>): vscode.Disposable {
  const nothing: vscode.TreeDataProvider<never> = { getChildren: () => [], getTreeItem: (node) => node };
  return vs.window.registerTreeDataProvider('carapace.server', nothing);
}
