import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type * as vscode from 'vscode';
import {
  nodeId,
  type SeatFileNode,
  type SeatFilesNode,
  type WorkshopsNode,
} from '../../../src/providers/model/nodes.ts';
import { PAGE_ROWS } from '../../../src/providers/model/seat-file-row.ts';
import { shownName } from '../../../src/client/file-paths.ts';
import { freeName, isPlainName, refuseName, topmost } from '../../../src/providers/model/file-names.ts';
import { SeatFilesTree } from '../../../src/providers/views/seat-files-tree.ts';
import { until } from '../workspace/support.ts';
import { fakeVscode } from './fake-vscode.ts';
import { filesParts, TestSeats } from './files-setup.ts';
import { t } from './fixtures.ts';

const SEAT = { kind: 'seat', workshop: 'ws-one', seat: 1 } as const;
const MINE = { kind: 'mySeat', workshop: 'ws-one', seat: 1 } as const;

/** A view of VS Code that is looked at, or not. */
function fakeView() {
  const visibility = new fakeVscode.EventEmitter<{ visible: boolean }>();
  const collapse = new fakeVscode.EventEmitter<{ element: WorkshopsNode }>();
  const view = {
    visible: true,
    selection: [] as WorkshopsNode[],
    onDidChangeVisibility: visibility.event as vscode.Event<vscode.TreeViewVisibilityChangeEvent>,
    onDidCollapseElement: collapse.event as vscode.Event<vscode.TreeViewExpansionEvent<WorkshopsNode>>,
    show: (visible: boolean) => {
      view.visible = visible;
      visibility.fire({ visible });
    },
    collapse: (element: WorkshopsNode) => collapse.fire({ element }),
  };
  return view;
}

describe('the files under the seats', () => {
  let seats: TestSeats;
  let parts: ReturnType<typeof filesParts>;
  let tree: SeatFilesTree;
  let view: ReturnType<typeof fakeView>;
  let drawn: WorkshopsNode[];

  const onDisk = (path: string) => join(seats.root(), path);
  const isWatched = () => parts.files.isWatched(SEAT);
  const listed = () => seats.requests.filter((request) => request.startsWith('GET /files?')).length;
  const paths = (rows: readonly SeatFilesNode[]) =>
    rows.map((row) => `${row.kind === 'seatFile' ? '' : row.kind}${row.path}`);
  const watched = () => until(isWatched, 'the watch');

  beforeEach(async () => {
    seats = await TestSeats.start();
    parts = filesParts(seats, { asked: [], presses: [], types: [], chooses: [] });
    tree = new SeatFilesTree(parts.vs, parts.files);
    view = fakeView();
    tree.attach(view);
    drawn = [];
    tree.onDidChange((node) => drawn.push(node));
    mkdirSync(onDisk('folder'));
    writeFileSync(onDisk('a.txt'), 'a');
    writeFileSync(onDisk('folder/b.txt'), 'b');
  });

  afterEach(async () => {
    tree.dispose();
    parts.files.dispose();
    await seats.stop();
  });

  it('are listed when they are looked at, folders first', async () => {
    assert.equal(seats.requests.length, 0);
    const rows = await tree.getChildren(SEAT);
    assert.deepEqual(paths(rows), ['folder', 'a.txt']);
    const [folder, file] = rows as SeatFileNode[];
    assert.deepEqual(paths(await tree.getChildren(folder!)), ['folder/b.txt']);
    assert.deepEqual(await tree.getChildren(file!), []);
    assert.equal(tree.getParent(folder!), undefined);
    assert.deepEqual(tree.getParent({ ...file!, path: 'folder/b.txt' }), folder);
  });

  it('have the icons of the theme, a word for those who listen, and a tooltip when it is asked for', async () => {
    const [folder, file] = (await tree.getChildren(SEAT)) as [SeatFileNode, SeatFileNode];
    const item = tree.getTreeItem(file);
    assert.equal(item.resourceUri?.path, '/1/a.txt');
    assert.equal(item.iconPath, undefined);
    assert.deepEqual([item.label, item.contextValue], ['a.txt', 'viewable movable']);
    assert.deepEqual(item.accessibilityInformation, { label: 'File a.txt' });
    assert.equal(item.command?.command, 'vscode.open');
    assert.equal(item.tooltip, undefined);
    assert.match((tree.resolve(item, file).tooltip as vscode.MarkdownString).value, /Size: 1 bytes/);
    const other = tree.getTreeItem(folder);
    assert.deepEqual([other.collapsibleState, other.contextValue, other.command], [1, 'fillable movable', undefined]);
    assert.deepEqual(other.accessibilityInformation, { label: 'Folder folder' });
  });

  it('are drawn anew where something changed, and listed once however often they are drawn', async () => {
    const [folder] = await tree.getChildren(SEAT);
    await tree.getChildren(folder!);
    await watched();
    await until(() => drawn.includes(SEAT) && drawn.includes(folder!), 'what was listed before the watch told');
    await Promise.all([tree.getChildren(SEAT), tree.getChildren(SEAT), tree.getChildren(folder!)]);
    drawn.length = 0;
    const before = listed();
    for (let count = 0; count < 5; count += 1) await tree.getChildren(SEAT);
    assert.equal(listed(), before);

    writeFileSync(onDisk('folder/c.txt'), 'c');
    await until(() => drawn.length > 0, 'the change');
    assert.deepEqual(drawn, [folder]);
    assert.deepEqual(paths(await tree.getChildren(folder!)), ['folder/b.txt', 'folder/c.txt']);
    await tree.getChildren(SEAT);
    assert.equal(listed(), before + 1);
  });

  it('show an error as a row with its sentence, and come back', async () => {
    seats.cut();
    const rows = await tree.getChildren(SEAT);
    assert.deepEqual(paths(rows), ['seatFilesProblem']);
    const item = tree.getTreeItem(rows[0]!);
    assert.match(item.label as string, /^The seat at http.* cannot be reached/);
    assert.deepEqual(await tree.getChildren(rows[0]!), []);
    seats.open = true;
    await until(() => drawn.includes(SEAT), 'the seat');
    assert.deepEqual(paths(await tree.getChildren(SEAT)), ['folder', 'a.txt']);
  });

  it('of a big folder are shown in pages', async () => {
    rmSync(onDisk('folder'), { recursive: true });
    for (let number = 0; number < 2 * PAGE_ROWS + 9; number += 1)
      writeFileSync(onDisk(`f${String(number).padStart(5, '0')}`), '');
    const first = await tree.getChildren(SEAT);
    const more = first.at(-1)!;
    assert.equal(first.length, PAGE_ROWS + 1);
    assert.equal(tree.getTreeItem(more).label, `… ${(PAGE_ROWS + 10).toLocaleString()} more`);
    assert.deepEqual(tree.getTreeItem(more).accessibilityInformation, { label: `${PAGE_ROWS + 10} more files` });
    const second = await tree.getChildren(more);
    assert.equal(second.length, PAGE_ROWS + 1);
    const third = await tree.getChildren(second.at(-1)!);
    assert.equal(third.length, 10);
    assert.deepEqual(tree.getParent(third[0]!), second.at(-1));
    assert.deepEqual(tree.getParent(second.at(-1)!), more);
    assert.equal(tree.getParent(more), undefined);
    const ids = [...first, ...second, ...third].map(nodeId);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('are watched only while somebody looks', async () => {
    await tree.getChildren(SEAT);
    await watched();
    view.show(false);
    assert.ok(!isWatched());
    view.show(true);
    await watched();
    view.collapse({ kind: 'seat', workshop: 'ws-one', seat: 2 });
    assert.ok(isWatched());
    view.collapse({ ...SEAT });
    assert.ok(!isWatched());
    await tree.getChildren(SEAT);
    await watched();
    view.collapse({ kind: 'workshop', workshop: 'ws-one' });
    assert.ok(!isWatched());
    await tree.getChildren(SEAT);
    await watched();
    tree.retain((node) => node === SEAT);
    assert.ok(isWatched());
    tree.retain(() => false);
    assert.ok(!isWatched());
  });

  it('of a seat that is in the tree twice have ids of their own', async () => {
    const [one] = await tree.getChildren(SEAT);
    const [other] = await tree.getChildren(MINE);
    assert.notEqual(nodeId(one!), nodeId(other!));
    await watched();
    view.collapse(SEAT);
    assert.ok(isWatched());
    view.collapse(MINE);
    assert.ok(!isWatched());
  });
});

describe('the names of files', () => {
  it('are refused where they are none', () => {
    for (const name of ['', ' ', '.', '..', 'a/b', '/a']) assert.ok(refuseName(name, false, t), name);
    for (const name of ['', 'a//b', '../x', 'a/..', 'a\0']) assert.ok(refuseName(name, true, t), name);
    for (const name of ['a', 'ä b', '🐢', 'a#b%41']) assert.equal(refuseName(name, false, t), undefined, name);
    assert.equal(refuseName('a/b', true, t), undefined);
  });

  it('from a seat lead nowhere else on this machine', () => {
    for (const name of ['', '.', '..', '../x', 'a/b', 'a\0b']) assert.ok(!isPlainName(name, 'linux'), name);
    for (const name of ['..\\x', 'C:x', 'x.', 'two\nlines', 'a?']) assert.ok(!isPlainName(name, 'win32'), name);
    for (const name of ['two\nlines', 'a\\b', '..x', '🐢']) assert.ok(isPlainName(name, 'linux'), name);
  });

  it('of copies are free', () => {
    assert.equal(freeName('a.txt', new Set(['a.txt']), t), 'a copy.txt');
    assert.equal(freeName('a.txt', new Set(['a.txt', 'a copy.txt', 'a copy 2.txt']), t), 'a copy 3.txt');
    assert.equal(freeName('.bashrc', new Set(), t), '.bashrc copy');
  });

  it('stand on one line', () => {
    assert.equal(shownName('two\nlines\u007f\u0085'), 'two␊lines␡␡');
  });

  it('are taken once where their folder is, too', () => {
    const items = ['a', 'a/b', 'ab', 'c/d', 'c/d/e'].map((path) => ({ workshop: 'ws-one', seat: 1, path }));
    const elsewhere = { workshop: 'ws-one', seat: 2, path: 'a/b' };
    assert.deepEqual(
      topmost([...items, elsewhere]).map(({ seat, path }) => `${seat} ${path}`),
      ['1 a', '1 ab', '1 c/d', '2 a/b'],
    );
  });
});
