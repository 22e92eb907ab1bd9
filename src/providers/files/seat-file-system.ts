/** The files of seats as documents of VS Code: `carapace-seat://WORKSHOP/SEAT/PATH`. */
import type * as vscode from 'vscode';
import type { SeatFiles } from '../../client/seat-files.ts';
import { ChangedError, ConflictError, NotFoundError, TooLargeError } from '../../protocol/errors.ts';
import type { FileEntry, FileStat } from '../../protocol/files.ts';
import { formatBytes } from '../model/format.ts';
import { parseSeatUri, type SeatFile } from '../model/seat-uri.ts';
import { changedMessage, fileError } from './file-error.ts';
import { afterRead, afterStat, afterWrite, NOTHING_KNOWN, writeRule, type KnownVersions } from './file-versions.ts';

/** The largest file that opens in an editor, in bytes; `carapace seat cp` and the terminal have no such bound. */
export const MAX_FILE_BYTES = 32 * 1024 * 1024;
/** Files whose versions are remembered; the ones that were used last. */
const MAX_KNOWN = 1_000;
/** The write bits of a file's mode. */
const WRITE_BITS = 0o222;

/** The part of {@link SeatFiles} that is used here. */
export type FilesOfSeat = Pick<
  SeatFiles,
  'list' | 'stat' | 'read' | 'write' | 'makeFolder' | 'move' | 'copy' | 'remove'
>;

type Vs = Pick<
  typeof vscode,
  'Disposable' | 'EventEmitter' | 'FileChangeType' | 'FilePermission' | 'FileSystemError' | 'FileType' | 'Uri' | 'l10n'
>;

export interface SeatFileSystemOptions {
  readonly vs: Vs;
  readonly withFiles: <T>(workshop: string, seat: number, work: (files: FilesOfSeat) => Promise<T>) => Promise<T>;
}

export class SeatFileSystem implements vscode.FileSystemProvider {
  readonly onDidChangeFile: vscode.Event<vscode.FileChangeEvent[]>;
  readonly #vs: Vs;
  readonly #withFiles: SeatFileSystemOptions['withFiles'];
  readonly #changes: vscode.EventEmitter<vscode.FileChangeEvent[]>;
  readonly #known = new Map<string, KnownVersions>();

  constructor({ vs, withFiles }: SeatFileSystemOptions) {
    this.#vs = vs;
    this.#withFiles = withFiles;
    this.#changes = new vs.EventEmitter();
    this.onDidChangeFile = this.#changes.event;
  }

  dispose(): void {
    this.#changes.dispose();
  }

  /** Changes made elsewhere are seen when a file is looked at, not before: seats do not tell of changes yet. */
  watch(): vscode.Disposable {
    return new this.#vs.Disposable(() => undefined);
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const file = this.#parse(uri);
    if (file.path === '') return { type: this.#vs.FileType.Directory, ctime: 0, mtime: 0, size: 0 };
    try {
      const answer = await this.#run(uri, (files) => files.stat(file.path));
      const { size } = answer.file;
      const mtime = Date.parse(answer.file.modified_at);
      this.#learn(uri, (known) => afterStat(known, { etag: answer.etag, size, mtime }));
      return this.#describe(answer, mtime);
    } catch (error) {
      if (isNotFound(error)) this.#learn(uri, (known) => afterStat(known, 'absent'));
      throw error;
    }
  }

  async readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    const { path } = this.#parse(uri);
    const entries = await this.#run(uri, (files) => files.list(path));
    return entries.map((entry) => [entry.name, this.#typeOf(entry)]);
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const { path } = this.#parse(uri);
    const { seen } = this.#known.get(uri.toString()) ?? NOTHING_KNOWN;
    if (seen !== undefined && seen !== 'absent') this.#guardSize(seen.size);
    const { bytes, etag } = await this.#run(uri, async (files) => {
      if (seen === undefined) this.#guardSize((await files.stat(path)).file.size);
      return files.read(path);
    });
    this.#learn(uri, (known) => afterRead(known, etag, bytes.length));
    return bytes;
  }

  async writeFile(
    uri: vscode.Uri,
    content: Uint8Array,
    options: { readonly create: boolean; readonly overwrite: boolean },
  ): Promise<void> {
    const { path } = this.#parse(uri);
    this.#guardSize(content.length);
    const known = this.#known.get(uri.toString()) ?? NOTHING_KNOWN;
    if (!options.create && known.seen === 'absent') throw this.#vs.FileSystemError.FileNotFound(uri);
    const rule = options.create && !options.overwrite ? { ifNoneMatch: '*' as const } : writeRule(known);
    if (rule === 'changed') throw new this.#vs.FileSystemError(changedMessage(this.#vs.l10n));
    const { etag } = await this.#run(uri, async (files) => {
      try {
        return await files.write(path, content, rule);
      } catch (error) {
        const exists = error instanceof ChangedError && 'ifNoneMatch' in rule;
        throw exists ? new ConflictError(this.#vs.l10n.t('"{0}" exists already.', path)) : error;
      }
    });
    this.#learn(uri, () => afterWrite(etag, content.length));
    const { Changed, Created } = this.#vs.FileChangeType;
    this.#tell({ type: 'ifNoneMatch' in rule ? Created : Changed, uri });
  }

  async createDirectory(uri: vscode.Uri): Promise<void> {
    const { path } = this.#parse(uri);
    await this.#run(uri, (files) => files.makeFolder(path));
    this.#tell({ type: this.#vs.FileChangeType.Created, uri });
  }

  async delete(uri: vscode.Uri, options: { readonly recursive: boolean }): Promise<void> {
    const { path } = this.#parse(uri);
    if (path === '') throw this.#vs.FileSystemError.NoPermissions(this.#vs.l10n.t('The folder of a seat stays.'));
    await this.#run(uri, async (files) => {
      if (!options.recursive) await this.#requireNotFull(files, path);
      await files.remove(path);
    });
    this.#forget(uri);
    this.#tell({ type: this.#vs.FileChangeType.Deleted, uri });
  }

  async rename(from: vscode.Uri, to: vscode.Uri, options: { readonly overwrite: boolean }): Promise<void> {
    const { path } = this.#parse(from);
    const target = this.#sameSeat(from, to);
    await this.#run(from, (files) => files.move(path, target, options));
    this.#forget(from);
    this.#forget(to);
    const { Created, Deleted } = this.#vs.FileChangeType;
    this.#tell({ type: Deleted, uri: from }, { type: Created, uri: to });
  }

  async copy(from: vscode.Uri, to: vscode.Uri, options: { readonly overwrite: boolean }): Promise<void> {
    const { path } = this.#parse(from);
    const target = this.#sameSeat(from, to);
    await this.#run(from, (files) => files.copy(path, target, options));
    this.#forget(to);
    this.#tell({ type: this.#vs.FileChangeType.Created, uri: to });
  }

  /** @throws FileNotFound at once for what can be no seat's file, such as the probes of editors */
  #parse(uri: vscode.Uri): SeatFile {
    const file = parseSeatUri(uri);
    if (file === undefined) throw this.#vs.FileSystemError.FileNotFound(uri);
    return file;
  }

  /** The path of `to` where it is in the seat of `from`. */
  #sameSeat(from: vscode.Uri, to: vscode.Uri): string {
    const [one, other] = [this.#parse(from), this.#parse(to)];
    if (one.workshop === other.workshop && one.seat === other.seat) return other.path;
    throw this.#vs.FileSystemError.NoPermissions(
      this.#vs.l10n.t('Files do not move between seats here: open one and save it in the other seat.'),
    );
  }

  async #run<T>(uri: vscode.Uri, work: (files: FilesOfSeat) => Promise<T>): Promise<T> {
    const { workshop, seat } = this.#parse(uri);
    try {
      return await this.#withFiles(workshop, seat, work);
    } catch (error) {
      throw fileError(this.#vs, error);
    }
  }

  #guardSize(size: number): void {
    if (size <= MAX_FILE_BYTES) return;
    const t = this.#vs.l10n.t;
    const error = new TooLargeError(
      t(
        'The file has {0}; editors take at most {1}. Copy it with "carapace seat cp", or use the terminal.',
        formatBytes(size, t),
        formatBytes(MAX_FILE_BYTES, t),
      ),
    );
    throw fileError(this.#vs, error);
  }

  async #requireNotFull(files: FilesOfSeat, path: string): Promise<void> {
    const { file } = await files.stat(path);
    if (!file.is_directory || file.type === 'symlink') return;
    if ((await files.list(path)).length > 0) {
      throw this.#vs.FileSystemError.NoPermissions(this.#vs.l10n.t('The folder "{0}" is not empty.', path));
    }
  }

  #describe({ file }: FileStat, mtime: number): vscode.FileStat {
    const readOnly = !file.is_directory && (Number.parseInt(file.mode, 8) & WRITE_BITS) === 0;
    const stat = { type: this.#typeOf(file), ctime: mtime, mtime, size: file.size };
    return readOnly ? { ...stat, permissions: this.#vs.FilePermission.Readonly } : stat;
  }

  #typeOf({ type, is_directory: isDirectory }: FileEntry): vscode.FileType {
    const { Directory, File, SymbolicLink, Unknown } = this.#vs.FileType;
    if (type === 'symlink') return SymbolicLink | (isDirectory ? Directory : File);
    if (isDirectory) return Directory;
    return type === 'file' ? File : Unknown;
  }

  #learn(uri: vscode.Uri, change: (known: KnownVersions) => KnownVersions): void {
    const key = uri.toString();
    const changed = change(this.#known.get(key) ?? NOTHING_KNOWN);
    this.#known.delete(key);
    this.#known.set(key, changed);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Forgets a file, or a folder with all that is in it. */
  #forget(uri: vscode.Uri): void {
    const key = uri.toString();
    for (const known of this.#known.keys()) {
      if (known === key || known.startsWith(`${key}/`)) this.#known.delete(known);
    }
  }

  /** Tells of changes, and of their folders. */
  #tell(...changes: vscode.FileChangeEvent[]): void {
    const folders = changes.map(({ uri }) => ({
      type: this.#vs.FileChangeType.Changed,
      uri: uri.with({ path: uri.path.replace(/\/[^/]*$/, '') }),
    }));
    this.#changes.fire([...changes, ...folders]);
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof NotFoundError || (error instanceof Error && 'code' in error && error.code === 'FileNotFound');
}
