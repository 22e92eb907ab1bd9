/** The files of seats as documents of VS Code: `carapace-seat://WORKSHOP/SEAT/PATH`. */
import type * as vscode from 'vscode';
import type { SeatFiles } from '../../client/seat-files.ts';
import { ChangedError, ConflictError, NotFoundError, TooLargeError } from '../../protocol/errors.ts';
import type { FileEntry } from '../../protocol/files.ts';
import { formatBytes } from '../../client/format.ts';
import type { SeatFolder } from '../model/seat-file-row.ts';
import { parseSeatUri, seatUriParts, type SeatFile } from '../model/seat-uri.ts';
import { copyBetween } from './copy-between.ts';
import { changedMessage, fileError } from './file-error.ts';
import { fileStat, fileType } from './file-stat.ts';
import { afterRead, afterStat, afterWrite, Versions, writeRule } from './file-versions.ts';
import { SeatWatches, type SeatChange, type SeatChanges, type SeatName } from './seat-watches.ts';

/** The largest file that opens in an editor, in bytes; up- and downloads have no such bound. */
export const MAX_FILE_BYTES = 32 * 1024 * 1024;

/** The part of {@link SeatFiles} that is used here. */
export type FilesOfSeat = Pick<
  SeatFiles,
  'list' | 'stat' | 'read' | 'readTo' | 'write' | 'writeFrom' | 'makeFolder' | 'move' | 'copy' | 'remove' | 'watch'
>;

type Vs = Pick<
  typeof vscode,
  'Disposable' | 'EventEmitter' | 'FileChangeType' | 'FilePermission' | 'FileSystemError' | 'FileType' | 'Uri' | 'l10n'
>;

export interface SeatFileSystemOptions {
  readonly vs: Vs;
  readonly withFiles: <T>(workshop: string, seat: number, work: (files: FilesOfSeat) => Promise<T>) => Promise<T>;
  /** Milliseconds before a watch is tried again, after so many failures. */
  readonly backoff?: (failures: number) => number;
}

export class SeatFileSystem implements vscode.FileSystemProvider {
  readonly onDidChangeFile: vscode.Event<vscode.FileChangeEvent[]>;
  /** The same changes by their seats, for what shows more than open documents. */
  readonly onDidChangeSeat: vscode.Event<{ readonly seat: SeatName; readonly changes: SeatChanges }>;
  readonly #vs: Vs;
  readonly #withFiles: SeatFileSystemOptions['withFiles'];
  readonly #changes: vscode.EventEmitter<vscode.FileChangeEvent[]>;
  readonly #seatChanges: vscode.EventEmitter<{ readonly seat: SeatName; readonly changes: SeatChanges }>;
  readonly #watches: SeatWatches;
  readonly #versions = new Versions();
  readonly #lifetime = new AbortController();

  constructor({ vs, withFiles, backoff }: SeatFileSystemOptions) {
    this.#vs = vs;
    this.#withFiles = withFiles;
    this.#changes = new vs.EventEmitter();
    this.#seatChanges = new vs.EventEmitter();
    this.onDidChangeFile = this.#changes.event;
    this.onDidChangeSeat = this.#seatChanges.event;
    const onChanges = (seat: SeatName, changes: SeatChanges) => this.#tell(seat, changes);
    this.#watches = new SeatWatches({ withFiles, onChanges, ...(backoff !== undefined && { backoff }) });
  }

  dispose(): void {
    this.#lifetime.abort();
    this.#watches.dispose();
    this.#changes.dispose();
    this.#seatChanges.dispose();
  }

  /** Events come for the whole seat, over one stream, as long as anybody watches anything of it. */
  watch(uri: vscode.Uri): vscode.Disposable {
    const file = parseSeatUri(uri);
    const held = file === undefined ? undefined : this.#watches.hold(file);
    return new this.#vs.Disposable(() => held?.dispose());
  }

  hold(seat: SeatName): { dispose(): void } {
    return this.#watches.hold(seat);
  }

  /** Whether every change in a seat is told of just now. */
  isWatched(seat: SeatName): boolean {
    return this.#watches.names(seat) !== undefined;
  }

  /** The entries of a folder, folders first. @throws the typed errors of {@link SeatFiles} */
  list({ workshop, seat, path }: SeatFolder): Promise<FileEntry[]> {
    const names = this.#watches.names({ workshop, seat });
    const list = () => this.#withFiles(workshop, seat, (files) => files.list(path));
    return names === undefined ? list() : names.learn(path, list);
  }

  /** Takes notice of changes that were made from here past this file system. */
  noticed(seat: SeatName, changes: readonly SeatChange[]): void {
    const names = this.#watches.names(seat);
    for (const { type, path } of changes) {
      if (type === 'deleted') names?.deleted(path);
      else names?.created(path);
      // What was overwritten stays known: an editor that has it open must not save over it unasked.
      if (type === 'deleted') this.#versions.forget(this.#uri({ ...seat, path }).toString());
    }
    this.#tell(seat, changes);
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const file = this.#parse(uri);
    if (file.path === '') return { type: this.#vs.FileType.Directory, ctime: 0, mtime: 0, size: 0 };
    try {
      this.#requirePossible(uri, file);
      const answer = await this.#run(uri, (files) => files.stat(file.path));
      const stat = fileStat(this.#vs, answer.file);
      const { size, mtime } = stat;
      this.#versions.learn(uri.toString(), (known) => afterStat(known, { etag: answer.etag, size, mtime }));
      return stat;
    } catch (error) {
      if (isNotFound(error)) this.#versions.learn(uri.toString(), (known) => afterStat(known, 'absent'));
      throw error;
    }
  }

  async readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    const folder = this.#parse(uri);
    this.#requirePossible(uri, folder);
    const entries = await this.list(folder).catch((error: unknown) => {
      throw fileError(this.#vs, error);
    });
    return entries.map((entry) => [entry.name, fileType(this.#vs, entry)]);
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const file = this.#parse(uri);
    this.#requirePossible(uri, file);
    const { seen } = this.#versions.of(uri.toString());
    if (seen !== undefined && seen !== 'absent') this.#guardSize(seen.size);
    const { bytes, etag } = await this.#run(uri, async (files) => {
      if (seen === undefined) this.#guardSize((await files.stat(file.path)).file.size);
      return files.read(file.path);
    });
    this.#versions.learn(uri.toString(), (known) => afterRead(known, etag, bytes.length));
    return bytes;
  }

  async writeFile(
    uri: vscode.Uri,
    content: Uint8Array,
    options: { readonly create: boolean; readonly overwrite: boolean },
  ): Promise<void> {
    const { path } = this.#parse(uri);
    this.#guardSize(content.length);
    const known = this.#versions.of(uri.toString());
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
    this.#made(uri, 'ifNoneMatch' in rule ? 'created' : 'changed');
    this.#versions.learn(uri.toString(), () => afterWrite(etag, content.length));
  }

  async createDirectory(uri: vscode.Uri): Promise<void> {
    const { path } = this.#parse(uri);
    await this.#run(uri, (files) => files.makeFolder(path));
    this.#made(uri, 'created');
  }

  async delete(uri: vscode.Uri, options: { readonly recursive: boolean }): Promise<void> {
    const { path } = this.#parse(uri);
    if (path === '') throw this.#vs.FileSystemError.NoPermissions(this.#vs.l10n.t('The folder of a seat stays.'));
    await this.#run(uri, async (files) => {
      if (!options.recursive) await this.#requireNotFull(files, path);
      await files.remove(path);
    });
    this.#made(uri, 'deleted');
  }

  /** @throws NoPermissions between seats: what is copied there first is not lost when the other seat is */
  async rename(from: vscode.Uri, to: vscode.Uri, options: { readonly overwrite: boolean }): Promise<void> {
    const { path } = this.#parse(from);
    const target = this.#parse(to);
    if (!isSameSeat(this.#parse(from), target)) {
      const t = this.#vs.l10n.t;
      throw this.#vs.FileSystemError.NoPermissions(
        t('Files do not move between seats: copy them to the other seat, and delete them here.'),
      );
    }
    await this.#run(from, (files) => files.move(path, target.path, options));
    this.#versions.forget(to.toString());
    this.#made(from, 'deleted');
    this.#made(to, 'created');
  }

  async copy(from: vscode.Uri, to: vscode.Uri, options: { readonly overwrite: boolean }): Promise<void> {
    const source = this.#parse(from);
    const target = this.#parse(to);
    if (isSameSeat(source, target)) {
      await this.#run(from, (files) => files.copy(source.path, target.path, options));
    } else {
      const copying = { ...options, t: this.#vs.l10n.t, signal: this.#lifetime.signal };
      await this.#run(from, (files) =>
        this.#withFiles(target.workshop, target.seat, (others) =>
          copyBetween({ files, path: source.path }, { files: others, path: target.path }, copying),
        ),
      );
    }
    this.#versions.forget(to.toString());
    this.#made(to, 'created');
  }

  /** @throws FileNotFound at once for what can be no seat's file, such as the probes of editors */
  #parse(uri: vscode.Uri): SeatFile {
    const file = parseSeatUri(uri);
    if (file === undefined) throw this.#vs.FileSystemError.FileNotFound(uri);
    return file;
  }

  /** @throws FileNotFound without a round trip for what is certainly not there */
  #requirePossible(uri: vscode.Uri, file: SeatFile): void {
    if (this.#watches.names(file)?.isAbsent(file.path) === true) throw this.#vs.FileSystemError.FileNotFound(uri);
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
        'The file has {0}; editors take at most {1}. Download it from the Workshops view, or use the terminal.',
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

  #uri(file: SeatFile): vscode.Uri {
    return this.#vs.Uri.from(seatUriParts(file));
  }

  /** Something was changed through here: it is told, and that its folder changed. */
  #made(uri: vscode.Uri, type: SeatChange['type']): void {
    const { path, ...seat } = this.#parse(uri);
    this.noticed(seat, [{ type, path }]);
    const folder = uri.with({ path: uri.path.replace(/\/[^/]*$/, '') });
    this.#changes.fire([{ type: this.#vs.FileChangeType.Changed, uri: folder }]);
  }

  #tell(seat: SeatName, changes: SeatChanges): void {
    const { Changed, Created, Deleted } = this.#vs.FileChangeType;
    const types = { changed: Changed, created: Created, deleted: Deleted };
    if (changes !== 'unknown') {
      this.#changes.fire(changes.map(({ type, path }) => ({ type: types[type], uri: this.#uri({ ...seat, path }) })));
    } else {
      const root = this.#uri({ ...seat, path: '' });
      const known = this.#versions.below(root.toString()).map((address) => this.#vs.Uri.parse(address));
      this.#changes.fire([root, ...known].map((uri) => ({ type: Changed, uri })));
    }
    this.#seatChanges.fire({ seat, changes });
  }
}

function isSameSeat(one: SeatFile, other: SeatFile): boolean {
  return one.workshop === other.workshop && one.seat === other.seat;
}

function isNotFound(error: unknown): boolean {
  return error instanceof NotFoundError || (error instanceof Error && 'code' in error && error.code === 'FileNotFound');
}
