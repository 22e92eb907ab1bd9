/** What is asked before a server is launched or ended: prices, losses, warnings. Pure. */
import {
  CLUSTER_DEFAULTS,
  MAX_LISTED_FILES,
  REMOTE_DATA_FOLDER,
  serverChangesDetailsSchema,
  type Cluster,
  type LaunchCluster,
  type LaunchPlan,
  type ServerChange,
  type VaultReport,
} from '../../protocol/cluster.ts';
import { ConflictError } from '../../protocol/errors.ts';
import { formatBytes, formatMinutes, formatMonthly, formatPrice } from '../../client/format.ts';
import type { Translate } from '../../client/translate.ts';

/**
 * `Launch carapace-node: m6i.xlarge in AWS us-east-1 for $0.19/h?` What is left to SkyPilot may become another machine of
 * that price.
 */
export function launchQuestion(wish: LaunchCluster, plan: LaunchPlan, t: Translate): string {
  const name = wish.name ?? CLUSTER_DEFAULTS.name;
  const { offer } = plan;
  const where = offer === null ? [] : [offer.instance_type, offer.cloud, offer.region];
  const isChosen = typeof wish.cloud === 'string' && typeof wish.region === 'string';
  const machine = isChosen ? t(': {0} in {1} {2}', ...where) : t(': a machine such as {0} in {1} {2}', ...where);
  const what = offer === null ? '' : machine;
  const price = plan.price_per_hour === null ? '' : t(' for {0}', formatPrice(plan.price_per_hour, t));
  return t('Launch {0}{1}{2}?', name, what, price);
}

/** What the launch comes to, one thing a line. */
export function launchDetail(wish: LaunchCluster, plan: LaunchPlan, t: Translate): string {
  const disk = wish.disk_size ?? CLUSTER_DEFAULTS.disk_size;
  const diskPrice = plan.disk_price_per_hour;
  const minutes = wish.autostop_minutes ?? CLUSTER_DEFAULTS.autostop_minutes;
  const lines = [
    plan.price_per_hour === null ? t('The price is not known before it runs.') : '',
    diskPrice === null ? t('Disk: {0} GB.', disk) : t('Disk: {0} GB, {1}.', disk, formatMonthly(diskPrice, t)),
    minutes === 0
      ? t('It runs until you stop it.')
      : t('It stops by itself after {0} without use.', formatMinutes(minutes, t)),
    ...plan.vaults.flatMap((report) => vaultLines(report, t)),
    ...plan.warnings,
  ];
  return [...new Set(lines.filter((line) => line !== ''))].join('\n');
}

function vaultLines(report: VaultReport, t: Translate): string[] {
  const count = report.file_count === 1 ? t('1 file') : t('{0} files', report.file_count);
  const size = `${count}, ${formatBytes(report.bytes, t)}`;
  const to = `${REMOTE_DATA_FOLDER}/${report.vault}`;
  const lines = [
    report.vault === 'public' ? t('Vault public: {0}, to {1}.', size, to) : t('Vault private: {0}, to {1}.', size, to),
  ];
  return report.problem === null ? lines : [...lines, report.problem];
}

/** What destroying loses, and what keeping costs. */
export function destroyLosses(cluster: Cluster, t: Translate): string {
  const sentences = [
    t('The machine, its disk and everything on it are lost. The vaults on this machine stay as they are.'),
  ];
  const { price_per_hour: price, disk_price_per_hour: disk } = cluster;
  const diskText =
    disk === null ? undefined : t('{0} for its disk ({1})', formatPrice(disk, t), formatMonthly(disk, t));
  if (cluster.status === 'stopped') {
    sentences.push(diskText === undefined ? t('Keeping it costs its disk.') : t('Keeping it costs {0}.', diskText));
  } else if (price !== null) {
    sentences.push(t('Keeping it running costs {0}.', formatPrice(price, t)));
    if (diskText !== undefined) sentences.push(t('Stopped, it would cost {0}.', diskText));
  }
  return sentences.join(' ');
}

/** What a launch that did not succeed has left, for the question whether to destroy it; undefined where nothing is. */
export function leftovers(cluster: Cluster, t: Translate): string | undefined {
  if (cluster.status === 'no_server' || cluster.billed === 'nothing') return undefined;
  if (cluster.billed === 'unknown') return t('A machine may be left that costs money.');
  const price = cluster.billed === 'disk' ? cluster.disk_price_per_hour : cluster.price_per_hour;
  const what = cluster.billed === 'disk' ? t('A disk is left') : t('A machine is left');
  return price === null ? t('{0} that costs money.', what) : t('{0} that costs {1}.', what, formatPrice(price, t));
}

/** `unknown`: nobody can look at the server now. */
export type ServerChanges = readonly ServerChange[] | 'unknown';

/** The files that a refusal names as changed on the server; undefined where it is about something else. */
export function serverChangesOf(error: unknown): ServerChanges | undefined {
  if (!(error instanceof ConflictError)) return undefined;
  const parsed = serverChangesDetailsSchema.safeParse(error.details);
  if (!parsed.success) return undefined;
  return parsed.data.server_changes ?? 'unknown';
}

/** So many files are named in a question. */
const FILES_TOLD = 12;

/** One line for each file: where it is, what happened to it, and whether it was changed here, too. */
export function changesText(changes: ServerChanges, t: Translate): string {
  if (changes === 'unknown')
    return t('The server cannot be asked now which of its files were changed since the last sync.');
  const words = { added: t('new'), changed: t('changed'), removed: t('removed') };
  const lines = changes.slice(0, FILES_TOLD).map(({ vault, path, change, conflict }) => {
    const also = conflict ? t(', and changed here, too') : '';
    return `• ${vault}/${path}: ${words[change]}${also}`;
  });
  const more = changes.length - lines.length;
  if (more > 0) lines.push(changes.length >= MAX_LISTED_FILES ? t('… and more') : t('… and {0} more', more));
  return lines.join('\n');
}
