/** How the vaults and their files look in the tree. Pure. */
import { REMOTE_DATA_FOLDER, type VaultName, type VaultReport } from '../../protocol/cluster.ts';
import { formatAgo, formatBytes } from '../../client/format.ts';
import { ICON, type Fact, type MoreFilesNode, type Row, type VaultFileNode } from './nodes.ts';
import type { Translate } from '../../client/translate.ts';

/** A vault as far as it is known. */
export interface VaultContext {
  readonly vault: VaultName;
  /** Its folder on this machine. */
  readonly path: string;
  /** Whether that folder is there. */
  readonly exists: boolean;
  /** What the control plane says of it; undefined where it was not asked. */
  readonly report: VaultReport | undefined;
  /** Whether a server runs that it could be synced with. */
  readonly synced: 'mounted' | 'notMounted' | 'noServer';
  readonly running: boolean;
  readonly now: number;
  readonly t: Translate;
}

/** What a vault permits; the manifest's `when` clauses read it. */
export const VAULT_FLAGS = ['syncable', 'revealable'] as const;

/** What was added, changed and removed since the last sync; undefined where there was none. */
export function changesOf(report: VaultReport): number | undefined {
  const { added, changed, removed } = report;
  if (added === null || changed === null || removed === null) return undefined;
  return added.count + changed.count + removed.count;
}

/** `12 files · synced 2 min ago` or `3 files · 1 changed since sync` */
function describe({ path, exists, report, synced, now, t }: VaultContext): string {
  if (!exists) return t('no folder {0}', path);
  if (report === undefined) return path;
  if (report.problem !== null) return report.problem;
  const parts = [report.file_count === 1 ? t('1 file') : t('{0} files', report.file_count)];
  if (synced === 'notMounted') parts.push(t('not on the server'));
  if (synced === 'mounted') parts.push(syncText(report, now, t));
  if (report.secrets.count > 0) parts.push(secretsText(report, t));
  return parts.join(' · ');
}

function secretsText(report: VaultReport, t: Translate): string {
  const { count } = report.secrets;
  return count === 1 ? t('1 looks like a secret') : t('{0} look like secrets', count);
}

function syncText(report: VaultReport, now: number, t: Translate): string {
  const changes = changesOf(report);
  if (changes === undefined || report.synced_at === null) return t('not synced yet');
  if (changes > 0) return t('{0} changed since sync', changes);
  return t('synced {0}', formatAgo(now - Date.parse(report.synced_at), t));
}

export function vaultRow(context: VaultContext): Row {
  const { vault, exists, report, running, t } = context;
  const label = vault === 'public' ? t('Vault public') : t('Vault private');
  const description = describe(context);
  const doubtful = !exists || (report !== undefined && (report.problem !== null || report.secrets.count > 0));
  const plain = vault === 'public' ? ICON.publicVault : ICON.privateVault;
  return {
    label,
    description,
    icon: doubtful ? ICON.warning : plain,
    flags: ['vault', 'revealable', ...(running ? ['syncable'] : [])],
    spoken: t('{0}, {1}', label, description),
  };
}

export function vaultFacts({ vault, path, report, now, t }: VaultContext): Fact[] {
  const facts: Fact[] = [[t('Folder'), path]];
  facts.push([t('On the server'), `${REMOTE_DATA_FOLDER}/${vault}`]);
  if (report === undefined) return facts;
  facts.push([t('Files'), t('{0}, {1}', report.file_count, formatBytes(report.bytes, t))]);
  if (report.synced_at !== null) facts.push([t('Synced'), formatAgo(now - Date.parse(report.synced_at), t)]);
  const lists = [
    [t('Added'), report.added],
    [t('Changed'), report.changed],
    [t('Removed'), report.removed],
    [t('Named by .gitignore, mounted all the same'), report.ignored],
    [t('Look like secrets'), report.secrets],
  ] as const;
  for (const [name, list] of lists) {
    if (list !== null && list.count > 0) facts.push([name, listText(list.files, list.count, t)]);
  }
  if (report.problem !== null) facts.push([t('Problem'), report.problem]);
  return facts;
}

/** So many names are told, then how many more there are. */
const NAMES_TOLD = 5;

/** `a.txt, b.txt and 3 more` @param count how many there are in all */
export function listText(names: readonly string[], count: number, t: Translate): string {
  const told = names.slice(0, NAMES_TOLD);
  const text = told.join(', ');
  return count > told.length ? t('{0} and {1} more', text, count - told.length) : text;
}

/** A file's row; its icon comes from the file's own address. */
export function vaultFileRow({ path, isFolder }: VaultFileNode, t: Translate): Omit<Row, 'icon'> {
  const label = path.split('/').at(-1) ?? path;
  const flags = [isFolder ? 'vaultFolder' : 'vaultFile'];
  return { label, description: '', flags, spoken: isFolder ? t('Folder {0}', label) : t('File {0}', label) };
}

export function moreFilesRow({ count }: MoreFilesNode, t: Translate): Row {
  const label = t('{0} more', count);
  return { label, description: '', icon: ICON.more, flags: ['moreFiles'], spoken: label };
}

/** At most so many entries of a folder are listed: a tree of 100,000 rows helps nobody. */
export const MAX_LISTED = 1_000;

/** A folder's entries as rows: folders first, by name. */
export function listedFiles(
  parent: { readonly vault: VaultName; readonly path: string },
  entries: readonly { readonly name: string; readonly isFolder: boolean }[],
): (VaultFileNode | MoreFilesNode)[] {
  const { vault } = parent;
  const sorted = [...entries].sort(
    (one, other) => Number(other.isFolder) - Number(one.isFolder) || compareNames(one.name, other.name),
  );
  const under = (name: string) => (parent.path === '' ? name : `${parent.path}/${name}`);
  const rows: (VaultFileNode | MoreFilesNode)[] = sorted
    .slice(0, MAX_LISTED)
    .map(({ name, isFolder }) => ({ kind: 'vaultFile', vault, path: under(name), isFolder }));
  const count = sorted.length - MAX_LISTED;
  return count > 0 ? [...rows, { kind: 'moreFiles', vault, path: parent.path, count }] : rows;
}

/** Without a locale's rules, which take seconds for 100,000 names. */
function compareNames(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
