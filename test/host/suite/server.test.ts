import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import * as vscode from 'vscode';
import type { CarapaceApi } from '../../../src/extension.ts';
import type { ServerNode } from '../../../src/providers/model/nodes.ts';
import { activate, endControlPlane, run, until } from './support.ts';

/** No `sky` is here, whatever else the machine has. */
const NO_SKY = '/nonexistent/sky';

describe('the Server view in VS Code', () => {
  let api: CarapaceApi;
  const workspace = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
  const settings = () => vscode.workspace.getConfiguration('carapace');
  const set = (name: string, value: unknown) => settings().update(name, value, vscode.ConfigurationTarget.Global);

  before(async () => {
    api = await activate();
    await set('skyPath', NO_SKY);
  });
  after(async () => {
    for (const name of ['skyPath', 'cluster.cpus', 'vaults.private']) await set(name, undefined);
    rmSync(join(workspace, 'data'), { recursive: true, force: true });
    await endControlPlane();
  });

  /** The rows of the whole tree, as they are read aloud. */
  const rows = async (node?: ServerNode): Promise<string[]> => {
    const children = await api.serverRows(node);
    const each = children.map(async (child) => {
      const item = api.serverRow(child);
      return [item.accessibilityInformation?.label ?? '', ...(await rows(child))];
    });
    return (await Promise.all(each)).flat();
  };

  it('is empty without a server and without vaults, for its welcome to be seen', async () => {
    await until('a first look', () => (api.connection().kind === 'searching' ? undefined : true));
    assert.deepEqual(await api.serverRows(), []);
    assert.match(String(api.context('carapace.serverStatus')), /^(no_server|unknown)$/);
  });

  it('shows the vaults and their files without a control plane, without a server, and without SkyPilot', async () => {
    mkdirSync(join(workspace, 'data/public/code'), { recursive: true });
    mkdirSync(join(workspace, 'data/private'), { recursive: true });
    writeFileSync(join(workspace, 'data/public/code/hello.py'), 'print("hello")\n');
    writeFileSync(join(workspace, 'data/private/notes.txt'), 'for me\n');
    await vscode.commands.executeCommand('carapace.server.focus');
    const shown = await until('the files', async () => {
      const all = await rows();
      return all.includes('File notes.txt') && all.includes('File hello.py') ? all : undefined;
    });
    assert.ok(shown.includes('Folder code'), shown.join('\n'));
    assert.ok(shown.some((row) => row.startsWith('Server carapace-node')));
  });

  it('opens a file of a vault', async () => {
    const file: ServerNode = { kind: 'vaultFile', vault: 'private', path: 'notes.txt', isFolder: false };
    const { command } = api.serverRow(file);
    assert.equal(command?.command, 'vscode.open');
    await vscode.commands.executeCommand(command.command, ...((command.arguments ?? []) as unknown[]));
    await until('its editor', () =>
      vscode.window.activeTextEditor?.document.uri.fsPath.endsWith('data/private/notes.txt') === true
        ? true
        : undefined,
    );
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });

  it('follows a vault to another folder', async () => {
    mkdirSync(join(workspace, 'data/elsewhere'), { recursive: true });
    writeFileSync(join(workspace, 'data/elsewhere/moved.txt'), '');
    await set('vaults.private', 'data/elsewhere');
    await until('the file', async () => ((await rows()).includes('File moved.txt') ? true : undefined));
    await set('vaults.private', undefined);
  });

  it('says "SkyPilot not installed" where there is none, and makes nothing', async () => {
    const outcome = await run('carapace.launchServer', { confirmed: true });
    assert.ok(outcome.status === 'error', JSON.stringify(outcome));
    assert.equal(outcome.error.code, 'SKY_NOT_INSTALLED');
    assert.match(outcome.error.message, /^SkyPilot not installed/);
    await until('the state', () => (api.context('carapace.serverStatus') === 'no_server' ? true : undefined));
    const checked = await run('carapace.checkTools');
    assert.ok(checked.status === 'error' && checked.error.code === 'SKY_NOT_INSTALLED', JSON.stringify(checked));
  });

  it('refuses settings that cannot be, naming the one', async () => {
    await set('cluster.cpus', 'many');
    const outcome = await run('carapace.launchServer', { confirmed: true });
    assert.ok(outcome.status === 'error', JSON.stringify(outcome));
    assert.equal(outcome.error.code, 'INVALID_INPUT');
    assert.match(outcome.error.message, /carapace\.cluster\.cpus/);
    await set('cluster.cpus', undefined);
    const wrong = await run('carapace.launchServer', { confirmed: true, launch: { name: 'No Name' } });
    assert.ok(wrong.status === 'error' && wrong.error.code === 'INVALID_INPUT', JSON.stringify(wrong));
  });

  it('has nothing to stop, to start, to sync or to destroy without a server', async () => {
    for (const id of [
      'carapace.startServer',
      'carapace.stopServer',
      'carapace.destroyServer',
      'carapace.syncVaults',
    ] as const) {
      const outcome = await run(id, { confirmed: true });
      assert.ok(outcome.status === 'error' && outcome.error.code === 'NOT_FOUND', `${id}: ${JSON.stringify(outcome)}`);
    }
  });
});
