/** A control plane of an earlier version is used as it is: said once, and looked after until it makes way. */
import type * as vscode from 'vscode';
import { VERSION } from '../lib/version.ts';
import type { ControlPlaneService } from './control-plane-service.ts';
import { Disposer } from './disposer.ts';
import { outdatedMessage } from './model/connection-status.ts';

/** How often it is tried whether an outdated control plane makes way, in milliseconds. */
const RENEW_MS = 60_000;

/** Says it once for each version, and asks every `renewMs` milliseconds whether the control plane makes way. */
export function tellOutdated(
  vs: { readonly window: Pick<typeof vscode.window, 'showInformationMessage'>; readonly l10n: typeof vscode.l10n },
  service: Pick<ControlPlaneService, 'onDidChange' | 'outdated' | 'renew'>,
  renewMs = RENEW_MS,
): Disposer {
  const disposer = new Disposer();
  const told = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    clearInterval(timer);
    timer = undefined;
  };
  disposer.add({ dispose: end });
  disposer.add(
    service.onDidChange(() => {
      const { outdated } = service;
      if (outdated === undefined) {
        end();
        return;
      }
      if (outdated.background) timer ??= setInterval(() => service.renew(), renewMs);
      if (told.has(outdated.version)) return;
      told.add(outdated.version);
      void vs.window.showInformationMessage(outdatedMessage(outdated, VERSION, vs.l10n.t));
    }),
  );
  return disposer;
}
