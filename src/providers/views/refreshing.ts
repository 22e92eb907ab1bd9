/** When views are drawn anew, and when what they show is fetched anew. */
import type * as vscode from 'vscode';
import { Disposer } from '../disposer.ts';

/** Changes that come together are drawn together, in milliseconds. */
export const REFRESH_DELAY_MS = 50;

/** Has the lists fetched anew from time to time, but only while the view is visible. */
export function keepFreshWhileVisible(view: Visible, service: { keepFresh(): { dispose(): void } }): Disposer {
  return onlyWhile(
    [view.onDidChangeVisibility],
    () => view.visible,
    () => service.keepFresh(),
  );
}

/** Keeps something going while the view is visible and the window has the focus. */
export function whileLookedAt(
  { window }: Pick<typeof vscode, 'window'>,
  view: Visible,
  begin: () => { dispose(): void },
): Disposer {
  const events = [view.onDidChangeVisibility, window.onDidChangeWindowState];
  return onlyWhile(events, () => view.visible && window.state.focused, begin);
}

type Visible = Pick<vscode.TreeView<unknown>, 'visible' | 'onDidChangeVisibility'>;

function onlyWhile(
  events: readonly vscode.Event<unknown>[],
  holds: () => boolean,
  begin: () => { dispose(): void },
): Disposer {
  const disposer = new Disposer();
  let going: { dispose(): void } | undefined;
  const update = () => {
    if (holds()) going ??= begin();
    else {
      going?.dispose();
      going = undefined;
    }
  };
  for (const event of events) disposer.add(event(update));
  disposer.add({ dispose: () => going?.dispose() });
  update();
  return disposer;
}
