/** Making a workshop by the form, through the screen: what it refuses, what Enter takes, what Cancel undoes. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { kill, processesNaming, type Leftover } from '../support/processes.ts';
import { remainsOf } from './remains.ts';
import { openWindow, type TestWindow } from './window.ts';
import { Workbench } from './workbench.ts';

const NOTHING = { processes: [], sockets: [], seatFolders: [] };

describe('the form for a new workshop', () => {
  let window: TestWindow;
  let bench: Workbench;

  before(async () => {
    window = await openWindow();
    bench = new Workbench(window.page, 'create');
    await bench.openCarapace();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await bench.picture('failed');
  });
  after(() => window.close());

  it('refuses what cannot be, in a sentence, and makes nothing', async () => {
    await bench.pressButton('Create a Workshop');
    await bench.step('1/3').waitFor();
    await bench.answer('x'.repeat(65));
    await bench.inputMessage.getByText('1 to 64 characters').waitFor();
    await bench.picture('long-name');
    await bench.answer('Intro');
    await bench.step('2/3').waitFor();
    for (const [seats, sentence] of [
      ['x', /whole number/],
      ['0', /from 1 to 500/],
      ['2.5', /whole number/],
      ['501', /from 1 to 500/],
      // The whole sentence: the question itself begins like this.
      ['', /^How many seats\?$/],
    ] as const) {
      await bench.answer(seats);
      await bench.inputMessage.getByText(sentence).waitFor();
    }
    await bench.picture('no-seats');
    await bench.input.press('Escape');
    await bench.input.waitFor({ state: 'hidden' });
    assert.equal(await bench.row('Workshop').count(), 0);
    assert.deepEqual(remainsOf(window.home), NOTHING);
  });

  it('takes Enter all the way through', async () => {
    await bench.pressInView('Workshops', 'Create a Workshop');
    for (const step of ['1/3', '2/3']) await bench.enter(step);
    await bench.enterChoice('3/3');
    await bench.row('Seat 3, free').waitFor();
    await bench.row('Workshop').getByText('running').waitFor();
    await bench.picture('three-seats');
    await bench.closeNotifications();
    await bench.pressInRow('Workshop', 'Delete Workshop');
    await bench.dialog.getByRole('button', { name: 'Delete' }).click();
    await bench.row('Workshop').waitFor({ state: 'detached' });
    await nothingIsLeft();
  });

  it('undoes everything at Cancel', async () => {
    await bench.pressButton('Create a Workshop');
    await bench.step('1/3').waitFor();
    await bench.answer('Too many');
    await bench.step('2/3').waitFor();
    await bench.answer('60');
    await bench.enterChoice('3/3');
    // However long somebody takes to press Cancel, the seats are not there before.
    kill((await agentProcess()).pid, 'SIGSTOP');
    await bench.row('Workshop Too many').waitFor();
    await bench.pressInNotification('Creating "Too many"', 'Cancel');
    await bench.picture('cancelling');
    await bench.row('Create workshop "Too many", cancelled').waitFor();
    await bench.picture('cancelled');
    await nothingIsLeft();
  });

  async function nothingIsLeft(): Promise<void> {
    await bench.until(
      () => JSON.stringify(remainsOf(window.home)),
      (remains) => remains === JSON.stringify(NOTHING),
      'nothing to be left',
    );
  }

  /** The agent that makes the seats, as soon as it runs. */
  async function agentProcess(): Promise<Leftover> {
    const found = await bench.until(
      () => processesNaming(join(window.home, 'worker')).find(({ command }) => command.includes('agent.cjs')),
      (agent) => agent !== undefined,
      'the agent',
    );
    assert.ok(found !== undefined);
    return found;
  }
});
