/** The settings that a server is launched by, checked by the schema of the protocol. Pure. */
import { isAbsolute, join } from 'node:path';
import { launchClusterSchema, VAULTS, type LaunchCluster, type VaultName } from '../../protocol/cluster.ts';
import { InvalidInputError } from '../../protocol/errors.ts';
import { withNextStep } from './problem.ts';
import type { Translate } from '../../client/translate.ts';

/** The settings' names without `carapace.`, and the field of the launch that each one is. */
export const CLUSTER_SETTINGS = {
  'cluster.name': 'name',
  'cluster.cloud': 'cloud',
  'cluster.region': 'region',
  'cluster.instanceType': 'instance_type',
  'cluster.cpus': 'cpus',
  'cluster.memory': 'memory',
  'cluster.diskSize': 'disk_size',
  'cluster.useSpot': 'use_spot',
  'cluster.autostopMinutes': 'autostop_minutes',
  skyPath: 'sky_path',
} as const satisfies Record<string, keyof LaunchCluster>;

/** Each vault's setting. */
export const VAULT_SETTINGS = { public: 'vaults.public', private: 'vaults.private' } as const satisfies Record<
  VaultName,
  string
>;

/** Reads a setting by its name without `carapace.`. */
export type ReadSetting = (name: string) => unknown;

/**
 * What the settings ask for, without the vaults. An empty text leaves the choice to SkyPilot.
 * @throws InvalidInputError naming the setting
 */
export function launchSettings(read: ReadSetting, t: Translate): Omit<LaunchCluster, 'vaults'> {
  const given = Object.entries(CLUSTER_SETTINGS).map(([name, field]) => [field, valueOf(read(name))] as const);
  const result = launchClusterSchema.safeParse(Object.fromEntries(given.filter(([, value]) => value !== undefined)));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path[0];
  const name = Object.entries(CLUSTER_SETTINGS).find(([, each]) => each === field)?.[0] ?? 'cluster';
  throw new InvalidInputError(
    t('The setting carapace.{0} is not valid: {1}.', name, issue?.message ?? ''),
    withNextStep('openSettings', `carapace.${name}`),
  );
}

function valueOf(value: unknown): unknown {
  const given = typeof value === 'string' ? value.trim() : value;
  return given === '' || given === null ? undefined : given;
}

/** Where paths of the settings begin. `workspaceFolder` is the first local one that is open. */
export interface Places {
  readonly workspaceFolder: string | undefined;
  readonly home: string;
}

/** A vault's folder by its setting, absolute. */
export function vaultPath(vault: VaultName, setting: unknown, { workspaceFolder, home }: Places): string {
  const base = workspaceFolder ?? join(home, 'carapace');
  const text = typeof setting === 'string' ? setting.trim() : '';
  if (text === '') return join(base, 'data', vault);
  if (text === '~' || text.startsWith('~/')) return join(home, text.slice(1));
  return isAbsolute(text) ? text : join(base, text);
}

/** The folders of all vaults by the settings, and which of them somebody has named. */
export function vaultPaths(read: ReadSetting, places: Places): Record<VaultName, { path: string; named: boolean }> {
  const entries = VAULTS.map((vault) => {
    const setting = read(VAULT_SETTINGS[vault]);
    const named = typeof setting === 'string' && setting.trim() !== '';
    return [vault, { path: vaultPath(vault, setting, places), named }] as const;
  });
  return Object.fromEntries(entries) as Record<VaultName, { path: string; named: boolean }>;
}
