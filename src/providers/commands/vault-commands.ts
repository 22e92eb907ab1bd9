/** Commands on the vaults: sync them, show them. */
import type { Cluster, SyncCluster, VaultName } from '../../protocol/cluster.ts';
import { VAULTS } from '../../protocol/cluster.ts';
import { listText } from '../model/vault-row.ts';
import { parseServerTarget, type ServerTarget } from './arguments.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { CommandHandlers } from './register.ts';
import { requireServer, runMindingChanges, whileAsking, type ServerParts } from './server-parts.ts';

type VaultCommandId = 'carapace.syncVaults' | 'carapace.revealVault';

export interface VaultCommandParts extends ServerParts {
  /** Opens a vault in the tree. */
  readonly showVault: (vault: VaultName) => Promise<void>;
}

export function vaultCommands(parts: VaultCommandParts): Pick<CommandHandlers, VaultCommandId> {
  return {
    'carapace.syncVaults': (argument) => sync(parts, parseServerTarget(argument)),
    'carapace.revealVault': (argument) => revealVault(parts, parseServerTarget(argument)),
  };
}

async function sync(parts: ServerParts, target: ServerTarget): Promise<Outcome> {
  const cluster = await requireServer(parts);
  const t = parts.vs.l10n.t;
  const deletions = await askForDeletions(parts, target, cluster);
  if (deletions === undefined) return CANCELLED;
  const question = {
    question: t('Files were changed on {0} since the last sync. Sync all the same?', cluster.name),
    otherwise: t('The sync puts the files of this machine over them.'),
    discard: t('Overwrite Them'),
    anyway: t('Sync Anyway'),
  };
  const title = t('Syncing the vaults with {0}', cluster.name);
  const outcome = await runMindingChanges(parts, title, target, question, (client, server_changes) =>
    client.syncCluster({ server_changes, deletions }),
  );
  void parts.vaults.look();
  return outcome;
}

type Deletions = NonNullable<SyncCluster['deletions']>;

/** What was removed here is removed on the server only where somebody says so; undefined where they gave up. */
async function askForDeletions(
  parts: ServerParts,
  target: ServerTarget,
  cluster: Cluster,
): Promise<Deletions | undefined> {
  if (target.deletions !== undefined) return target.deletions;
  if (target.confirmed === true) return 'keep';
  const { vs } = parts;
  const t = vs.l10n.t;
  const reports = await whileAsking(parts, t('Looking what changed'), (client, signal) =>
    client.inspectVaults(undefined, signal),
  );
  const removed = reports.flatMap((report) => (report.removed?.files ?? []).map((file) => `${report.vault}/${file}`));
  const count = reports.reduce((sum, report) => sum + (report.removed?.count ?? 0), 0);
  if (count === 0) return 'keep';
  const remove = t('Remove Them There, Too');
  const keep = t('Keep Them There');
  const question =
    count === 1
      ? t('1 file was removed here since the last sync. Remove it on {0}, too?', cluster.name)
      : t('{0} files were removed here since the last sync. Remove them on {1}, too?', count, cluster.name);
  const options = { modal: true, detail: listText(removed, count, t) };
  const chosen = await vs.window.showWarningMessage(question, options, remove, keep);
  if (chosen === undefined) return undefined;
  return chosen === remove ? 'remove' : 'keep';
}

async function revealVault(parts: VaultCommandParts, target: ServerTarget): Promise<Outcome> {
  const { vs, vaults } = parts;
  const t = vs.l10n.t;
  const vault = target.vault ?? (await pickVault(parts));
  if (vault === undefined) return CANCELLED;
  await vaults.look();
  const { path, exists } = vaults.folder(vault);
  if (!exists) {
    const yes = t('Make the Folder');
    const question = t('There is no folder {0} yet.', path);
    if ((await vs.window.showInformationMessage(question, yes)) !== yes) return CANCELLED;
    await vs.workspace.fs.createDirectory(vs.Uri.file(path));
    await vaults.look();
  }
  const uri = vaults.uri(vault, target.path);
  if (vs.workspace.getWorkspaceFolder(uri) !== undefined) await vs.commands.executeCommand('revealInExplorer', uri);
  else if (vs.env.uiKind === vs.UIKind.Desktop) await vs.commands.executeCommand('revealFileInOS', uri);
  else await parts.showVault(vault);
  return ok(uri.fsPath);
}

async function pickVault({ vs, vaults }: ServerParts): Promise<VaultName | undefined> {
  const t = vs.l10n.t;
  const items = VAULTS.map((vault) => ({
    label: vault === 'public' ? t('Vault public') : t('Vault private'),
    description: vaults.folder(vault).path,
    vault,
  }));
  return (await vs.window.showQuickPick(items, { placeHolder: t('Which vault?') }))?.vault;
}
