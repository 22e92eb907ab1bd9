/** A learner's VS Code over a network that is gone for a while: its screen is that of a client that never lost it. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { SeatFiles } from '../../src/client/seat-files.ts';
import { SeatTerminal } from '../../src/client/terminal/seat-terminal.ts';
import { listTerminalSessions } from '../../src/client/terminal/sessions.ts';
import { waitForOperation } from '../../src/client/wait.ts';
import { formatJoinLink } from '../../src/protocol/join-link.ts';
import type { HeadlessTerminal } from '../../src/workspace/terminal/headless.ts';
import { TestHome } from '../e2e/cli-harness.ts';
import { LearnerNetwork } from '../fakes/learner-network.ts';
import { newScreen, show } from '../support/terminal-screen.ts';
import { openWindow, type TestWindow } from './window.ts';
import { Workbench } from './workbench.ts';

/** What the seat keeps of a terminal's output: with more during a cut the screen is drawn anew. */
const KEPT_BYTES = 1_048_576;

describe('vim in VS Code over a network that was gone', function () {
  this.timeout(480_000);
  const class_ = new TestHome();
  let network: LearnerNetwork;
  let client: ControlPlaneClient;
  let workshopId = '';
  let window: TestWindow;
  let learner: Workbench;
  let unbroken: SeatTerminal;
  let screen: HeadlessTerminal;
  let shown = 0;

  before(async () => {
    const created = await class_.expect('workshop', 'create', 'Cut', '--seats', '1', '--json', '--wait');
    const { workshop } = JSON.parse(created) as { workshop: { id: string; code: string } };
    workshopId = workshop.id;
    const connection = await class_.connection();
    client = new ControlPlaneClient(connection);
    const access = await client.access(workshopId, 1, 'instructor');
    const lines = Array.from({ length: 500 }, (_, index) => `int line_${index} = ${index}; /* "text" */`);
    await new SeatFiles({ access, workshopId, seat: 1 }).write('code.c', Buffer.from(`${lines.join('\n')}\n`));
    network = new LearnerNetwork(connection.url, access.endpoint);
    await network.open();
    window = await openWindow();
    learner = new Workbench(window.page, 'cut');
    await learner.openCarapace();
    await learner.pressButton('Join a Workshop');
    await learner.answer(formatJoinLink(network.url, workshop.code));
    await learner.dialog.getByRole('button', { name: 'Join', exact: true }).click();
    await learner.inputMessage.getByText('What does your teacher see you as?').waitFor();
    await learner.answer('Ada');
    await learner.seatShell();
    await watchAlong();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await learner.picture('failed');
  });
  after(async () => {
    unbroken.dispose();
    await window.close();
    await network.close();
    const operation = await client.deleteWorkshop(workshopId);
    await waitForOperation(client, operation.id, { signal: AbortSignal.timeout(30_000) });
    await class_.dispose();
  });

  /** Somebody else in the learner's shell, of the same size, past the network that will be cut. */
  async function watchAlong(): Promise<void> {
    await learner.typeInTerminal('clear; stty size\n');
    const [, rows, cols] = /^(\d+) (\d+)$/m.exec(await learner.terminalShows(/^\d+ \d+$/m)) ?? [];
    const access = await client.access(workshopId, 1, 'instructor');
    const [session] = await listTerminalSessions({ access, workshopId, seat: 1 }, AbortSignal.timeout(10_000));
    assert.ok(session !== undefined);
    const size = { cols: Number(cols), rows: Number(rows) };
    screen = newScreen(size.cols, size.rows);
    unbroken = new SeatTerminal(
      { getAccess: () => Promise.resolve(access), workshopId, seat: 1, ...size, session: session.id },
      {
        onData: (bytes) => {
          shown += bytes.length;
          show(screen, bytes);
        },
        onState: () => undefined,
        onSkipped: (bytes) => assert.fail(`${bytes} bytes were skipped on a network that was always there`),
        onExit: () => undefined,
        onFailed: (error) => assert.fail(error),
      },
    );
  }

  /** The lines that the client shows that was never cut. */
  function unbrokenText(): string {
    const { active } = screen.buffer;
    const line = (row: number): string =>
      active
        .getLine(active.baseY + row)
        ?.translateToString(true)
        .trimEnd() ?? '';
    return Array.from({ length: screen.rows }, (_, row) => line(row))
      .join('\n')
      .trimEnd();
  }

  async function unbrokenShows(expected: RegExp): Promise<void> {
    await learner.until(unbrokenText, (text) => expected.test(text), `the unbroken client to show ${expected}`);
  }

  async function showsTheSame(): Promise<void> {
    await learner.until(
      async () => `${await learner.terminalText()}\n──── and not\n${unbrokenText()}`,
      (both) => {
        const [theirs, ours] = both.split('\n──── and not\n');
        return theirs === ours;
      },
      'both to show the same',
    );
  }

  /** Cuts the learner off, types meanwhile as the other, and mends it. @returns bytes that were shown meanwhile */
  async function duringCut(seconds: number, type: () => Promise<void>): Promise<number> {
    const before = shown;
    const end = Date.now() + seconds * 1000;
    network.cut();
    await terminalTitle(/reconnecting/);
    await type();
    await sleep(Math.max(0, end - Date.now()));
    await learner.picture(`${seconds}-seconds-cut`);
    assert.notEqual(await learner.terminalText(), unbrokenText());
    network.mend();
    return shown - before;
  }

  async function terminalTitle(expected: RegExp): Promise<void> {
    await learner.page.locator('.pane-body .single-terminal-tab, .single-terminal-tab').getByText(expected).waitFor();
  }

  it('is on the same screen as on that of another client', async () => {
    await learner.typeInTerminal("vim -u NONE -c 'syntax on' -c 'set nocp ruler laststatus=2 hlsearch' code.c\n");
    await learner.terminalShows(/int line_0[\s\S]*code\.c/);
    await learner.typeInTerminal('/line_4\n');
    await unbrokenShows(/int line_4 = 4/);
    await showsTheSame();
    await learner.picture('before');
  });

  it('is right after 5 seconds', async () => {
    const bytes = await duringCut(5, async () => {
      unbroken.write('200Gdd:set number\rVjj');
      await unbrokenShows(/VISUAL LINE/);
    });
    assert.ok(bytes < KEPT_BYTES);
    await showsTheSame();
    await learner.picture('5-seconds-after');
  });

  it('is right after 60 seconds in which it drew more than the seat keeps', async () => {
    const bytes = await duringCut(60, async () => {
      for (let second = 0; second < 50; second++) {
        unbroken.write(`\x1b${(second * 37) % 400}G:for i in range(40) | redraw! | endfor\r`);
        await sleep(1000);
      }
      unbroken.write('\x1b:echo "still here"\r');
      await unbrokenShows(/still here/);
    });
    console.log(`      ${bytes} bytes during the cut`);
    assert.ok(bytes > KEPT_BYTES);
    await showsTheSame();
    await learner.terminalShows(/still here/);
    await learner.picture('60-seconds-after');
  });

  it('takes keys again as before', async () => {
    await learner.typeInTerminal(':q!\n');
    await learner.terminalShows(/\$$/);
    await learner.typeInTerminal('clear; echo answer=$((6 * 7))\n');
    await learner.terminalShows(/^answer=42$/m);
    await showsTheSame();
  });
});
