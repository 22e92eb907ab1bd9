/** When views are drawn anew, and when what they show is fetched anew. */
import type * as vscode from 'vscode';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { Disposer } from '../disposer.ts';

/** Changes that come together are drawn together, in milliseconds. */
export const REFRESH_DELAY_MS = 50;

/** Has the state fetched anew from time to time, but only while the view is visible. */
export function keepFreshWhileVisible(
  view: Pick<vscode.TreeView<unknown>, 'visible' | 'onDidChangeVisibility'>,
  service: Pick<ControlPlaneService, 'keepFresh'>,
): Disposer {
  const disposer = new Disposer();
  let fresh: { dispose(): void } | undefined;
  const update = () => {
    if (view.visible) fresh ??= service.keepFresh();
    else {
      fresh?.dispose();
      fresh = undefined;
    }
  };
  disposer.add(view.onDidChangeVisibility(update));
  disposer.add({ dispose: () => fresh?.dispose() });
  update();
  return disposer;
}
