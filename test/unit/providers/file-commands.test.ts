import assert from 'node:assert/strict';
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
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type * as vscode from 'vscode';
import { ConflictError, ForbiddenError, InvalidInputError, NotFoundError } from '../../../src/protocol/errors.ts';
import { fileCommands } from '../../../src/providers/commands/file-commands.ts';
import type { Outcome } from '../../../src/providers/commands/outcome.ts';
import { localItem } from '../../../src/providers/files/local-files.ts';
import { upload, type Transferred } from '../../../src/providers/files/upload.ts';
import type { SeatFileNode, WorkshopsNode } from '../../../src/providers/model/nodes.ts';
import { SeatFilesDrag } from '../../../src/providers/views/seat-files-drag.ts';
import { COMMAND_IDS } from '../../../src/providers/commands/command-ids.ts';
import { fakeUri } from './fake-vscode.ts';
import { filesParts, TestSeats, type Person } from './files-setup.ts';
import { seat, workshop } from './fixtures.ts';

const CANCELLED = { status: 'cancelled' } as const;
const SEAT = { kind: 'seat', workshop: 'ws-one', seat: 1 } as const;
const OTHER_SEAT = { kind: 'seat', workshop: 'ws-one', seat: 2 } as const;

function row(path: string, isFolder = false, inSeat = 1): SeatFileNode {
  return { kind: 'seatFile', workshop: 'ws-one', seat: inSeat, mine: false, path, isFolder };
}

describe('the commands on files of seats', () => {
  let seats: TestSeats;
  let parts: ReturnType<typeof filesParts>;
  let person: { -readonly [Key in keyof Person]: Person[Key] };
  let selection: WorkshopsNode[];
  let commands: ReturnType<typeof fileCommands>;
  let refreshed: unknown[];
  let local: string;

  const onDisk = (path: string, inSeat = 1) => join(seats.root(inSeat), path);
  const here = (path: string) => join(local, path);
  const names = (path: string) => readdirSync(path).sort();
  const value = (outcome: Outcome): unknown => {
    assert.ok(outcome.status === 'ok', JSON.stringify(outcome));
    return outcome.value;
  };
  const transferred = (outcome: Outcome) => value(outcome) as Transferred;

  beforeEach(async () => {
    seats = await TestSeats.start();
    local = mkdtempSync(join(tmpdir(), 'carapace-file-commands-'));
    person = { asked: [], presses: [], types: [], chooses: [] };
    parts = filesParts(seats, person);
    selection = [];
    refreshed = [];
    commands = fileCommands({
      ...parts,
      picker: { seat: () => Promise.resolve({ workshop: workshop(), seat: seat() }) },
      tree: {
        get selection() {
          return selection;
        },
        refresh: (one) => refreshed.push(one),
      },
      list: (id, number) => (path) => seats.withFiles(id, number, (files) => files.list(path)),
    });
    writeFileSync(onDisk('a.txt'), 'a');
    mkdirSync(onDisk('folder'));
    writeFileSync(onDisk('folder/b.txt'), 'b');
  });

  afterEach(async () => {
    parts.files.dispose();
    await seats.stop();
    rmSync(local, { recursive: true, force: true });
  });

  it('make a file or a folder where the row is, and never over what is there', async () => {
    person.types.push('new/one.txt', 'inner', 'b.txt', undefined);
    await commands['carapace.newFile'](SEAT);
    assert.equal(readFileSync(onDisk('new/one.txt'), 'utf8'), '');
    assert.deepEqual(person.asked, ['run vscode.open']);
    await commands['carapace.newFolder'](row('folder', true));
    assert.deepEqual(names(onDisk('folder')), ['b.txt', 'inner']);
    // Beside a file: in its folder.
    await assert.rejects(commands['carapace.newFile'](row('folder/b.txt')), /"folder\/b.txt" exists already/);
    assert.equal(readFileSync(onDisk('folder/b.txt'), 'utf8'), 'b');
    assert.deepEqual(await commands['carapace.newFile'](SEAT), CANCELLED);
    await assert.rejects(commands['carapace.newFile']({ workshop: 'ws-one', seat: 1, to: '../x' }), InvalidInputError);
  });

  it('rename the one that is selected, and never over what is there', async () => {
    person.types.push('c.txt', 'folder', 'c.txt', undefined);
    selection = [row('a.txt')];
    await commands['carapace.renameFile']({ keyboard: true });
    assert.deepEqual(names(onDisk('')), ['c.txt', 'folder']);
    await assert.rejects(commands['carapace.renameFile'](row('c.txt')), ConflictError);
    assert.deepEqual(await commands['carapace.renameFile'](row('c.txt')), CANCELLED);
    assert.deepEqual(await commands['carapace.renameFile'](row('c.txt')), CANCELLED);
    const outside = { ...row('c.txt'), to: '../c.txt' };
    await assert.rejects(commands['carapace.renameFile'](outside), InvalidInputError);
    assert.deepEqual(names(onDisk('')), ['c.txt', 'folder']);
  });

  it('do nothing by a key where no file is selected', async () => {
    selection = [SEAT];
    for (const id of ['carapace.renameFile', 'carapace.deleteFile', 'carapace.copyFile'] as const)
      assert.deepEqual(await commands[id]({ keyboard: true }), CANCELLED, id);
    assert.deepEqual(person.asked, []);
  });

  it('delete after one question that names what is lost, however many there are', async () => {
    selection = [row('folder', true), row('folder/b.txt'), row('a.txt')];
    person.presses.push(undefined, 'Delete');
    assert.deepEqual(await commands['carapace.deleteFile']({ keyboard: true }), CANCELLED);
    assert.deepEqual(names(onDisk('')), ['a.txt', 'folder']);
    await commands['carapace.deleteFile'](selection[0], selection);
    assert.deepEqual(names(onDisk('')), []);
    assert.equal(person.asked.length, 2);
    assert.equal(
      person.asked[1],
      'Delete 2 files and folders of seat 1?\nfolder with all that is in it\na.txt\nThis cannot be undone.',
    );
  });

  it('delete only the row that was clicked where that is not among the selected', async () => {
    person.presses.push('Delete');
    await commands['carapace.deleteFile'](row('a.txt'), [row('folder', true)]);
    assert.deepEqual(names(onDisk('')), ['folder']);
    assert.match(person.asked[0] ?? '', /^Delete "a\.txt" of seat 1\?\na\.txt\n/);
  });

  it('copy and paste: beside itself under a new name, elsewhere under its own', async () => {
    await assert.rejects(commands['carapace.pasteFile'](SEAT), /Nothing was copied/);
    await commands['carapace.copyFile'](row('a.txt'), [row('a.txt'), row('folder', true)]);
    assert.deepEqual(value(await commands['carapace.pasteFile'](SEAT)), ['a copy.txt', 'folder copy']);
    assert.deepEqual(names(onDisk('folder copy')), ['b.txt']);
    assert.deepEqual(value(await commands['carapace.pasteFile'](OTHER_SEAT)), ['a.txt', 'folder']);
    assert.equal(readFileSync(onDisk('folder/b.txt', 2), 'utf8'), 'b');
    await assert.rejects(commands['carapace.pasteFile'](row('folder', true)), /cannot be put into itself/);
  });

  it('ask about each name that is taken: replace, keep both, skip, or give up', async () => {
    writeFileSync(onDisk('folder/a.txt'), 'other');
    await commands['carapace.copyFile'](row('a.txt'));
    const paste = () => commands['carapace.pasteFile'](row('folder', true));
    person.presses.push('Skip', 'Keep Both', undefined, 'Replace');
    assert.deepEqual(value(await paste()), []);
    assert.deepEqual(value(await paste()), ['folder/a copy.txt']);
    await assert.rejects(paste(), { name: 'AbortError' });
    assert.equal(readFileSync(onDisk('folder/a.txt'), 'utf8'), 'other');
    assert.deepEqual(value(await paste()), ['folder/a.txt']);
    assert.equal(readFileSync(onDisk('folder/a.txt'), 'utf8'), 'a');
    assert.match(person.asked[0] ?? '', /^"a\.txt" is in "folder" already\.\n/);
  });

  it('upload files and folders whole, with what they are called', async () => {
    mkdirSync(here('up/deep/empty'), { recursive: true });
    writeFileSync(here('up/deep/a #1%.txt'), 'x');
    symlinkSync('..', here('up/deep/loop'));
    symlinkSync('a #1%.txt', here('up/deep/link'));
    writeFileSync(here('one.bin'), Buffer.from([0, 255]));
    person.chooses.push([here('up'), here('one.bin')]);
    const done = transferred(await commands['carapace.uploadFiles'](row('folder', true)));
    assert.deepEqual(done, { paths: ['folder/up', 'folder/one.bin'], skipped: 0, leftOut: 1 });
    assert.deepEqual(names(onDisk('folder')), ['b.txt', 'one.bin', 'up']);
    assert.deepEqual(names(onDisk('folder/up/deep')), ['a #1%.txt', 'empty', 'link']);
    assert.deepEqual([...readFileSync(onDisk('folder/one.bin'))], [0, 255]);
    assert.deepEqual(await commands['carapace.uploadFiles'](SEAT), CANCELLED);
  });

  it('upload over nothing without being told to, and over a folder only as a whole', async () => {
    mkdirSync(here('folder'));
    writeFileSync(here('folder/c.txt'), 'c');
    writeFileSync(here('a.txt'), 'mine');
    const from = [here('a.txt'), here('folder')];
    person.presses.push('Skip All', 'Replace All');
    const again = async () => transferred(await commands['carapace.uploadFiles']({ ...SEAT, from }));
    assert.deepEqual(await again(), { paths: [], skipped: 2, leftOut: 0 });
    assert.equal(readFileSync(onDisk('a.txt'), 'utf8'), 'a');
    assert.equal((await again()).paths.length, 2);
    assert.equal(person.asked.length, 2);
    assert.equal(readFileSync(onDisk('a.txt'), 'utf8'), 'mine');
    assert.deepEqual(names(onDisk('folder')), ['c.txt']);
    assert.deepEqual(names(onDisk('')), ['a.txt', 'folder']);
  });

  it('leave nothing half done where an upload fails', async () => {
    mkdirSync(here('up'));
    writeFileSync(here('up/a.txt'), 'a');
    writeFileSync(here('up/gone.txt'), 'gone');
    const missing = commands['carapace.uploadFiles']({ ...SEAT, from: [here('missing')] });
    await assert.rejects(missing, NotFoundError);
    // The second file goes away after it was counted.
    const item = await localItem(parts.vs, parts.vs.Uri.file(here('up')));
    const children = async () => {
      const found = await item.children();
      rmSync(here('up/gone.txt'));
      return found;
    };
    const failed = upload(parts, { workshop: 'ws-one', seat: 1, path: '' }, [{ ...item, children }]);
    await assert.rejects(failed, (error) => error instanceof ForbiddenError && error.message.includes('gone.txt'));
    assert.deepEqual(names(onDisk('')), ['a.txt', 'folder']);
  });

  it('download files and folders, and ask before they replace anything', async () => {
    writeFileSync(onDisk('folder/two\nlines.txt'), 'x');
    symlinkSync('..', onDisk('folder/loop'));
    symlinkSync('/etc/passwd', onDisk('folder/outside'));
    person.chooses.push([local], [local], [local], undefined);
    person.presses.push('Skip', 'Keep Both');
    const rows = [row('folder', true), row('a.txt')];
    const done = transferred(await commands['carapace.downloadFile'](rows[0], rows));
    assert.deepEqual(done, { paths: [here('folder'), here('a.txt')], skipped: 0, leftOut: 2 });
    assert.deepEqual(names(here('folder')), ['b.txt', 'two\nlines.txt']);
    writeFileSync(here('a.txt'), 'mine');
    const again = () => commands['carapace.downloadFile'](row('a.txt'));
    assert.equal(transferred(await again()).skipped, 1);
    assert.equal(readFileSync(here('a.txt'), 'utf8'), 'mine');
    assert.deepEqual(transferred(await again()).paths, [here('a copy.txt')]);
    assert.deepEqual(await again(), CANCELLED);
    const replacing = { ...row('folder', true), folder: local, conflict: 'replace' };
    rmSync(onDisk('folder/b.txt'));
    await commands['carapace.downloadFile'](replacing);
    assert.deepEqual(names(here('folder')), ['two\nlines.txt']);
    assert.deepEqual(names(local), ['a copy.txt', 'a.txt', 'folder']);
  });

  it('copy the path, and refresh the seat that is meant', async () => {
    await commands['carapace.copyFilePath'](row('a.txt'), [row('a.txt'), row('folder', true)]);
    assert.deepEqual(person.asked, ['copied a.txt\nfolder']);
    await commands['carapace.refreshFiles'](OTHER_SEAT);
    await commands['carapace.refreshFiles'](undefined);
    assert.deepEqual(refreshed, [{ workshop: 'ws-one', seat: 2 }, undefined]);
  });

  it('have keys that are heard only in the view', () => {
    const { contributes } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      contributes: { keybindings: { command: string; key: string; when: string; args: unknown }[] };
    };
    const own = contributes.keybindings.filter(({ command }) => command.endsWith('File'));
    assert.deepEqual(
      own.map(({ command, key }) => `${key} ${command}`),
      ['f2 carapace.renameFile', 'delete carapace.deleteFile', 'ctrl+c carapace.copyFile', 'ctrl+v carapace.pasteFile'],
    );
    for (const { command, when, args } of own) {
      assert.ok((COMMAND_IDS as readonly string[]).includes(command));
      assert.match(when, /focusedView == carapace\.workshops && .*!inputFocus/);
      assert.deepEqual(args, { keyboard: true });
    }
  });

  describe('by drag and drop', () => {
    let errors: unknown[];
    let drag: SeatFilesDrag;

    /** What is dragged, as VS Code hands it over. */
    function data(items: Record<string, vscode.DataTransferItem>): vscode.DataTransfer {
      const transfer: unknown = new Map(Object.entries(items));
      return transfer as vscode.DataTransfer;
    }

    function uriList(...uris: vscode.Uri[]): vscode.DataTransfer {
      const text = uris.map((uri) => uri.toString()).join('\r\n');
      return data({ 'text/uri-list': new parts.vs.DataTransferItem(text) });
    }

    beforeEach(() => {
      errors = [];
      drag = new SeatFilesDrag({ ...parts, onError: (error) => errors.push(error) });
    });

    it('leave as addresses that editors open', async () => {
      const transfer = data({});
      drag.handleDrag([SEAT], transfer);
      assert.equal(transfer.get('text/uri-list'), undefined);
      drag.handleDrag([row('a.txt'), row('folder', true)], transfer);
      const text = await transfer.get('text/uri-list')?.asString();
      assert.equal(text, 'carapace-seat://ws-one/1/a.txt\r\ncarapace-seat://ws-one/1/folder');
    });

    it('move within a seat, and are copied between seats', async () => {
      await drag.handleDrop(row('folder', true), uriList(fakeUri('ws-one', '/1/a.txt')));
      assert.deepEqual(names(onDisk('folder')), ['a.txt', 'b.txt']);
      assert.ok(!existsSync(onDisk('a.txt')));
      await drag.handleDrop(OTHER_SEAT, uriList(fakeUri('ws-one', '/1/folder'), fakeUri('ws-one', '/1/folder/b.txt')));
      assert.deepEqual(names(onDisk('folder', 2)), ['a.txt', 'b.txt']);
      assert.ok(existsSync(onDisk('folder/b.txt')));
      assert.deepEqual(names(onDisk('', 2)), ['folder']);
      // Where it is already.
      await drag.handleDrop(row('folder/b.txt'), uriList(fakeUri('ws-one', '/1/folder/a.txt')));
      assert.deepEqual(names(onDisk('folder')), ['a.txt', 'b.txt']);
      assert.equal(errors.length, 0);
      await drag.handleDrop(row('folder', true), uriList(fakeUri('ws-one', '/1/folder')));
      assert.ok(errors[0] instanceof ConflictError);
    });

    it('come from outside, with an address or without', async () => {
      writeFileSync(here('up.txt'), 'up');
      await drag.handleDrop(row('folder', true), uriList(parts.vs.Uri.file(here('up.txt'))));
      assert.equal(readFileSync(onDisk('folder/up.txt'), 'utf8'), 'up');
      const file = { name: 'dropped.txt', data: () => Promise.resolve(Buffer.from('dropped')) };
      const item = Object.assign(new parts.vs.DataTransferItem(''), { asFile: () => file });
      await drag.handleDrop(SEAT, data({ files: item }));
      assert.equal(readFileSync(onDisk('dropped.txt'), 'utf8'), 'dropped');
      await drag.handleDrop({ kind: 'workshop', workshop: 'ws-one' }, uriList(parts.vs.Uri.file(here('up.txt'))));
      await drag.handleDrop(SEAT, uriList(parts.vs.Uri.file(here('none.txt'))));
      assert.equal(errors.length, 1);
      assert.ok(errors[0] instanceof NotFoundError);
    });
  });
});
