/** The vaults of a QA run: two small folders of its own, so that no file of the user is copied anywhere. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VaultName } from '../../protocol/cluster.ts';

/** Files by vault and path; what is in them tells them from those of another run. */
export interface VaultFile {
  readonly vault: VaultName;
  readonly path: string;
}

export const QA_FILES = {
  public: { vault: 'public', path: 'test.txt' },
  private: { vault: 'private', path: 'notes/private.txt' },
  /** The vault's `.gitignore` names it. */
  ignored: { vault: 'public', path: 'ignored.log' },
  /** Is not there at the launch. */
  added: { vault: 'private', path: 'added.txt' },
} as const satisfies Record<string, VaultFile>;

export class VaultFolders {
  readonly folder: string;
  readonly #contents = new Map<string, string>();
  readonly #mark: string;

  private constructor(folder: string, mark: string) {
    this.folder = folder;
    this.#mark = mark;
  }

  static async create(mark: string): Promise<VaultFolders> {
    const folders = new VaultFolders(await realpath(await mkdtemp(join(tmpdir(), 'carapace-qa-'))), mark);
    const atLaunch = Object.values(QA_FILES).filter((file) => file !== QA_FILES.added);
    for (const file of atLaunch) await folders.write(file, 'as launched');
    await writeFile(join(folders.paths.public, '.gitignore'), '*.log\n');
    return folders;
  }

  get paths(): Record<VaultName, string> {
    return { public: join(this.folder, 'public'), private: join(this.folder, 'private') };
  }

  async write(file: VaultFile, text: string): Promise<void> {
    const path = join(this.paths[file.vault], file.path);
    const content = `${this.#mark} ${file.vault}/${file.path} ${text}\n`;
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, content);
    this.#contents.set(path, content);
  }

  /** What the file holds on this machine. */
  content(file: VaultFile): string | undefined {
    return this.#contents.get(join(this.paths[file.vault], file.path));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
