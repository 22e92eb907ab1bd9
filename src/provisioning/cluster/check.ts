/** Whether SkyPilot and the clouds can be used, and what is missing. */
import type { ClusterCheck } from '../../protocol/cluster.ts';
import { NoCredentialsError, SkyNotInstalledError } from '../../protocol/errors.ts';
import type { SkyFinder } from './sky/sky.ts';

type Clouds = Pick<ClusterCheck, 'enabled_clouds' | 'disabled_clouds'>;

/** Asks SkyPilot which clouds it can use; what is missing is in the answer. */
export async function checkSky(
  finder: SkyFinder,
  skyPath: string | undefined,
  signal: AbortSignal,
): Promise<ClusterCheck> {
  try {
    const sky = await finder.find(skyPath, signal);
    const clouds = await sky.check(signal);
    const reason = clouds.enabled_clouds.length > 0 ? null : noCredentials(clouds, null).message;
    return { sky_installed: true, sky_version: sky.version, ...clouds, reason, install_command: null };
  } catch (error) {
    if (!(error instanceof SkyNotInstalledError)) throw error;
    return notInstalled(finder, error, signal);
  }
}

async function notInstalled(
  finder: SkyFinder,
  error: SkyNotInstalledError,
  signal: AbortSignal,
): Promise<ClusterCheck> {
  const install_command = await finder.installCommand(signal);
  const version = error.details?.['sky_version'];
  const sky_version = typeof version === 'string' ? version : null;
  const none = { enabled_clouds: [], disabled_clouds: {} };
  return { sky_installed: false, sky_version, ...none, reason: error.message, install_command };
}

/** Whether two spellings name the same cloud. */
export function isSameCloud(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** The error for clouds that cannot be used, with their reasons. @param wanted the one that was asked for */
export function noCredentials({ enabled_clouds, disabled_clouds }: Clouds, wanted: string | null): NoCredentialsError {
  const reasons = Object.entries(disabled_clouds)
    .filter(([cloud]) => wanted === null || isSameCloud(cloud, wanted))
    .map(([cloud, reason]) => `${cloud}: ${reason.trim().replace(/\.$/, '')}.`);
  const what = wanted === null ? 'No cloud can be used' : `The cloud "${wanted}" cannot be used`;
  const other = enabled_clouds.length === 0 ? '' : ` These can: ${enabled_clouds.join(', ')}.`;
  const why = reasons.length === 0 ? '' : ` ${reasons.join(' ')}`;
  const message = `${what}: there are no valid credentials for it.${why}${other} Set them up, and check with "sky check".`;
  return new NoCredentialsError(message, { disabled_clouds });
}
