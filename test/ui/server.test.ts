/** A cloud server through the screen, with a SkyPilot that is played: every state, and what is asked on the way. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { findControlPlane } from '../../src/client/daemon.ts';
import { FakeSky } from '../fakes/sky/fake-sky.ts';
import { openWindow, type TestWindow } from './window.ts';
import { Workbench } from './workbench.ts';

/** Seconds become tenths: the fake takes milliseconds. */
const TIMING = JSON.stringify({ observeMs: 300, observeBusyMs: 100, observeQuietMs: 600, clusterSettleMs: 100 });

describe('a cloud server in VS Code', () => {
  let window: TestWindow;
  let bench: Workbench;
  let sky: FakeSky;

  before(async () => {
    window = await openWindow({
      environment: async (folder) => {
        sky = await FakeSky.create(join(folder, 'sky'));
        return { ...sky.desktopEnvironment, CARAPACE_TIMING: TIMING };
      },
      settings: { 'carapace.vaults.syncOnSave': true },
    });
    bench = new Workbench(window.page, 'server');
    await bench.openCarapace();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await bench.picture('failed');
  });
  after(() => window.close());

  const vaultFile = (path: string, text: string): void => {
    const file = join(window.folder, 'data', path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
  };
  /** One thing at a time is done on a server: the next one may be asked for once the last one has ended. */
  const atRest = async (): Promise<void> => {
    const connection = await findControlPlane(window.home);
    assert.ok(connection !== undefined);
    const client = new ControlPlaneClient(connection);
    await bench.until(
      async () => (await client.listOperations()).filter(({ status }) => status === 'running').length,
      (running) => running === 0,
      'the end of what is done on the server',
    );
  };
  /** Enter, through all questions, up to the one with the price. */
  const enterThrough = async (): Promise<void> => {
    for (const step of ['1/4', '3/4', '4/4']) await bench.enterChoice(step);
    await bench.dialog.getByText(/^Launch carapace-node/).waitFor();
  };

  it('is offered with what it does and costs', async () => {
    await bench.button('Launch Server').waitFor();
    await bench.picture('welcome');
  });

  it('needs SkyPilot, and says so with a button that installs it', async () => {
    sky.uninstall();
    await bench.pressButton('Launch Server');
    const told = bench.notification('SkyPilot not installed');
    await told.getByRole('button', { name: 'Install' }).waitFor();
    await bench.picture('no-skypilot');
    assert.deepEqual(sky.everyMachine(), []);
    await bench.closeNotifications();
    sky.install();
  });

  it('needs credentials, and names each cloud and its reason', async () => {
    sky.behave({ clouds: { AWS: 'AWS credentials are not set.', GCP: 'GCP tools are not installed.' } });
    await bench.pressButton('Launch Server');
    const told = bench.notification(/AWS credentials are not set/i);
    await told.getByRole('button', { name: 'Check Again' }).waitFor();
    await bench.picture('no-credentials');
    assert.deepEqual(sky.everyMachine(), []);
    await bench.closeNotifications();
    sky.behave({});
  });

  it('shows the vaults with their files before there is a server', async () => {
    vaultFile('public/slides.md', '# Slides\n');
    vaultFile('public/code/hello.py', 'print("hello")\n');
    vaultFile('private/notes.txt', 'for me\n');
    await bench.row('Vault public').waitFor();
    await bench.pressRow('Vault public');
    await bench.row('File slides.md').waitFor();
    await bench.row('Folder code').waitFor();
    await bench.picture('vaults');
    await bench.pressRow('File slides.md');
    await bench.tab('slides.md').waitFor();
  });

  it('is launched by Enter all the way through, after one question with the price', async () => {
    // Until it was seen on its way.
    sky.behave({ stall: 'runtime' });
    await bench.pressRow('Launch Server');
    await bench.step('1/4').waitFor();
    await bench.choice('Let SkyPilot choose').waitFor();
    await bench.picture('which-cloud');
    await bench.enterChoice('1/4');
    await bench.step('3/4').waitFor();
    await bench.picture('which-size');
    await bench.enterChoice('3/4');
    await bench.step('4/4').waitFor();
    await bench.picture('spot');
    await bench.enterChoice('4/4');
    await bench.dialog.getByText(/^Launch carapace-node.*\$\d/).waitFor();
    await bench.picture('question');
    await bench.dialog.getByRole('button', { name: 'Launch' }).click();
    await bench.row('Server carapace-node, provisioning').waitFor();
    await bench
      .notification(/Launching carapace-node/)
      .getByRole('button', { name: 'Cancel' })
      .waitFor();
    await bench.picture('provisioning');
    sky.behave({});
    await bench.row('Server carapace-node, running').waitFor();
    await bench.row('IP,').waitFor();
    await bench.row('Vault public, 2 files · synced').waitFor();
    await bench.picture('running');
    await atRest();
    await bench.closeNotifications();
  });

  it('is in the status bar with its price', async () => {
    await bench.page.locator('.statusbar-item', { hasText: /server running \$\d/ }).waitFor();
  });

  it('tells what changed since the last sync, and syncs it', async () => {
    vaultFile('private/notes.txt', 'for me, and longer\n');
    await bench.row('Vault private, 1 file · 1 changed since sync').waitFor();
    await bench.picture('changed');
    await bench.pressInRow('Vault private', 'Sync Vaults');
    await bench.row('Vault private, 1 file · synced').waitFor();
    await bench.picture('synced');
    await atRest();
    await bench.closeNotifications();
  });

  it('overwrites nothing that was changed on the server without asking', async () => {
    writeFileSync(sky.remotePath('opt/carapace/data/public/slides.md'), '# Slides, changed on the server\n');
    await bench.pressInRow('Vault public', 'Sync Vaults');
    await bench.dialog.getByText('public/slides.md').waitFor();
    await bench.picture('conflict');
    await bench.dialog.getByRole('button', { name: 'Keep Them (copy here first)' }).click();
    await bench.until(
      () => readFileSync(join(window.folder, 'data/public/slides.md'), 'utf8'),
      (text) => text.includes('changed on the server'),
      'the copy here',
    );
    await atRest();
    // VS Code does not always notice by itself that a file was replaced.
    await bench.tab('slides.md').click();
    await bench.command('File: Revert File');
    await bench.editorShows('slides.md', 'changed on the server');
    await bench.closeNotifications();
  });

  it('syncs a file that is saved, where that is wished for', async () => {
    await bench.editText('slides.md', 'saved here');
    await bench.page.keyboard.press('Control+s');
    await bench.until(
      () => readFileSync(sky.remotePath('opt/carapace/data/public/slides.md'), 'utf8'),
      (text) => text.includes('saved here'),
      'the file on the server',
    );
    await atRest();
  });

  it('copies its address', async () => {
    await bench.pressInRow('IP,', 'Copy IP');
    await bench.notification('is in the clipboard').waitFor();
    assert.match(String(await bench.page.evaluate('navigator.clipboard.readText()')), /^\d+\.\d+\.\d+\.\d+$/);
    await bench.closeNotifications();
  });

  it('is opened by an SSH terminal where Remote-SSH is missing', async () => {
    await bench.pressInRow('Server carapace-node', 'Open in Remote-SSH');
    const offer = bench.notification('No extension for Remote-SSH');
    await offer.waitFor();
    await bench.picture('no-remote-ssh');
    await bench.pressInNotification('No extension for Remote-SSH', 'Open a Terminal Instead');
    // This machine's own ssh knows nothing of a server that is played.
    await bench.page.locator('.terminal-wrapper.active').or(bench.notification('"ssh')).first().waitFor();
    await bench.picture('terminal');
    await bench.closeNotifications();
  });

  it('is stopped, and says what its disk goes on costing', async () => {
    await bench.pressInRow('Server carapace-node', 'Stop Server');
    await bench.row('Server carapace-node, stopped').waitFor();
    await bench.picture('stopped');
    await atRest();
    assert.deepEqual(
      sky.machines().map(({ state }) => state),
      ['stopped'],
    );
    await bench.closeNotifications();
  });

  it('is started again', async () => {
    await bench.pressInRow('Server carapace-node', 'Start Server');
    await bench.row('Server carapace-node, running').waitFor();
    await bench.picture('started');
    await atRest();
    await bench.closeNotifications();
  });

  it('tells a stop that was made elsewhere', async () => {
    sky.stopMachine();
    await bench.row('Server carapace-node, stopped').waitFor();
    await bench.picture('stopped-elsewhere');
  });

  it('is destroyed after one question that names what is lost', async () => {
    await bench.pressInRow('Server carapace-node', 'Destroy Server');
    await bench.dialog.getByText('Destroy carapace-node?').waitFor();
    await bench.picture('destroy-question');
    await bench.dialog.getByRole('button', { name: 'Destroy' }).click();
    const anyway = bench.dialog.getByRole('button', { name: 'Destroy Anyway' });
    await bench.row('Server carapace-node, no server').or(anyway).waitFor();
    if (await anyway.isVisible()) {
      await bench.picture('destroy-unseen');
      await anyway.click();
    }
    await bench.row('Server carapace-node, no server').waitFor();
    await bench.picture('destroyed');
    await atRest();
    assert.deepEqual(sky.machines(), []);
    await bench.closeNotifications();
  });

  it('can be cancelled on its way, and then offers to destroy what is left', async () => {
    sky.behave({ stall: 'runtime' });
    await bench.pressRow('Launch Server');
    await enterThrough();
    await bench.dialog.getByRole('button', { name: 'Launch' }).click();
    await bench.until(
      () => sky.machines().length,
      (machines) => machines === 1,
      'a machine',
    );
    await bench.pressInNotification(/Launching carapace-node/, 'Cancel');
    const left = bench.notification(/The launch was cancelled/);
    await left.waitFor();
    await bench.picture('cancelled');
    sky.behave({});
    const destroy = left.getByRole('button', { name: 'Destroy Server' });
    if (await destroy.isVisible()) {
      await destroy.click();
      await bench.dialog.getByRole('button', { name: 'Destroy' }).click();
    }
    await bench.row('Server carapace-node, no server').waitFor();
    assert.deepEqual(sky.machines(), []);
  });

  it('is a step of the walkthrough', async () => {
    await bench.begin('Welcome: Open Walkthrough...');
    await bench.choose('Get started with Carapace');
    await bench.page.locator('h2', { hasText: 'Get started with Carapace' }).waitFor();
    await bench.page.getByText('Launch a server').first().click();
    await bench.picture('walkthrough');
  });
});
