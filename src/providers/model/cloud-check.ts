/** What a check of SkyPilot and the clouds comes to, in words. Pure. */
import type { ClusterCheck } from '../../protocol/cluster.ts';
import type { Translate } from '../../client/translate.ts';

/** A cloud's reason is cut after so many characters; the log has the whole. */
const REASON_LENGTH = 120;

/** Names each cloud and why it cannot be used, in one line. */
export function noCloudSentence(check: ClusterCheck, t: Translate): string {
  const reasons = Object.entries(check.disabled_clouds).map(([cloud, reason]) => `${cloud} (${shortened(reason)})`);
  if (reasons.length === 0)
    return t('No cloud can be used: SkyPilot found no credentials. Set up those of a cloud, then check again.');
  return t('No cloud can be used: {0}. Set up the credentials of one, then check again.', reasons.join('; '));
}

function shortened(reason: string): string {
  const line = reason.replace(/\s+/g, ' ').trim().replace(/\.$/, '');
  return line.length > REASON_LENGTH ? `${line.slice(0, REASON_LENGTH - 1)}…` : line;
}

/** What can be used. */
export function checkSentence(check: ClusterCheck, t: Translate): string {
  return t('SkyPilot {0} is there. Clouds: {1}.', check.sky_version ?? '', [...check.enabled_clouds].sort().join(', '));
}

/** The whole for the log, one line a cloud. */
export function checkLines(check: ClusterCheck): string[] {
  return [
    `SkyPilot: ${check.sky_version ?? check.reason ?? 'not installed'}`,
    ...check.enabled_clouds.map((cloud) => `  ${cloud}: can be used`),
    ...Object.entries(check.disabled_clouds).map(([cloud, reason]) => `  ${cloud}: ${reason}`),
  ];
}
