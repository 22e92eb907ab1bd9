/** The cloud server through the screen of a real VS Code, with the real SkyPilot: each state once, with its picture. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openWindow, type TestWindow } from '../../ui/window.ts';
import { Workbench } from '../../ui/workbench.ts';
import { DESKTOP, WORK_MS } from './server.ts';
import { instances, rigFolder, run, stopInstance, WHY_SKIPPED } from './rig/rig.ts';

const PATIENT = { timeout: WORK_MS };

describe('the cloud server in VS Code with the real SkyPilot', function () {
  this.timeout(3 * WORK_MS);
  this.bail(true);
  let window: TestWindow | undefined;
  let bench: Workbench;

  before(async function () {
    if (rigFolder === undefined) {
      console.log(WHY_SKIPPED);
      this.skip();
    }
    window = await openWindow({
      environment: () => Promise.resolve(DESKTOP),
      settings: {
        'carapace.cluster.cloud': 'aws',
        'carapace.cluster.region': 'us-east-1',
        'carapace.cluster.cpus': '2+',
        'carapace.cluster.memory': '8+',
      },
    });
    for (const vault of ['public', 'private']) {
      mkdirSync(join(window.folder, 'data', vault), { recursive: true });
      writeFileSync(join(window.folder, 'data', vault, 'file.txt'), `${vault}\n`);
    }
    bench = new Workbench(window.page, 'skypilot');
    await bench.openCarapace();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await bench.picture('failed');
  });
  after(() => window?.close());

  const server = (state: string): Promise<void> => bench.row(`Server carapace-node, ${state}`).waitFor(PATIENT);
  const states = async (): Promise<string[]> => (await instances()).map(({ state }) => state);

  it('is launched, and runs with the files of the vaults on it', async () => {
    await bench.row('Launch Server').click();
    for (const step of ['1/4', '2/4', '3/4', '4/4']) {
      await bench.step(step).waitFor({ timeout: 120_000 });
      await bench.page.keyboard.press('Enter');
    }
    await bench.dialog.getByText(/^Launch carapace-node.*\$\d/).waitFor(PATIENT);
    await bench.picture('question');
    await bench.dialog.getByRole('button', { name: 'Launch' }).click();
    await server('provisioning');
    await bench.picture('provisioning');
    await server('running');
    await bench.row('Vault public, 1 file · synced').waitFor();
    await bench.picture('running');
    assert.deepEqual(await states(), ['running']);
    const { stdout } = await run('ssh', ['carapace-node', 'cat /opt/carapace/data/{public,private}/file.txt']);
    assert.equal(stdout, 'public\nprivate\n');
    await bench.closeNotifications();
  });

  it('has a terminal by SSH where Remote-SSH is missing', async () => {
    await bench.pressInRow('Server carapace-node', 'Open in Remote-SSH');
    const offer = bench.notification('No extension for Remote-SSH');
    await offer.getByRole('button', { name: 'Open a Terminal Instead' }).click(PATIENT);
    await bench.page.locator('.terminal-wrapper.active').waitFor(PATIENT);
    await bench.typeInTerminal('cat /opt/carapace/data/public/file.txt; whoami\n');
    await bench.until(
      () => bench.terminalText(),
      (text) => text.includes('\npublic\nubuntu'),
      'the file of the server in its terminal',
    );
    await bench.picture('terminal');
    await bench.typeInTerminal('exit\n');
    await bench.closeNotifications();
  });

  it('is stopped, and started again', async () => {
    await bench.pressInRow('Server carapace-node', 'Stop Server');
    await server('stopping');
    await bench.picture('stopping');
    await server('stopped');
    await bench.picture('stopped');
    assert.deepEqual(await states(), ['stopped']);
    await bench.closeNotifications();
    await bench.pressInRow('Server carapace-node', 'Start Server');
    await server('running');
    await bench.picture('started');
    await bench.closeNotifications();
  });

  it('shows that it was stopped in the cloud', async () => {
    const [instance] = await instances();
    assert.ok(instance);
    await stopInstance(instance.id);
    await server('stopped');
    await bench.picture('stopped-elsewhere');
  });

  it('is destroyed, and nothing is left', async () => {
    await bench.pressInRow('Server carapace-node', 'Destroy Server');
    await bench.dialog.getByRole('button', { name: 'Destroy' }).click();
    await server('no server');
    await bench.picture('destroyed');
    assert.deepEqual(await states(), []);
  });
});
