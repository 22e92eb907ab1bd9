/** Warns before the server is stopped because nobody works with it. */
import type * as vscode from 'vscode';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { formatMoment } from '../../client/format.ts';

type Vs = Pick<typeof vscode, 'window' | 'l10n' | 'commands'>;

/** @param keepRunning tells that somebody wants it to go on */
export function warnBeforeStop(
  vs: Vs,
  service: Pick<ControlPlaneService, 'state' | 'onDidChange'>,
  keepRunning: () => Promise<void>,
): vscode.Disposable {
  let warned = false;
  return service.onDidChange(() => {
    const { cluster } = service.state;
    const stopsAt = cluster?.status === 'running' ? cluster.stops_at : null;
    if (cluster === undefined || stopsAt === null) {
      warned = false;
      return;
    }
    if (warned) return;
    warned = true;
    void ask(vs, cluster.name, Date.parse(stopsAt), keepRunning);
  });
}

async function ask(vs: Vs, name: string, stopsAt: number, keepRunning: () => Promise<void>): Promise<void> {
  const t = vs.l10n.t;
  const keep = t('Keep Running');
  const stop = t('Stop Now');
  const when = formatMoment(stopsAt, Date.now());
  const sentence = t('{0} stops at {1}: nobody types, saves or runs anything on it. Its disk is kept.', name, when);
  const chosen = await vs.window.showWarningMessage(sentence, keep, stop);
  if (chosen === keep) await keepRunning();
  if (chosen === stop) await vs.commands.executeCommand('carapace.stopServer');
}
