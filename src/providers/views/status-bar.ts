/** The status bar item: the server's state and price, how many workshops there are, and a click to them. */
import type * as vscode from 'vscode';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { Disposer } from '../disposer.ts';
import { debounce } from '../events.ts';
import { staleMessage } from '../model/connection-status.ts';
import { runningSeats, statusBar } from '../model/summary.ts';
import { REFRESH_DELAY_MS } from './refreshing.ts';

/** Left of most others, right of the source control. */
const PRIORITY = 10;

export function createStatusBar(vs: typeof vscode, service: ControlPlaneService): Disposer {
  const t = vs.l10n.t;
  const disposer = new Disposer();
  const item = disposer.add(vs.window.createStatusBarItem('carapace.status', vs.StatusBarAlignment.Left, PRIORITY));
  item.name = 'Carapace';
  const update = () => {
    const { state, status } = service;
    const said = statusBar(state, status, t);
    if (said === undefined) {
      item.hide();
      return;
    }
    const { text, view } = said;
    item.text = text;
    item.command = `${view}.focus`;
    const shows = view === 'carapace.server' ? t('Show the server.') : t('Show the workshops.');
    item.tooltip = staleMessage(status, Date.now(), t) ?? t('{0} seats run. {1}', runningSeats(state), shows);
    item.accessibilityInformation = { label: text.replace(/^\$\([^)]*\) /, ''), role: 'button' };
    item.show();
  };
  disposer.add(service.onDidChange(disposer.add(debounce(update, REFRESH_DELAY_MS))));
  return disposer;
}
