/** The two folders of this machine that are mounted on the server. */
import { access, writeFile } from 'node:fs/promises';
import { dirname, join, posix, sep } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import {
  MAX_LISTED_FILES,
  REMOTE_DATA_FOLDER,
  VAULTS,
  type FileList,
  type ServerChange,
  type VaultName,
  type VaultPaths,
  type VaultReport,
} from '../../../protocol/cluster.ts';
import { InvalidInputError } from '../../../protocol/errors.ts';
import { localChanges, recordAfterSync, serverChanges } from './difference.ts';
import { keepFromServer } from './keep.ts';
import type { Files } from './listing.ts';
import { isOwnSkyignore, lookAtVault, OWN_SKYIGNORE, type VaultLook } from './look.ts';
import { SyncRecords, type SyncRecord } from './record.ts';
import type { RemoteShell } from './remote-shell.ts';
import { readEntry, SKY_IGNORE } from './scan.ts';
import { SecretSearch } from './secrets.ts';
import { listServer, removeOnServer, type ServerVault } from './server-files.ts';

/** Where the vaults' records are, and where the vaults are on the server. */
export interface VaultsOptions {
  readonly stateFolder: string;
  /** {@link REMOTE_DATA_FOLDER} where absent. */
  readonly remoteFolder?: string | undefined;
}

type Place = readonly [vault: VaultName, path: string];

/** Looks at the vaults, remembers what was synced, and brings together what changed here and on the server. */
export class Vaults {
  readonly #records: SyncRecords;
  readonly #remoteFolder: string;
  readonly #secrets = new SecretSearch();

  constructor({ stateFolder, remoteFolder = REMOTE_DATA_FOLDER }: VaultsOptions) {
    this.#records = new SyncRecords(stateFolder);
    this.#remoteFolder = remoteFolder;
  }

  /** How the vaults are, against the last sync. Nothing is changed; problems are told in the reports. */
  async inspect(paths: VaultPaths, signal: AbortSignal): Promise<VaultReport[]> {
    const looks = await this.#look(paths, signal);
    const reports: VaultReport[] = [];
    for (const look of looks) reports.push(await this.#report(look, signal));
    return reports;
  }

  /**
   * To be called before each mount: sees to it that SkyPilot leaves nothing out on its own, and writes down what is mounted.
   * A `.skyignore` that is there stays as it is.
   * @throws InvalidInputError where a vault cannot be mounted
   */
  async prepareForMount(paths: VaultPaths, signal: AbortSignal): Promise<void> {
    for (const look of await this.#look(paths, signal)) {
      refuseProblem(look);
      await putSkyignore(look);
      const skyignore = await readEntry(join(look.root, SKY_IGNORE));
      const files = new Map(look.mounted);
      if (skyignore !== undefined) files.set(SKY_IGNORE, skyignore);
      await this.#records.beginMount(look.vault, look.root, files);
    }
  }

  /** To be called after each mount that succeeded. @param at when it did, ISO 8601 */
  async recordSync(paths: VaultPaths, at: string, signal: AbortSignal): Promise<void> {
    for (const [vault, path] of placesOf(paths)) {
      const { root, files } = (await this.#records.mounting(vault)) ?? (await mountedNow(vault, path, signal));
      const earlier = await this.#records.synced(vault);
      await this.#records.save(vault, { root, at, files: recordAfterSync(files, earlier?.files) });
    }
  }

  /** To be called when the server is gone, with all that was mounted. */
  forget(): Promise<void> {
    return this.#records.clear();
  }

  /**
   * What the next sync would overwrite and a destroy would lose; see {@link serverChanges}. A vault that is not here is
   * compared with the record alone.
   * @throws UnavailableError where nobody can look
   */
  async serverChanges(server: RemoteShell, paths: VaultPaths, signal: AbortSignal): Promise<readonly ServerChange[]> {
    const changes: ServerChange[] = [];
    for (const [vault, path] of placesOf(paths)) {
      const files = await listServer(this.#onServer(server, vault), signal);
      if (files === undefined) continue;
      const { here } = await lookAtVault(vault, path, signal);
      const synced = (await this.#records.synced(vault))?.files;
      changes.push(...serverChanges({ vault, server: files, here, synced }));
    }
    return changes;
  }

  /**
   * Copies what was added or changed on the server into the vaults; see {@link keepFromServer}. What was removed there stays
   * here and is mounted again.
   */
  async keep(
    server: RemoteShell,
    paths: VaultPaths,
    changes: readonly ServerChange[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const [vault, path] of placesOf(paths)) {
      const ours = changes.filter((change) => change.vault === vault && change.change !== 'removed');
      if (ours.length === 0) continue;
      const look = await lookAtVault(vault, path, signal);
      refuseProblem(look);
      const synced = (await this.#records.synced(vault))?.files;
      const wanted = ours.map((change) => change.path);
      await keepFromServer({ vault: this.#onServer(server, vault), root: look.root, synced, paths: wanted }, signal);
    }
  }

  /**
   * Removes on the server what was removed here since the last sync; what was left there at an earlier one stays.
   * @returns how many files were removed
   * @throws InvalidInputError where a vault cannot be read: nobody knows what was removed then
   */
  async removeDeleted(server: RemoteShell, paths: VaultPaths, signal: AbortSignal): Promise<number> {
    let count = 0;
    for (const look of await this.#look(paths, signal)) {
      refuseProblem(look);
      const record = await this.#recordOf(look);
      if (record === undefined) continue;
      const { removed } = localChanges(look.mounted, look.excluded, record.files);
      if (removed.length === 0) continue;
      const emptied = foldersOf(removed).filter((folder) => !look.folders.has(folder));
      count += await removeOnServer(this.#onServer(server, look.vault), removed, emptied, signal);
      const files = new Map(record.files);
      for (const path of removed) files.delete(path);
      await this.#records.save(look.vault, { ...record, files });
    }
    return count;
  }

  async #look(paths: VaultPaths, signal: AbortSignal): Promise<VaultLook[]> {
    const looks: VaultLook[] = [];
    for (const [vault, path] of placesOf(paths)) looks.push(await lookAtVault(vault, path, signal));
    return looks.map((look) => ({ ...look, problem: look.problem ?? overlap(look, looks) }));
  }

  async #report(look: VaultLook, signal: AbortSignal): Promise<VaultReport> {
    const shown = new Map(look.mounted);
    if (await isOwnSkyignore(look.root)) shown.delete(SKY_IGNORE);
    const record = await this.#recordOf(look);
    // With 100,000 files each of these steps takes tens of milliseconds.
    await turn();
    const changes = record === undefined ? undefined : localChanges(look.mounted, look.excluded, record.files);
    const told = (list: readonly string[] | undefined): FileList | null =>
      list === undefined ? null : fileList(list.filter((path) => path !== SKY_IGNORE || shown.has(path)));
    // What cannot be read is not removed.
    const removed = look.problem === null ? changes?.removed : changes && [];
    await turn();
    return {
      vault: look.vault,
      path: look.path,
      file_count: shown.size,
      bytes: bytesOf(shown),
      added: told(changes?.added),
      changed: told(changes?.changed),
      removed: told(removed),
      ignored: fileList(look.ignored),
      ...(look.excluded.size > 0 && { excluded: fileList([...look.excluded]) }),
      secrets: fileList(look.vault === 'public' ? await this.#secrets.find(look.root, shown, signal) : []),
      problem: look.problem,
      synced_at: record?.at ?? null,
    };
  }

  /** The record of the last sync, where it was of the same folder. */
  async #recordOf(look: VaultLook): Promise<SyncRecord | undefined> {
    const record = await this.#records.synced(look.vault);
    return record?.root === look.root ? record : undefined;
  }

  #onServer(server: RemoteShell, vault: VaultName): ServerVault {
    return { server, folder: `${this.#remoteFolder}/${vault}` };
  }
}

function placesOf(paths: VaultPaths): Place[] {
  return VAULTS.flatMap((vault) => {
    const path = paths[vault];
    return path === undefined ? [] : [[vault, path] as const];
  });
}

async function mountedNow(vault: VaultName, path: string, signal: AbortSignal): Promise<Omit<SyncRecord, 'at'>> {
  const { root, mounted } = await lookAtVault(vault, path, signal);
  return { root, files: mounted };
}

function refuseProblem({ vault, problem }: VaultLook): void {
  if (problem !== null) throw new InvalidInputError(problem, { path: `vaults.${vault}` });
}

/** One vault in the other would make private files public. */
function overlap(look: VaultLook, all: readonly VaultLook[]): string | null {
  const other = all.find((candidate) => candidate.vault !== look.vault && candidate.problem === null);
  if (other === undefined) return null;
  const [inner, outer] = [look.root + sep, other.root + sep];
  if (!inner.startsWith(outer) && !outer.startsWith(inner)) return null;
  return `The public and the private vault are in one another: ${look.path} and ${other.path}. Choose two separate folders.`;
}

/** Writes our `.skyignore` where there is none. @throws InvalidInputError where files would be left out without it */
async function putSkyignore(look: VaultLook): Promise<void> {
  const file = join(look.root, SKY_IGNORE);
  try {
    await writeFile(file, OWN_SKYIGNORE, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await exists(file))) return;
    if (look.ignored.length === 0) return;
    throw new InvalidInputError(
      `SkyPilot would leave out ${look.ignored.length} files of the ${look.vault} vault that .gitignore names, and the file ${file} that prevents it cannot be written: ${message}. Put an empty file .skyignore there.`,
      { path: `vaults.${look.vault}` },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

function bytesOf(files: Files): number {
  let bytes = 0;
  for (const { size } of files.values()) bytes += size;
  return bytes;
}

function fileList(paths: readonly string[]): FileList {
  return { count: paths.length, files: paths.slice(0, MAX_LISTED_FILES).sort() };
}

/** All folders that the files are in. */
function foldersOf(files: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const file of files) {
    for (let folder = posix.dirname(file); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  }
  return [...folders];
}
