import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import * as vscode from 'vscode';
import type { CarapaceApi } from '../../../src/extension.ts';
import type { Workshop } from '../../../src/protocol/workshop.ts';
import type { Transferred } from '../../../src/providers/files/upload.ts';
import type { WorkshopsNode } from '../../../src/providers/model/nodes.ts';
import {
  activate,
  createWorkshop,
  endControlPlane,
  failure,
  hasText,
  readText,
  run,
  seatUri,
  succeed,
  until,
  writeText,
} from './support.ts';

const MB = 1024 * 1024;
const BIG_MB = 100;
/** What an up- and download of 100 MB may cost the extension host, in bytes: keeping the file once would cost more. */
const FLAT_BYTES = 90 * MB;
/** Names that have been trouble somewhere. */
const NAMES = ['two words.txt', 'a#b.txt', '100%.txt', '%41.txt', '🐢.txt', 'two\nlines.txt', 'ä ö.txt', '[x]{y}.txt'];

describe('the files of seats in VS Code', () => {
  let api: CarapaceApi;
  let workshop: Workshop;
  let folder: string;

  const at = (path: string, seat = 1) => seatUri(workshop.id, seat, path);
  const target = (path: string, seat = 1) => ({ workshop: workshop.id, seat, path });
  const seatRow = (seat = 1): WorkshopsNode => ({ kind: 'seat', workshop: workshop.id, seat });

  /** What a shell in the seat does, until it has done it. */
  async function inSeat(script: string): Promise<void> {
    await succeed('carapace.openTerminal', { workshop: workshop.id, seat: 1 });
    const terminal = await until('the terminal', () => vscode.window.terminals.find((one) => one.name === 'Seat 1'));
    const done = `done-${Math.random()}`;
    terminal.sendText(`${script}; echo x > ${done}`);
    await until(`the end of ${script}`, () => readText(at(done)));
    await vscode.workspace.fs.delete(at(done));
  }

  async function rows(node: WorkshopsNode): Promise<readonly WorkshopsNode[]> {
    return api.workshopRows(node);
  }

  async function names(node: WorkshopsNode): Promise<string[]> {
    return (await rows(node)).map((row) => (row.kind === 'seatFile' ? row.path : row.kind));
  }

  before(async () => {
    api = await activate();
    folder = mkdtempSync(join(tmpdir(), 'carapace-files-'));
    workshop = await createWorkshop({ name: 'Files', seats: 2 });
    await until('the seats', () => (api.state().seats.size === 2 ? true : undefined));
    await vscode.commands.executeCommand('carapace.workshops.focus');
  });

  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    const { workshops } = api.state();
    for (const { id } of workshops.values()) await run('carapace.deleteWorkshop', { workshop: id, confirmed: true });
    await endControlPlane();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are below their seat, with the icons of the theme, and stay true', async () => {
    await writeText(at('lessons/one.md'), '# one');
    await until('the folder', async () => ((await names(seatRow())).includes('lessons') ? true : undefined));
    const lessons = (await rows(seatRow())).find((row) => row.kind === 'seatFile' && row.path === 'lessons');
    assert.ok(lessons);
    assert.deepEqual(await names(lessons), ['lessons/one.md']);
    const [one] = await rows(lessons);
    const item = api.workshopRow(one!);
    assert.equal(item.resourceUri?.toString(), at('lessons/one.md').toString());
    assert.equal(item.iconPath, undefined);
    assert.equal(item.accessibilityInformation?.label, 'File one.md');

    await inSeat('echo two > lessons/two.md');
    await until('the new file', async () => ((await names(lessons)).includes('lessons/two.md') ? true : undefined));
  });

  it('tell VS Code what happens in the seat, within a second', async () => {
    await writeText(at('told/file.txt'), 'one');
    const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(at('told'), '*'));
    const heard: string[] = [];
    const listen = (what: string) => (uri: vscode.Uri) => heard.push(`${what} ${uri.path.split('/').at(-1)}`);
    watcher.onDidCreate(listen('created'));
    watcher.onDidChange(listen('changed'));
    watcher.onDidDelete(listen('deleted'));
    try {
      await until('the watch', async () => {
        await inSeat('echo more >> told/file.txt');
        return heard.includes('changed file.txt') ? true : undefined;
      });
      await inSeat('echo new > told/new.txt');
      await until('the creation', () => (heard.includes('created new.txt') ? true : undefined));
      await inSeat('rm told/new.txt');
      await until('the deletion', () => (heard.includes('deleted new.txt') ? true : undefined));
    } finally {
      watcher.dispose();
    }
  });

  it('are read anew in an editor when the seat changes them', async () => {
    await writeText(at('live.txt'), 'before');
    const document = await vscode.workspace.openTextDocument(at('live.txt'));
    await vscode.window.showTextDocument(document);
    await inSeat('printf after > live.txt');
    await until('the change', () => (document.getText() === 'after' ? true : undefined));
  });

  it('are found as soon as they are there, though the probes of editors were told that they are not', async () => {
    for (const path of ['.vscode/settings.json', '.git', 'package.json']) {
      await assert.rejects(async () => vscode.workspace.fs.stat(at(path)), /FileNotFound|not exist|NotFound/, path);
    }
    await inSeat('mkdir .vscode; echo "{}" > .vscode/settings.json');
    await hasText(at('.vscode/settings.json'), '{}\n');
  });

  it('are made, renamed with their editors, copied, and deleted', async () => {
    await succeed('carapace.newFolder', { ...target(''), to: 'work' });
    await succeed('carapace.newFile', { ...target('work'), to: 'draft.txt' });
    assert.equal(vscode.window.activeTextEditor?.document.uri.toString(), at('work/draft.txt').toString());
    const edit = new vscode.WorkspaceEdit();
    edit.insert(at('work/draft.txt'), new vscode.Position(0, 0), 'not saved');
    assert.ok(await vscode.workspace.applyEdit(edit));
    await succeed('carapace.renameFile', { ...target('work/draft.txt'), to: 'final.txt' });
    const moved = await until('the editor', () =>
      vscode.workspace.textDocuments.find(
        (one) => one.uri.toString() === at('work/final.txt').toString() && one.isDirty && one.getText() === 'not saved',
      ),
    );
    // VS Code takes it for saved only where nothing has touched its text meanwhile, as what ends the renaming may.
    await until('it to be saved', async () => ((await moved.save()) ? true : undefined));
    assert.equal(await readText(at('work/final.txt')), 'not saved');
    assert.equal(await failure('carapace.newFile', { ...target('work'), to: 'final.txt' }), 'CONFLICT');

    await succeed('carapace.copyFile', target('work/final.txt'));
    assert.deepEqual(await succeed('carapace.pasteFile', target('work')), ['work/final copy.txt']);
    await succeed('carapace.pasteFile', target('', 2));
    assert.equal(await readText(at('final.txt', 2)), 'not saved');

    await succeed('carapace.deleteFile', { ...target('work'), confirmed: true });
    assert.equal(await readText(at('work/final.txt')), undefined);
    await until('the end of the editor', () =>
      vscode.window.tabGroups.all
        .flatMap((group) => group.tabs)
        .some(({ input }) => input instanceof vscode.TabInputText && input.uri.path.includes('final.txt'))
        ? undefined
        : true,
    );
  });

  it('go in and out with their names, whatever these are', async () => {
    const source = join(folder, 'names');
    mkdirSync(join(source, 'deep', 'er'), { recursive: true });
    mkdirSync(join(source, 'empty'));
    for (const name of NAMES) writeFileSync(join(source, name), name);
    writeFileSync(join(source, 'deep/er/x.bin'), Buffer.from([0, 255, 254, 10]));
    symlinkSync('..', join(source, 'deep', 'loop'));
    const up = await succeed<Transferred>('carapace.uploadFolder', { ...target(''), from: [source] });
    assert.deepEqual(up, { paths: ['names'], skipped: 0, leftOut: 1 });
    for (const name of NAMES) assert.equal(await readText(at(`names/${name}`)), name);

    const back = join(folder, 'back');
    mkdirSync(back);
    await succeed('carapace.downloadFile', { ...target('names'), folder: back });
    assert.deepEqual(readdirSync(join(back, 'names')).sort(), [...NAMES, 'deep', 'empty'].sort());
    for (const name of NAMES) assert.equal(readFileSync(join(back, 'names', name), 'utf8'), name);
    assert.deepEqual([...readFileSync(join(back, 'names/deep/er/x.bin'))], [0, 255, 254, 10]);
    assert.deepEqual(readdirSync(back), ['names']);
  });

  it('are never replaced without a word', async () => {
    const source = join(folder, 'same.txt');
    writeFileSync(source, 'mine');
    await writeText(at('same.txt'), 'theirs');
    const skip = { ...target(''), from: [source], conflict: 'skip' };
    assert.equal((await succeed<Transferred>('carapace.uploadFiles', skip)).skipped, 1);
    assert.equal(await readText(at('same.txt')), 'theirs');
    const both = await succeed<Transferred>('carapace.uploadFiles', { ...skip, conflict: 'keep_both' });
    assert.deepEqual(both.paths, ['same copy.txt']);
    await succeed('carapace.uploadFiles', { ...skip, conflict: 'replace' });
    assert.equal(await readText(at('same.txt')), 'mine');
  });

  it(`go in and out with ${BIG_MB} MB, as they are, without being kept in memory`, async () => {
    const source = join(folder, 'big.bin');
    const file = await open(source, 'w');
    const hash = createHash('sha256');
    const part = Buffer.alloc(MB);
    for (let count = 0; count < BIG_MB; count += 1) {
      part.fill(count + 1);
      hash.update(part);
      await file.write(part);
    }
    await file.close();
    const expected = hash.digest('hex');
    let most = 0;
    const before = process.memoryUsage.rss();
    const looking = setInterval(() => (most = Math.max(most, process.memoryUsage.rss() - before)), 20);
    const back = join(folder, 'big');
    mkdirSync(back);
    try {
      await succeed('carapace.uploadFiles', { ...target(''), from: [source] });
      await succeed('carapace.downloadFile', { ...target('big.bin'), folder: back });
    } finally {
      clearInterval(looking);
    }
    assert.equal(
      createHash('sha256')
        .update(readFileSync(join(back, 'big.bin')))
        .digest('hex'),
      expected,
    );
    console.log(`      100 MB in and out: ${Math.round(most / MB)} MB more memory at most`);
    assert.ok(most < FLAT_BYTES, `${Math.round(most / MB)} MB`);
    await assert.rejects(async () => vscode.workspace.fs.readFile(at('big.bin')), /editors take at most/);
    await succeed('carapace.deleteFile', { ...target('big.bin'), confirmed: true });
  });

  it('are shown in pages where a folder has 10,000 of them', async () => {
    await inSeat('mkdir many; (cd many; seq 10000 | xargs touch)');
    await until('the folder', async () => ((await names(seatRow())).includes('many') ? true : undefined));
    const many = (await rows(seatRow())).find((row) => row.kind === 'seatFile' && row.path === 'many');
    const first = await until('all of them', async () => {
      const shown = await rows(many!);
      const last = shown.at(-1);
      if (last?.kind !== 'moreSeatFiles') return undefined;
      return api.workshopRow(last).label === `… ${(9_000).toLocaleString()} more` ? shown : undefined;
    });
    assert.equal(first.length, 1_001);
    const next = await rows(first.at(-1)!);
    assert.equal(next.length, 1_001);
    assert.notDeepEqual(next[0], first[0]);
  });

  it('copy between seats through VS Code, whole folders and binary ones', async () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
    await vscode.workspace.fs.writeFile(at('box/inner/data.bin'), bytes);
    await vscode.workspace.fs.copy(at('box'), at('box', 2));
    const copied = await vscode.workspace.fs.readFile(at('box/inner/data.bin', 2));
    assert.ok(Buffer.from(bytes).equals(copied));
    await assert.rejects(async () => vscode.workspace.fs.copy(at('box'), at('box', 2), { overwrite: false }));
  });
});
