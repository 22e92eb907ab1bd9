import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import * as vscode from 'vscode';
import { COMMAND_IDS } from '../../../src/providers/commands/command-ids.ts';
import { activate, controlPlaneProcess, failure, run, until } from './support.ts';

describe('Carapace in VS Code', () => {
  it('is activated, and starts no control plane by that', async () => {
    const api = await activate();
    const kind = await until('a first look', () => {
      const now = api.connection().kind;
      return now === 'searching' ? undefined : now;
    });
    assert.equal(kind, 'absent');
    assert.equal(controlPlaneProcess(), undefined);
  });

  it('has registered all its commands', async () => {
    await activate();
    const known = new Set(await vscode.commands.getCommands(true));
    for (const id of COMMAND_IDS) assert.ok(known.has(id), id);
  });

  it('has its views', async () => {
    await activate();
    for (const view of ['carapace.server', 'carapace.workshops', 'carapace.activity']) {
      await vscode.commands.executeCommand(`${view}.focus`);
    }
  });

  it('answers probes in seats that do not exist at once', async () => {
    await activate();
    const uri = vscode.Uri.from({ scheme: 'carapace-seat', authority: 'ws-none', path: '/.vscode/settings.json' });
    await assert.rejects(
      async () => vscode.workspace.fs.stat(uri),
      (error) => error instanceof vscode.FileSystemError && error.code === 'FileNotFound',
    );
  });

  it('says that there is no control plane where a file is opened without one', async () => {
    await activate();
    const uri = vscode.Uri.from({ scheme: 'carapace-seat', authority: 'ws-none', path: '/1/notes.txt' });
    await assert.rejects(
      async () => vscode.workspace.fs.stat(uri),
      (error) => error instanceof vscode.FileSystemError && error.code === 'Unavailable',
    );
  });

  it('refuses bad input with its typed error, and starts nothing for it', async () => {
    await activate();
    for (const request of [
      { seats: 0 },
      { seats: 501 },
      { seats: 'x' },
      { seats: 1, name: 'x'.repeat(65) },
      { seats: 1, colour: 'red' },
    ]) {
      assert.equal(await failure('carapace.createWorkshop', request), 'INVALID_INPUT', JSON.stringify(request));
    }
    assert.equal(await failure('carapace.openTerminal', { workshop: '../x', seat: 1 }), 'INVALID_INPUT');
    assert.equal(controlPlaneProcess(), undefined);
  });

  it('shows its log', async () => {
    await activate();
    assert.equal((await run('carapace.showLog')).status, 'ok');
  });
});
