/** A vault here and a server that is a folder of this machine; files go there by the command that SkyPilot runs. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { ServerChange, VaultName, VaultReport } from '../../../../../src/protocol/cluster.ts';
import { Vaults } from '../../../../../src/provisioning/cluster/vaults/vaults.ts';
import { localShell, notAborted } from './local-shell.ts';

export const SYNCED_AT = '2026-07-01T12:00:00.000Z';

export class VaultRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'carapace-vaults-'));
  readonly stateFolder = join(this.folder, 'state');
  readonly paths = { public: join(this.folder, 'my public'), private: join(this.folder, 'my private') };
  /** As on a server: what SkyPilot mounts is elsewhere, and this is a link to it. */
  readonly remoteFolder = join(this.folder, "remote o'data");
  readonly server = localShell();
  vaults = this.open();

  constructor() {
    for (const vault of ['public', 'private'] as const) {
      mkdirSync(this.paths[vault]);
      mkdirSync(join(this.folder, 'file_mounts', vault), { recursive: true });
    }
    mkdirSync(this.remoteFolder);
    for (const vault of ['public', 'private']) {
      symlinkSync(join(this.folder, 'file_mounts', vault), join(this.remoteFolder, vault));
    }
  }

  /** The vaults as another process would find them. */
  open(): Vaults {
    return new Vaults({ stateFolder: this.stateFolder, remoteFolder: this.remoteFolder });
  }

  here(path: string, vault: VaultName = 'public'): string {
    return join(this.paths[vault], path);
  }

  there(path: string, vault: VaultName = 'public'): string {
    return join(this.remoteFolder, vault, path);
  }

  /** A sync as the control plane does it. */
  async sync(): Promise<void> {
    await this.vaults.prepareForMount(this.paths, notAborted);
    await this.mount();
    await this.vaults.recordSync(this.paths, SYNCED_AT, notAborted);
  }

  /** What SkyPilot 0.14 runs (`sky/utils/command_runner.py`, `_rsync`). */
  async mount(): Promise<void> {
    for (const vault of ['public', 'private'] as const) {
      const source = this.paths[vault];
      const rule = existsSync(join(source, '.skyignore')) ? '.skyignore' : '.gitignore';
      const exclude = join(source, '.git/info/exclude');
      const more = rule === '.gitignore' && existsSync(exclude) ? [`--exclude-from=${exclude}`] : [];
      const filters = [`--filter=dir-merge,- ${rule}`, ...more];
      await execa('rsync', ['-Pavz', '--no-owner', '--no-group', ...filters, `${source}/`, this.there('', vault)]);
    }
  }

  async inspect(vault: VaultName = 'public'): Promise<VaultReport> {
    const reports = await this.vaults.inspect(this.paths, notAborted);
    return reports.find((report) => report.vault === vault)!;
  }

  changes(): Promise<readonly ServerChange[]> {
    return this.vaults.serverChanges(this.server, this.paths, notAborted);
  }

  async keep(): Promise<void> {
    await this.vaults.keep(this.server, this.paths, await this.changes(), notAborted);
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Writes a file and the folders that it is in. */
export function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

export function read(path: string): string {
  return readFileSync(path, 'utf8');
}

/** Every file under a folder, sorted. */
export function list(folder: string): string[] {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => !entry.isDirectory());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(join(folder, '/').length)).sort();
}
