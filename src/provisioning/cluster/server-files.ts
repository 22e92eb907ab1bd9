/** Files that were changed on the server since the last sync: nothing of them is lost without asking. */
import type { FastifyBaseLogger } from 'fastify';
import { MAX_LISTED_FILES, type ServerChange } from '../../protocol/cluster.ts';
import { ConflictError, UnavailableError } from '../../protocol/errors.ts';
import { within } from '../operations/abort.ts';
import type { ClusterRow } from '../store/cluster.ts';
import { vaultsOf } from './resource.ts';
import type { Sky } from './sky/sky.ts';
import { sshShell, type RemoteShell } from './vaults/remote-shell.ts';
import type { Vaults } from './vaults/vaults.ts';

/** How long the server may take to tell its files: 100,000 of them take seconds. */
const LOOK_MS = 60_000;
const NAMED = 3;

/** Those of the parts that are used here, for tests to take their place. */
export interface ServerFilesOptions {
  readonly vaults: Vaults;
  readonly log: FastifyBaseLogger;
  readonly shell?: (host: string, environment: Readonly<Record<string, string>>) => RemoteShell;
}

export class ServerFiles {
  readonly #vaults: Vaults;
  readonly #log: FastifyBaseLogger;
  readonly #shell: NonNullable<ServerFilesOptions['shell']>;

  constructor({ vaults, log, shell = sshShell }: ServerFilesOptions) {
    this.#vaults = vaults;
    this.#log = log;
    this.#shell = shell;
  }

  shell(row: ClusterRow, sky: Sky): RemoteShell {
    return this.#shell(row.name, sky.environment);
  }

  /** What was changed there; null where nobody can look. None where nothing was ever mounted. */
  async changes(row: ClusterRow, sky: Sky, signal: AbortSignal): Promise<readonly ServerChange[] | null> {
    const vaults = vaultsOf(row);
    if (row.synced_at === null || Object.keys(vaults).length === 0) return [];
    try {
      const late = `The server did not tell its files within ${LOOK_MS / 1000} s.`;
      return await within(LOOK_MS, late, signal, (inTime) =>
        this.#vaults.serverChanges(this.shell(row, sky), vaults, inTime),
      );
    } catch (error) {
      signal.throwIfAborted();
      this.#log.info({ err: error }, 'the server cannot be asked for its files');
      return null;
    }
  }

  /** @throws ConflictError with `serverChangesDetailsSchema` where files were changed there, or nobody can look */
  async refuse(row: ClusterRow, sky: Sky, what: string, signal: AbortSignal): Promise<void> {
    const changes = await this.changes(row, sky, signal);
    if (changes !== null && changes.length === 0) return;
    const details = { server_changes: changes?.slice(0, MAX_LISTED_FILES) ?? null };
    throw new ConflictError(`${changes === null ? CANNOT_LOOK : listed(changes)} ${what}`, details);
  }

  /** Copies what was changed there into the vaults. @throws UnavailableError where it cannot be reached */
  async keep(row: ClusterRow, sky: Sky, signal: AbortSignal): Promise<number> {
    const changes = await this.changes(row, sky, signal);
    if (changes === null) {
      throw new UnavailableError(
        'The server cannot be asked for the files that were changed there, so they cannot be kept. Try again, or choose to discard them.',
      );
    }
    if (changes.length > 0) await this.#vaults.keep(this.shell(row, sky), vaultsOf(row), changes, signal);
    return changes.length;
  }

  /** Removes there what was removed here; answers how many files. */
  removeDeleted(row: ClusterRow, sky: Sky, signal: AbortSignal): Promise<number> {
    return this.#vaults.removeDeleted(this.shell(row, sky), vaultsOf(row), signal);
  }
}

const CANNOT_LOOK = 'The server cannot be asked which files were changed there since the last sync.';

function listed(changes: readonly ServerChange[]): string {
  const named = changes.slice(0, NAMED).map(({ vault, path }) => `${vault}/${path}`);
  const more = changes.length - named.length;
  const count = changes.length === 1 ? '1 file was' : `${changes.length} files were`;
  return `${count} changed on the server since the last sync: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
}

/** What is asked of a person, by what would become of the files. */
export const ASK: Readonly<Record<'stop' | 'destroy' | 'sync', string>> = {
  stop: 'Keep them by copying them into the vaults, or stop without that: they stay on the disk of the server.',
  destroy: 'Keep them by copying them into the vaults, or discard them with the server.',
  sync: 'Keep them by copying them into the vaults first, or discard them by overwriting them.',
};
