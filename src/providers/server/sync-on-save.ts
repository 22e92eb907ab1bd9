/** Syncs the vaults a moment after one of their files was saved, where the settings want that. */
import type * as vscode from 'vscode';
import { waitForOperation } from '../../client/wait.ts';
import { errorFromInfo } from '../../protocol/errors.ts';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { Disposer } from '../disposer.ts';
import { debounce } from '../events.ts';
import { serverChangesOf } from '../model/server-texts.ts';
import { syncsOnSave } from './settings.ts';
import type { VaultFolders } from './vault-folders.ts';

/** Files that are saved together are synced together, in milliseconds. */
const SYNC_DELAY_MS = 2_000;

export interface SyncOnSaveParts {
  readonly vs: typeof vscode;
  readonly service: ControlPlaneService;
  readonly vaults: VaultFolders;
  /** Told what went wrong; the conflict of changed files is asked about instead. */
  readonly onError: (error: unknown) => void;
}

export function syncOnSave(parts: SyncOnSaveParts): Disposer {
  const { vs, vaults } = parts;
  const disposer = new Disposer();
  const lifetime = new AbortController();
  let again = false;
  let going = false;
  const run = async (): Promise<void> => {
    again = going;
    if (going) return;
    going = true;
    await sync(parts, lifetime.signal);
    going = false;
    if (again) soon();
  };
  const soon = disposer.add(debounce(() => void run(), SYNC_DELAY_MS));
  disposer.add({ dispose: () => lifetime.abort() });
  disposer.add(
    vs.workspace.onDidSaveTextDocument(({ uri }) => {
      if (syncsOnSave(vs) && vaults.vaultOf(uri) !== undefined) soon();
    }),
  );
  return disposer;
}

async function sync({ vs, service, vaults, onError }: SyncOnSaveParts, signal: AbortSignal): Promise<void> {
  if (service.state.cluster?.status !== 'running') return;
  const t = vs.l10n.t;
  const options = { location: vs.ProgressLocation.Window, title: t('Syncing the vaults') };
  try {
    await vs.window.withProgress(options, async () => {
      const client = await service.current(signal);
      const { id } = await client.syncCluster({ server_changes: 'refuse', deletions: 'keep' }, signal);
      const ended = await waitForOperation(client, id, { signal });
      if (ended.error !== null) throw errorFromInfo(ended.error);
    });
    void vaults.look();
  } catch (error) {
    if (signal.aborted) return;
    if (serverChangesOf(error) === undefined) onError(error);
    else await offerSync(vs);
  }
}

async function offerSync(vs: typeof vscode): Promise<void> {
  const t = vs.l10n.t;
  const yes = t('Sync Vaults');
  const sentence = t('The vaults were not synced: files were changed on the server, too.');
  if ((await vs.window.showWarningMessage(sentence, yes)) === yes)
    await vs.commands.executeCommand('carapace.syncVaults');
}
