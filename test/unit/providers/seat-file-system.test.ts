import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type * as vscode from 'vscode';
import {
  ChangedError,
  ConflictError,
  DiskFullError,
  ForbiddenError,
  NotFoundError,
  UnavailableError,
} from '../../../src/protocol/errors.ts';
import type { FileEntry, FileStat } from '../../../src/protocol/files.ts';
import { fileError } from '../../../src/providers/files/file-error.ts';
import { MAX_FILE_BYTES, SeatFileSystem, type FilesOfSeat } from '../../../src/providers/files/seat-file-system.ts';
import { fakeUri, fakeVscode } from './fake-vscode.ts';
import { at } from './fixtures.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (content: Uint8Array) => new TextDecoder().decode(content);

interface StoredFile {
  content: string;
  version: number;
  modified: number;
}

/** A seat's files in memory, with the conditions of the real ones. */
class MemoryFiles implements FilesOfSeat {
  readonly files = new Map<string, StoredFile>();
  readonly calls: string[] = [];
  mode = '0644';
  #version = 0;

  put(path: string, content: string, modified = 0): void {
    this.files.set(path, { content, version: ++this.#version, modified });
  }

  stat = (path: string): Promise<FileStat> => this.#call('stat', path, () => this.#stat(path, this.#get(path)));

  list = (path: string): Promise<FileEntry[]> =>
    this.#call('list', path, () =>
      [...this.files]
        .filter(([name]) => path === '' || name.startsWith(`${path}/`))
        .map(([name, file]) => this.#stat(name, file).file),
    );

  read = (path: string) =>
    this.#call('read', path, () => {
      const { content, version } = this.#get(path);
      return { bytes: bytes(content), etag: `"${version}"` };
    });

  write: FilesOfSeat['write'] = (path, content, condition) =>
    this.#call('write', path, () => {
      const existing = this.files.get(path);
      if (condition?.ifNoneMatch !== undefined && existing !== undefined) throw new ChangedError('It exists.');
      if (condition?.ifMatch !== undefined && `"${existing?.version}"` !== condition.ifMatch)
        throw new ChangedError('It changed.');
      this.put(path, text(content), (existing?.modified ?? 0) + 1_000);
      return { etag: `"${this.files.get(path)?.version}"` };
    });

  makeFolder = (path: string) => this.#call('makeFolder', path, () => undefined);

  remove = (path: string) => this.#call('remove', path, () => void this.files.delete(path));

  move: FilesOfSeat['move'] = (from, to, { overwrite }) =>
    this.#call('move', `${from} ${to}`, () => {
      if (!overwrite && this.files.has(to)) throw new ConflictError('It exists.');
      this.files.set(to, this.#get(from));
      this.files.delete(from);
    });

  copy: FilesOfSeat['copy'] = (from, to, { overwrite }) =>
    this.#call('copy', `${from} ${to}`, () => {
      if (!overwrite && this.files.has(to)) throw new ConflictError('It exists.');
      this.put(to, this.#get(from).content);
    });

  #call<T>(name: string, path: string, work: () => T): Promise<T> {
    this.calls.push(`${name} ${path}`);
    return Promise.resolve().then(work);
  }

  #get(path: string): StoredFile {
    const file = this.files.get(path);
    if (file === undefined) throw new NotFoundError(`There is no "${path}".`);
    return file;
  }

  #stat(path: string, file: StoredFile): FileStat {
    const name = path.split('/').at(-1) ?? '';
    const entry = { name, path, type: 'file' as const, is_directory: false, mode: this.mode };
    return { file: { ...entry, size: file.content.length, modified_at: at(file.modified) }, etag: `"${file.version}"` };
  }
}

function setUp(): { files: MemoryFiles; fs: SeatFileSystem; changes: [string, number][] } {
  const files = new MemoryFiles();
  const fs = new SeatFileSystem({ vs: fakeVscode, withFiles: (_workshop, _seat, work) => work(files) });
  const changes: [string, number][] = [];
  fs.onDidChangeFile((events) => changes.push(...events.map(({ uri, type }): [string, number] => [uri.path, type])));
  return { files, fs, changes };
}

const NOTES = fakeUri('ws-one', '/1/notes.txt');
const SAVE = { create: true, overwrite: true };

/** What VS Code does to open a file. */
async function open(fs: SeatFileSystem, uri: vscode.Uri): Promise<string> {
  await fs.stat(uri);
  return text(await fs.readFile(uri));
}

/** What VS Code does to save one: it looks at the file first. */
async function save(fs: SeatFileSystem, uri: vscode.Uri, content: string): Promise<void> {
  await fs.stat(uri).catch(() => undefined);
  await fs.writeFile(uri, bytes(content), SAVE);
}

function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof fakeVscode.FileSystemError && error.code === expected;
}

describe('the file system of seats', () => {
  it('tells the true size and time of a file', async () => {
    const { files, fs } = setUp();
    files.put('notes.txt', 'hello', 1_234);
    const stat = await fs.stat(NOTES);
    assert.deepEqual([stat.type, stat.size, stat.mtime], [1, 5, Date.parse(at(1_234))]);
    assert.equal(stat.permissions, undefined);
    files.mode = '0444';
    assert.equal((await fs.stat(NOTES)).permissions, fakeVscode.FilePermission.Readonly);
  });

  it('answers probes at once', async () => {
    const { files, fs } = setUp();
    for (const path of ['/.vscode/settings.json', '/.git', '/', '/0/x']) {
      await assert.rejects(fs.stat(fakeUri('ws-one', path)), code('FileNotFound'), path);
    }
    assert.equal((await fs.stat(fakeUri('ws-one', '/1'))).type, fakeVscode.FileType.Directory);
    assert.deepEqual(files.calls, []);
  });

  it('opens, saves and saves again', async () => {
    const { files, fs, changes } = setUp();
    files.put('notes.txt', 'one');
    assert.equal(await open(fs, NOTES), 'one');
    await save(fs, NOTES, 'two');
    await save(fs, NOTES, 'three');
    assert.equal(files.files.get('notes.txt')?.content, 'three');
    assert.deepEqual(changes.slice(0, 2), [
      ['/1/notes.txt', fakeVscode.FileChangeType.Changed],
      ['/1', fakeVscode.FileChangeType.Changed],
    ]);
  });

  it('does not save over a change of the same size, which VS Code does not notice', async () => {
    const { files, fs } = setUp();
    files.put('notes.txt', 'one', 0);
    await open(fs, NOTES);
    files.put('notes.txt', 'eno', 5_000);
    await assert.rejects(save(fs, NOTES, 'mine'), /was changed in the seat/);
    assert.equal(files.files.get('notes.txt')?.content, 'eno');
    assert.equal(await open(fs, NOTES), 'eno');
    await save(fs, NOTES, 'mine');
    assert.equal(files.files.get('notes.txt')?.content, 'mine');
  });

  it('does not save over a change with an older time, which VS Code does not notice', async () => {
    const { files, fs } = setUp();
    files.put('notes.txt', 'one', 5_000);
    await open(fs, NOTES);
    files.put('notes.txt', 'another', 1_000);
    await assert.rejects(save(fs, NOTES, 'mine'), /was changed in the seat/);
    assert.equal(files.files.get('notes.txt')?.content, 'another');
  });

  it('does not save over a change that came between the look and the write', async () => {
    const { files, fs } = setUp();
    files.put('notes.txt', 'one');
    await open(fs, NOTES);
    await fs.stat(NOTES);
    files.put('notes.txt', 'somebody else', 9_000);
    await assert.rejects(fs.writeFile(NOTES, bytes('mine'), SAVE), /was changed in the seat/);
    assert.equal(files.files.get('notes.txt')?.content, 'somebody else');
  });

  it('overwrites where VS Code has asked: the file was newer and of another size', async () => {
    const { files, fs } = setUp();
    files.put('notes.txt', 'one', 0);
    await open(fs, NOTES);
    files.put('notes.txt', 'somebody else', 5_000);
    await save(fs, NOTES, 'mine');
    assert.equal(files.files.get('notes.txt')?.content, 'mine');
  });

  it('makes a new file only where none is', async () => {
    const { files, fs, changes } = setUp();
    await assert.rejects(fs.stat(NOTES), code('FileNotFound'));
    files.put('notes.txt', 'somebody was faster');
    await assert.rejects(fs.writeFile(NOTES, bytes('mine'), SAVE), code('FileExists'));
    assert.equal(files.files.get('notes.txt')?.content, 'somebody was faster');
    files.files.clear();
    await save(fs, NOTES, 'mine');
    assert.deepEqual(changes[0], ['/1/notes.txt', fakeVscode.FileChangeType.Created]);
  });

  it('keeps to what a caller permits', async () => {
    const { files, fs } = setUp();
    await assert.rejects(fs.stat(NOTES));
    await assert.rejects(fs.writeFile(NOTES, bytes('x'), { create: false, overwrite: true }), code('FileNotFound'));
    files.put('notes.txt', 'one');
    await assert.rejects(fs.writeFile(NOTES, bytes('x'), { create: true, overwrite: false }), code('FileExists'));
  });

  it('takes no file that an editor cannot hold', async () => {
    const { files, fs } = setUp();
    files.put('notes.txt', 'x'.repeat(MAX_FILE_BYTES + 1));
    await fs.stat(NOTES);
    await assert.rejects(fs.readFile(NOTES), /editors take at most 32\.0 MB/);
    await assert.rejects(fs.writeFile(NOTES, new Uint8Array(MAX_FILE_BYTES + 1), SAVE), /editors take at most/);
    assert.deepEqual(
      files.calls.filter((call) => !call.startsWith('stat')),
      [],
    );
  });

  it('renames, copies, makes folders and deletes', async () => {
    const { files, fs, changes } = setUp();
    const other = fakeUri('ws-one', '/1/other.txt');
    files.put('notes.txt', 'one');
    await fs.copy(NOTES, other, { overwrite: false });
    await assert.rejects(fs.rename(NOTES, other, { overwrite: false }), code('FileExists'));
    await fs.rename(NOTES, other, { overwrite: true });
    await fs.createDirectory(fakeUri('ws-one', '/1/folder'));
    await fs.delete(other, { recursive: false });
    assert.equal(files.files.size, 0);
    assert.ok(files.calls.includes('makeFolder folder'));
    const { Created, Deleted } = fakeVscode.FileChangeType;
    for (const change of [
      ['/1/notes.txt', Deleted],
      ['/1/other.txt', Created],
      ['/1/folder', Created],
      ['/1/other.txt', Deleted],
    ]) {
      assert.ok(
        changes.some((one) => String(one) === String(change)),
        String(change),
      );
    }
  });

  it("moves nothing between seats, and never deletes a seat's folder", async () => {
    const { files, fs } = setUp();
    await assert.rejects(fs.rename(NOTES, fakeUri('ws-one', '/2/x'), { overwrite: true }), code('NoPermissions'));
    await assert.rejects(fs.copy(NOTES, fakeUri('ws-two', '/1/x'), { overwrite: true }), code('NoPermissions'));
    await assert.rejects(fs.delete(fakeUri('ws-one', '/1'), { recursive: true }), code('NoPermissions'));
    assert.deepEqual(files.calls, []);
  });

  it('lists a folder with the types of its entries', async () => {
    const { fs } = setUp();
    const entry = { path: '', size: 0, modified_at: at(0), mode: '0755' };
    const entries: FileEntry[] = [
      { ...entry, name: 'folder', type: 'directory', is_directory: true },
      { ...entry, name: 'file', type: 'file', is_directory: false },
      { ...entry, name: 'link', type: 'symlink', is_directory: true },
      { ...entry, name: 'socket', type: 'other', is_directory: false },
    ];
    const listing = new SeatFileSystem({
      vs: fakeVscode,
      withFiles: (_workshop, _seat, work) => work({ list: () => Promise.resolve(entries) } as unknown as FilesOfSeat),
    });
    assert.deepEqual(await listing.readDirectory(fakeUri('ws-one', '/1')), [
      ['folder', 2],
      ['file', 1],
      ['link', 64 | 2],
      ['socket', 0],
    ]);
    fs.dispose();
  });
});

describe('the errors of seat files', () => {
  it('are those of VS Code, with our sentence', () => {
    const table = [
      [new NotFoundError('There is none.'), 'FileNotFound'],
      [new ForbiddenError('It leaves the workspace.'), 'NoPermissions'],
      [new ConflictError('It exists.'), 'FileExists'],
      [new UnavailableError('The seat does not answer.'), 'Unavailable'],
      [new DiskFullError('The disk is full.'), 'Unknown'],
    ] as const;
    for (const [error, expected] of table) {
      const mapped = fileError(fakeVscode, error);
      assert.ok(mapped instanceof fakeVscode.FileSystemError);
      assert.deepEqual([mapped.code, mapped.message], [expected, error.message]);
    }
  });

  it('keep what is one already', () => {
    const error = fakeVscode.FileSystemError.FileNotFound('x');
    assert.equal(fileError(fakeVscode, error), error);
  });
});
