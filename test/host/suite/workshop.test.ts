import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import * as vscode from 'vscode';
import type { CarapaceApi } from '../../../src/extension.ts';
import type { Workshop } from '../../../src/protocol/workshop.ts';
import {
  activate,
  createWorkshop,
  endControlPlane,
  failure,
  hasStatus,
  hasText,
  readText,
  run,
  seatUri,
  succeed,
  until,
  writeText,
} from './support.ts';

describe('a workshop in VS Code', () => {
  let api: CarapaceApi;
  let workshop: Workshop;

  before(async () => {
    api = await activate();
    workshop = await createWorkshop({ name: 'Host test', seats: 1 });
  });

  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    const { workshops } = api.state();
    for (const { id } of workshops.values()) await run('carapace.deleteWorkshop', { workshop: id, confirmed: true });
    await endControlPlane();
  });

  it('is in the tree with its seat, and its operation with its phases', async () => {
    assert.equal(api.connection().kind, 'live');
    await hasStatus(api, workshop.id, 'running');
    assert.equal(api.state().workshops.get(`workshop/${workshop.id}`)?.runtime, 'process');
    await until('the seat', () =>
      api.state().seats.get(`workshop/${workshop.id}/seat/1`)?.status === 'ready' ? true : undefined,
    );
    const operation = await until('the end of its operation', () =>
      [...api.state().operations.values()].find(
        ({ subject, status }) => subject === `workshop/${workshop.id}` && status === 'succeeded',
      ),
    );
    await until('its phases', () => ((api.state().lines.get(operation.id) ?? []).length > 0 ? true : undefined));
  });

  it('has a link to join by, with the code where no server sees it', async () => {
    const link = await succeed<string>('carapace.copyJoinLink', { workshop: workshop.id });
    assert.match(link, /^http:\/\/127\.0\.0\.1:\d+\/join#[A-Z0-9]{4}-[A-Z0-9]{4}$/);
    assert.equal(await vscode.env.clipboard.readText(), link);
  });

  it('has a terminal with a real shell, which is found again after it was closed', async () => {
    const name = await succeed<string>('carapace.openTerminal', { workshop: workshop.id, seat: 1 });
    assert.equal(name, 'Seat 1');
    const terminal = await until('the terminal', () => vscode.window.terminals.find((one) => one.name === name));
    terminal.sendText('place=here; echo $((40 + 2)) > answer.txt');
    const answer = seatUri(workshop.id, 1, 'answer.txt');
    await hasText(answer, '42\n');

    await succeed('carapace.openTerminal', { workshop: workshop.id, seat: 1 });
    assert.equal(vscode.window.terminals.filter((one) => one.name === name).length, 1);

    terminal.dispose();
    await until('its end', () => (vscode.window.terminals.includes(terminal) ? undefined : true));
    await succeed('carapace.openTerminal', { workshop: workshop.id, seat: 1 });
    const again = await until('the terminal', () => vscode.window.terminals.find((one) => one.name === name));
    again.sendText('echo "still $place" > again.txt');
    await hasText(seatUri(workshop.id, 1, 'again.txt'), 'still here\n');
  });

  it('tells the exit code of its shell', async () => {
    await succeed('carapace.openTerminal', { workshop: workshop.id, seat: 1 });
    const terminal = await until('the terminal', () => vscode.window.terminals.find((one) => one.name === 'Seat 1'));
    const closed = new Promise<vscode.Terminal>((resolve) => {
      const listener = vscode.window.onDidCloseTerminal((one) => {
        if (one !== terminal) return;
        listener.dispose();
        resolve(one);
      });
    });
    terminal.sendText('exit 3');
    assert.equal((await closed).exitStatus?.code, 3);
  });

  it('has files that open, are edited and saved', async () => {
    const uri = seatUri(workshop.id, 1, 'folder/notes ä.txt');
    await writeText(uri, 'one\n');
    const document = await vscode.workspace.openTextDocument(uri);
    assert.equal(document.getText(), 'one\n');
    const edit = new vscode.WorkspaceEdit();
    edit.insert(uri, document.lineAt(1).range.end, 'two\n');
    assert.ok(await vscode.workspace.applyEdit(edit));
    assert.ok(document.isDirty);
    assert.ok(await document.save());
    assert.equal(await readText(uri), 'one\ntwo\n');
    const stat = await vscode.workspace.fs.stat(uri);
    assert.equal(stat.size, 8);
    assert.ok(Math.abs(stat.mtime - Date.now()) < 60_000);
  });

  it('does not save over a change of the same size that was made in the seat', async () => {
    const uri = seatUri(workshop.id, 1, 'shared.txt');
    await writeText(uri, 'first');
    const document = await vscode.workspace.openTextDocument(uri);
    const edit = new vscode.WorkspaceEdit();
    edit.insert(uri, new vscode.Position(0, 0), 'mine, not ');
    await vscode.workspace.applyEdit(edit);
    await succeed('carapace.openTerminal', { workshop: workshop.id, seat: 1 });
    const terminal = await until('the terminal', () => vscode.window.terminals.find((one) => one.name === 'Seat 1'));
    terminal.sendText('printf other > shared.txt; echo done > told.txt');
    await hasText(seatUri(workshop.id, 1, 'told.txt'), 'done\n');
    assert.equal(await document.save(), false);
    assert.equal(document.getText(), 'mine, not first');
    await succeed('carapace.openFile', { workshop: workshop.id, seat: 1, path: 'shared.txt' });
    // It is the editor in front that is reverted.
    await until('its editor in front', () =>
      vscode.window.activeTextEditor?.document.uri.toString() === uri.toString() ? true : undefined,
    );
    await vscode.commands.executeCommand('workbench.action.files.revert');
    await until('what was written there', () => (document.getText() === 'other' ? true : undefined));
  });

  it('has files that are created, copied, renamed, listed and deleted', async () => {
    const { fs } = vscode.workspace;
    const at = (path: string) => seatUri(workshop.id, 1, path);
    await fs.createDirectory(at('work'));
    await writeText(at('work/a.txt'), 'a');
    await fs.copy(at('work/a.txt'), at('work/b.txt'));
    await fs.rename(at('work/a.txt'), at('work/c.txt'));
    await assert.rejects(async () => fs.copy(at('work/b.txt'), at('work/c.txt'), { overwrite: false }));
    assert.deepEqual(await fs.readDirectory(at('work')), [
      ['b.txt', vscode.FileType.File],
      ['c.txt', vscode.FileType.File],
    ]);
    await fs.delete(at('work'), { recursive: true });
    await assert.rejects(async () => fs.stat(at('work')));
  });

  it('does not let a path out of the seat', async () => {
    const outside = seatUri(workshop.id, 1, 'x').with({ path: '/1/../../../etc/passwd' });
    await assert.rejects(async () => vscode.workspace.fs.readFile(outside));
  });

  it('resets a seat: what was in it is gone', async () => {
    const uri = seatUri(workshop.id, 1, 'old.txt');
    await writeText(uri, 'old');
    await succeed('carapace.resetSeat', { workshop: workshop.id, seat: 1, confirmed: true });
    assert.equal(await readText(uri), undefined);
  });

  it('is stopped with its files kept, and started again', async () => {
    const uri = seatUri(workshop.id, 1, 'kept.txt');
    await writeText(uri, 'kept');
    await succeed('carapace.stopWorkshop', { workshop: workshop.id });
    await hasStatus(api, workshop.id, 'stopped');
    assert.equal(await failure('carapace.openTerminal', { workshop: workshop.id, seat: 1 }), 'NOT_RUNNING');
    await succeed('carapace.startWorkshop', { workshop: workshop.id });
    await hasText(uri, 'kept');
  });

  it('is deleted, and gone from the tree', async () => {
    await succeed('carapace.openTerminal', { workshop: workshop.id, seat: 1 });
    await succeed('carapace.deleteWorkshop', { workshop: workshop.id, confirmed: true });
    await until('its end', () => (api.state().workshops.size === 0 ? true : undefined));
    await until('the end of its terminal', () => (vscode.window.terminals.length === 0 ? true : undefined));
    await until('the end of its seats', () => (api.state().seats.size === 0 ? true : undefined));
    await assert.rejects(async () => vscode.workspace.fs.stat(seatUri(workshop.id, 1, 'kept.txt')));
  });
});
