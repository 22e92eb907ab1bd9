/**
 * The record of what a vault had when it was last synced, in the state folder. What a mount takes with it is written down
 * before the mount begins and becomes the record when it has succeeded: a file that is saved meanwhile counts as changed.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeFileAtomic } from '../../../lib/atomic-file.ts';
import { VAULTS, type VaultName } from '../../../protocol/cluster.ts';
import { timeSchema } from '../../../protocol/names.ts';
import { formatListing, parseListing, type Files } from './listing.ts';

/** The first line of a record. `root` is the folder, absolute and without links. */
const headSchema = z.strictObject({ version: z.literal(1), root: z.string(), at: z.nullable(timeSchema) });

/** `at` is null in what a mount takes with it. */
export interface SyncRecord {
  readonly root: string;
  readonly at: string | null;
  readonly files: Files;
}

/** Records that outlive the control plane. */
export class SyncRecords {
  readonly #folder: string;

  constructor(stateFolder: string) {
    this.#folder = join(stateFolder, 'cluster');
  }

  /** What was last synced; undefined where nothing was, or the record is damaged. */
  synced(vault: VaultName): Promise<SyncRecord | undefined> {
    return this.#read(this.#file(vault, 'synced'));
  }

  /** What the mount that has begun takes with it. */
  mounting(vault: VaultName): Promise<SyncRecord | undefined> {
    return this.#read(this.#file(vault, 'mounting'));
  }

  async beginMount(vault: VaultName, root: string, files: Files): Promise<void> {
    await this.#write(this.#file(vault, 'mounting'), { root, at: null, files });
  }

  async save(vault: VaultName, record: SyncRecord): Promise<void> {
    await this.#write(this.#file(vault, 'synced'), record);
    await rm(this.#file(vault, 'mounting'), { force: true });
  }

  /** Nothing was ever synced. */
  async clear(): Promise<void> {
    for (const vault of VAULTS) {
      await rm(this.#file(vault, 'synced'), { force: true });
      await rm(this.#file(vault, 'mounting'), { force: true });
    }
  }

  #file(vault: VaultName, state: 'synced' | 'mounting'): string {
    return join(this.#folder, `vault-${vault}.${state}`);
  }

  async #write(file: string, { root, at, files }: SyncRecord): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const head = JSON.stringify({ version: 1, root, at } satisfies z.input<typeof headSchema>);
    await writeFileAtomic(file, `${head}\n${await formatListing(files)}`);
  }

  async #read(file: string): Promise<SyncRecord | undefined> {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const end = text.indexOf('\n');
      const { root, at } = headSchema.parse(JSON.parse(text.slice(0, end)));
      return { root, at, files: await parseListing(text.slice(end + 1)) };
    } catch {
      // The next sync writes it anew; until then the server is compared with what is here.
      return undefined;
    }
  }
}
