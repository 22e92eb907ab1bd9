/** The settings of the server as VS Code has them. */
import { homedir } from 'node:os';
import type * as vscode from 'vscode';
import type { LaunchCluster, VaultName } from '../../protocol/cluster.ts';
import { launchSettings, vaultPaths, type ReadSetting } from '../model/cluster-settings.ts';

/** The section of all settings of Carapace. */
export const SECTION = 'carapace';

type Vs = Pick<typeof vscode, 'workspace' | 'l10n'>;

function reader(vs: Vs): ReadSetting {
  const settings = vs.workspace.getConfiguration(SECTION);
  return (name) => settings.get(name);
}

/** What the settings ask for, without the vaults. @throws InvalidInputError naming the setting */
export function configuredLaunch(vs: Vs): Omit<LaunchCluster, 'vaults'> {
  return launchSettings(reader(vs), vs.l10n.t);
}

/** Where the `sky` command is by the settings; undefined for the PATH. @throws InvalidInputError naming the setting */
export function configuredSkyPath(vs: Vs): string | undefined {
  return configuredLaunch(vs).sky_path;
}

/** The folders of the vaults by the settings, absolute, and whether somebody has named them. */
export function configuredVaults(vs: Vs): Record<VaultName, { path: string; named: boolean }> {
  const folder = vs.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file');
  return vaultPaths(reader(vs), { workspaceFolder: folder?.uri.fsPath, home: homedir() });
}

/** Whether a saved file of a vault is to be synced at once. */
export function syncsOnSave(vs: Vs): boolean {
  return vs.workspace.getConfiguration(SECTION).get('vaults.syncOnSave') === true;
}

/** Whether an open window alone does not keep the server running. */
export function stopsWhenIdle(vs: Vs): boolean {
  return vs.workspace.getConfiguration(SECTION).get('cluster.stopWhenIdle') !== false;
}
