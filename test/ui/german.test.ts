/** Carapace in a VS Code whose display language is German: what its manifest and its code say. */
import { openWindow, type TestWindow } from './window.ts';
import { Workbench } from './workbench.ts';

describe('Carapace in German', () => {
  let window: TestWindow;
  let bench: Workbench;

  before(async () => {
    window = await openWindow({ language: 'de' });
    bench = new Workbench(window.page, 'german');
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await bench.picture('failed');
  });
  after(() => window.close());

  it('welcomes and names its commands', async () => {
    await bench.openCarapace();
    await bench.button('Einen Platz auf dieser Maschine ausprobieren').waitFor();
    await bench.picture('welcome');
  });

  it('tells what it does and what there is', async () => {
    await bench.pressButton('Einen Platz auf dieser Maschine ausprobieren');
    await bench.row('Workshop Mein erster Platz, läuft').waitFor();
    await bench.row('Platz 1, frei').waitFor();
    await bench.picture('ready');
  });

  it('asks before it deletes', async () => {
    await bench.pressInRow('Workshop Mein erster Platz', 'Workshop löschen');
    await bench.dialog.getByText('Sein Platz, alle Dateien darin und sein Beitrittscode gehen verloren.').waitFor();
    await bench.picture('delete');
    await bench.dialog.getByRole('button', { name: 'Löschen' }).click();
    await bench.row('Workshop Mein erster Platz').waitFor({ state: 'detached' });
  });

  it('explains itself in the walkthrough', async () => {
    await bench.begin('Welcome: Open Walkthrough...');
    await bench.choose('Erste Schritte mit Carapace');
    await bench.page.locator('.step-title', { hasText: 'Einen Server starten' }).waitFor();
    // Beside its steps, where there is room, is the page of the one that is chosen, in a frame of its own.
    await bench.page.setViewportSize({ width: 1800, height: 800 });
    await bench.page.locator('.step-title', { hasText: 'Einen Server starten' }).click();
    await bench.until(
      async () =>
        (await Promise.all(bench.page.frames().map((frame) => frame.innerText('body').catch(() => '')))).join('\n'),
      (text) => text.includes('Mit Enter durch alle nimmt es die billigste'),
      'the page of a step',
    );
    await bench.picture('walkthrough');
  });
});
