import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
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
import { until } from '../workspace/support.ts';
import { fakeUri, fakeVscode } from './fake-vscode.ts';
import { TestSeats } from './files-setup.ts';
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

  /** The tests of what streams are those with real seats. */
  readTo: FilesOfSeat['readTo'] = () => Promise.reject(new UnavailableError('Nothing streams here.'));
  writeFrom: FilesOfSeat['writeFrom'] = () => Promise.reject(new UnavailableError('Nothing streams here.'));
  watch: FilesOfSeat['watch'] = () => {
    throw new UnavailableError('Nothing streams here.');
  };

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

describe('the file system of real seats', () => {
  let seats: TestSeats;
  let fs: SeatFileSystem;
  let told: string[];

  const at = (path: string, seat = 1) => fakeUri('ws-one', `/${seat}${path === '' ? '' : `/${path}`}`);
  const onDisk = (path: string, seat = 1) => join(seats.root(seat), path);
  const streams = () => seats.requests.filter((request) => request.includes('/watch')).length;
  const heard = (text: string) => until(() => told.includes(text), `${text}, told was ${told.join(', ')}`);
  const watched = async (seat = 1) => {
    await until(() => fs.isWatched({ workshop: 'ws-one', seat }), 'the watch');
    // Its first folder is listed after that.
    await until(() => seats.requests.some((request) => request === 'GET /files?path='), 'the first list');
  };

  beforeEach(async () => {
    seats = await TestSeats.start();
    fs = new SeatFileSystem({ vs: fakeVscode, withFiles: seats.withFiles, backoff: () => 10 });
    told = [];
    const names = ['', 'changed', 'created', 'deleted'];
    fs.onDidChangeFile((events) => told.push(...events.map(({ uri, type }) => `${names[type]} ${uri.path}`)));
  });

  afterEach(async () => {
    fs.dispose();
    await seats.stop();
  });

  it('tells what happens in a seat while anybody watches it, over one stream', async () => {
    writeFileSync(onDisk('a.txt'), 'a');
    const one = fs.watch(at('a.txt'));
    const other = fs.watch(at('folder'));
    await watched();
    writeFileSync(onDisk('b.txt'), 'b');
    await heard('created /1/b.txt');
    writeFileSync(onDisk('a.txt'), 'aa');
    await heard('changed /1/a.txt');
    rmSync(onDisk('b.txt'));
    await heard('deleted /1/b.txt');
    assert.equal(streams(), 1);

    one.dispose();
    one.dispose();
    assert.ok(fs.isWatched({ workshop: 'ws-one', seat: 1 }));
    other.dispose();
    assert.ok(!fs.isWatched({ workshop: 'ws-one', seat: 1 }));
  });

  it('comes back when the stream breaks, and has everything that is known looked at anew', async () => {
    writeFileSync(onDisk('a.txt'), 'a');
    await fs.stat(at('a.txt'));
    const watch = fs.watch(at('a.txt'));
    await watched();
    await heard('changed /1');
    told.length = 0;
    seats.cut();
    await until(() => !fs.isWatched({ workshop: 'ws-one', seat: 1 }), 'the cut');
    writeFileSync(onDisk('a.txt'), 'changed unseen');
    seats.open = true;
    await heard('changed /1/a.txt');
    watch.dispose();
  });

  it('asks no seat for what is certainly not there', async () => {
    mkdirSync(onDisk('folder'));
    const watch = fs.watch(at(''));
    await watched();
    while (!(await fsKnows('.git'))) await new Promise((resolve) => setTimeout(resolve, 5));
    seats.requests.length = 0;
    for (const path of ['.vscode/settings.json', '.git/config', 'package.json', 'folderx/y']) {
      await assert.rejects(fs.stat(at(path)), code('FileNotFound'), path);
      await assert.rejects(fs.readFile(at(path)), code('FileNotFound'), path);
      await assert.rejects(fs.readDirectory(at(path)), code('FileNotFound'), path);
    }
    assert.deepEqual(seats.requests, []);
    // What is in a folder is not known before that was listed.
    await assert.rejects(fs.stat(at('folder/x')), code('FileNotFound'));
    assert.deepEqual(seats.requests, ['GET /files/folder/x?stat']);
    await fs.readDirectory(at('folder'));
    seats.requests.length = 0;
    await assert.rejects(fs.stat(at('folder/x')), code('FileNotFound'));
    assert.deepEqual(seats.requests, []);
    watch.dispose();

    async function fsKnows(path: string): Promise<boolean> {
      seats.requests.length = 0;
      await fs.stat(at(path)).catch(() => undefined);
      return seats.requests.length === 0;
    }
  });

  it('finds what was made since, by somebody else or from here', async () => {
    const watch = fs.watch(at(''));
    await watched();
    mkdirSync(onDisk('.vscode'));
    writeFileSync(onDisk('.vscode/settings.json'), '{}');
    await heard('created /1/.vscode/settings.json');
    assert.equal((await fs.stat(at('.vscode/settings.json'))).size, 2);

    await assert.rejects(fs.stat(at('new.txt')), code('FileNotFound'));
    await fs.writeFile(at('deep/new.txt'), bytes('x'), SAVE);
    assert.equal((await fs.stat(at('deep/new.txt'))).size, 1);
    rmSync(onDisk('.vscode'), { recursive: true });
    await heard('deleted /1/.vscode');
    await assert.rejects(fs.stat(at('.vscode')), code('FileNotFound'));
    watch.dispose();
  });

  it('asks the seat again as soon as events may be missing', async () => {
    const watch = fs.watch(at(''));
    await watched();
    seats.cut();
    await until(() => !fs.isWatched({ workshop: 'ws-one', seat: 1 }), 'the cut');
    writeFileSync(onDisk('package.json'), '{}');
    watch.dispose();
    seats.open = true;
    assert.equal((await fs.stat(at('package.json'))).size, 2);
  });

  it('does not take what is behind a link for known', async () => {
    mkdirSync(onDisk('real'));
    symlinkSync('real', onDisk('link'));
    const watch = fs.watch(at(''));
    await watched();
    await fs.readDirectory(at('link'));
    writeFileSync(onDisk('real/x.txt'), 'x');
    assert.equal((await fs.stat(at('link/x.txt'))).size, 1);
    watch.dispose();
  });

  it('copies between seats: files and folders, as they are, and all or nothing', async () => {
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256));
    mkdirSync(onDisk('box/in ner'), { recursive: true });
    writeFileSync(onDisk('box/in ner/data #1.bin'), content);
    writeFileSync(onDisk('box/empty'), '');
    symlinkSync('..', onDisk('box/loop'));
    await fs.copy(at('box'), at('sent/box', 2), { overwrite: false });
    assert.deepEqual(readFileSync(onDisk('sent/box/in ner/data #1.bin', 2)), content);
    assert.deepEqual(readdirSync(onDisk('sent/box', 2)).sort(), ['empty', 'in ner']);

    await fs.copy(at('box/in ner/data #1.bin'), at('one.bin', 2), { overwrite: false });
    assert.deepEqual(readFileSync(onDisk('one.bin', 2)), content);
    await assert.rejects(fs.copy(at('box'), at('sent/box', 2), { overwrite: false }), code('FileExists'));
    await assert.rejects(fs.copy(at('box/empty'), at('one.bin', 2), { overwrite: false }), code('FileExists'));
    await assert.rejects(fs.copy(at('none'), at('none', 2), { overwrite: true }), code('FileNotFound'));
    await fs.copy(at('box/empty'), at('one.bin', 2), { overwrite: true });
    assert.equal(readFileSync(onDisk('one.bin', 2)).length, 0);
    rmSync(onDisk('box/in ner'), { recursive: true });
    await fs.copy(at('box'), at('sent/box', 2), { overwrite: true });
    assert.deepEqual(readdirSync(onDisk('sent/box', 2)), ['empty']);
    assert.deepEqual(readdirSync(onDisk('sent', 2)), ['box']);
    assert.deepEqual(readdirSync(onDisk('', 2)).sort(), ['one.bin', 'sent']);
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
