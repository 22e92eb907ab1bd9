/** Full-screen programs over a network that is gone for a while: the screen afterwards is that of an unbroken client. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { ControlPlaneClient } from '../../src/client/control-plane.ts';
import { SeatFiles } from '../../src/client/seat-files.ts';
import { SeatTerminal, type SeatTerminalHandlers } from '../../src/client/terminal/seat-terminal.ts';
import { listTerminalSessions } from '../../src/client/terminal/sessions.ts';
import { waitForOperation } from '../../src/client/wait.ts';
import type { Access } from '../../src/protocol/access.ts';
import { ForbiddenError } from '../../src/protocol/errors.ts';
import { scrollbackFor } from '../../src/workspace/terminal/screen.ts';
import { CutProxy } from '../fakes/cut-proxy.ts';
import { look, newScreen, show } from '../support/terminal-screen.ts';
import { TestHome } from './cli-harness.ts';

const COLS = 100;
const ROWS = 30;
/** How long the screen may need to come right again; a client waits up to 30 s before it tries. */
const DEADLINE_MS = 90_000;

/** A terminal in the seat and the screen of somebody who looks at it. */
class Looker {
  readonly screen = newScreen(COLS, ROWS, scrollbackFor(COLS));
  readonly states: string[] = [];
  redraws = 0;
  skipped = 0;
  bytes = 0;
  failed: Error | undefined;
  viewers: number | undefined;
  readonly terminal: SeatTerminal;

  constructor(access: Access, workshopId: string, session?: string, mode: 'write' | 'view' = 'write') {
    const handlers: SeatTerminalHandlers = {
      onData: (bytes) => {
        this.bytes += bytes.length;
        show(this.screen, bytes);
      },
      onRedraw: ({ cols, rows }) => {
        assert.deepEqual([cols, rows], [COLS, ROWS]);
        this.redraws += 1;
        show(this.screen, '\x1bc');
      },
      onState: (state) => void this.states.push(state),
      onSkipped: (bytes) => (this.skipped += bytes),
      onViewers: (count) => (this.viewers = count),
      onExit: () => undefined,
      onFailed: (error) => (this.failed = error),
    };
    const options = { getAccess: () => Promise.resolve(access), workshopId, seat: 1, cols: COLS, rows: ROWS, mode };
    this.terminal = new SeatTerminal({ ...options, ...(session !== undefined && { session }) }, handlers);
  }

  /** The lines on the screen, without their looks. */
  get text(): string {
    const { active } = this.screen.buffer;
    const lines = Array.from({ length: ROWS }, (_, row) => active.getLine(active.baseY + row)?.translateToString(true));
    return lines.join('\n');
  }

  get state(): string | undefined {
    return this.states.at(-1);
  }
}

describe('a screen over a network that was gone', function () {
  this.timeout(360_000);
  const home = new TestHome();
  let access: Access;
  let client: ControlPlaneClient;
  let workshopId = '';
  let proxy: CutProxy;
  let unbroken: Looker;
  let broken: Looker;

  before(async () => {
    const created = await home.expect('workshop', 'create', 'Gone', '--seats', '1', '--json', '--wait');
    workshopId = (JSON.parse(created) as { workshop: { id: string } }).workshop.id;
    client = new ControlPlaneClient(await home.connection());
    access = await client.access(workshopId, 1, 'instructor');
    const files = new SeatFiles({ access, workshopId, seat: 1 });
    const lines = Array.from({ length: 500 }, (_, index) => `int line_${index} = ${index}; /* "text" */`);
    await files.write('code.c', Buffer.from(`${lines.join('\n')}\n`));
    const { hostname, port } = new URL(access.endpoint);
    proxy = new CutProxy({ host: hostname, port: Number(port) });
    access = { ...access, endpoint: `http://127.0.0.1:${await proxy.listen()}` };
  });
  after(async () => {
    await proxy.close();
    const operation = await client.deleteWorkshop(workshopId);
    await waitForOperation(client, operation.id, { signal: AbortSignal.timeout(30_000) });
    await home.dispose();
  });

  beforeEach(async () => {
    unbroken = new Looker(await client.access(workshopId, 1, 'instructor'), workshopId);
    unbroken.terminal.write("PS1='$ '; stty -echo; clear\n");
    await until(() => unbroken.terminal.session !== undefined && unbroken.text.includes('$'), 'a prompt');
    broken = new Looker(access, workshopId, unbroken.terminal.session);
    await until(() => same() && broken.viewers === 2, 'the same screen');
  });
  afterEach(() => {
    for (const looker of [unbroken, broken]) looker.terminal.dispose();
  });

  function same(): boolean {
    return look(unbroken.screen).join('\n') === look(broken.screen).join('\n');
  }

  async function until(condition: () => boolean, what: string): Promise<void> {
    const end = Date.now() + DEADLINE_MS;
    while (!condition()) {
      assert.equal(unbroken.failed, undefined);
      assert.ok(Date.now() < end, `waited in vain: ${what}\n${unbroken.text}`);
      await sleep(20);
    }
  }

  /** Cuts the network, lets things happen, and mends it. @returns how much was shown to the other meanwhile */
  async function duringCut(seconds: number, happen: () => Promise<void>): Promise<number> {
    const { bytes } = unbroken;
    const end = Date.now() + seconds * 1000;
    proxy.cut();
    await until(() => broken.state === 'reconnecting', 'the cut');
    await happen();
    await sleep(Math.max(0, end - Date.now()));
    assert.equal(broken.state, 'reconnecting');
    proxy.mend();
    return unbroken.bytes - bytes;
  }

  /** @throws AssertionError where the two do not come to show the same, cell by cell */
  async function comesRight(): Promise<void> {
    const end = Date.now() + DEADLINE_MS;
    while ((broken.state !== 'connected' || !same()) && Date.now() < end) await sleep(50);
    assert.equal(broken.failed, undefined);
    assert.deepEqual(look(broken.screen), look(unbroken.screen));
    assert.equal(broken.skipped, 0);
  }

  async function openVim(): Promise<void> {
    unbroken.terminal.write("vim -u NONE -c 'syntax on' -c 'set mouse=a nocp ruler laststatus=2 hlsearch' code.c\n");
    await until(() => unbroken.screen.buffer.active.type === 'alternate' && unbroken.text.includes('l'), 'vim');
    unbroken.terminal.write('/line_4\r');
    await until(() => same(), 'vim on both');
  }

  it('brings vim back after 5 seconds', async () => {
    await openVim();
    const shown = await duringCut(5, async () => {
      unbroken.terminal.write('200Gdd:set number\rVjj');
      await sleep(500);
    });
    await comesRight();
    assert.ok(shown < 1_048_576);
    assert.equal(broken.redraws, 0);
    unbroken.terminal.write('\x1b:q!\r');
    await until(() => unbroken.screen.buffer.active.type === 'normal', 'the end of vim');
    await comesRight();
  });

  it('brings vim back when more was shown meanwhile than the seat keeps', async () => {
    await openVim();
    const shown = await duringCut(5, async () => {
      unbroken.terminal.write('300G:for i in range(1200) | redraw! | endfor\rix\x1b[200~pasted\x1b[201~');
      // Typed behind the flood, so shown behind it.
      await until(() => unbroken.text.includes('pasted'), 'the end of the flood');
    });
    console.log(`      ${shown} bytes during the cut`);
    assert.ok(shown > 1_048_576);
    await comesRight();
    assert.equal(broken.redraws, 1);
    assert.equal(broken.screen.modes.bracketedPasteMode, true);
    assert.notEqual(broken.screen.modes.mouseTrackingMode, 'none');
    // What comes next is shown alike, and typed by either.
    broken.terminal.write('\x1b:q!\r');
    await until(() => unbroken.screen.buffer.active.type === 'normal', 'the end of vim');
    await comesRight();
  });

  for (const [program, start, quit] of [
    ['top', 'top -d 0.2\n', 'q'],
    ['less', 'yes "$(printf "\\033[7mone\\033[0m \\033[4mtwo\\033[m")" | head -n 4000 | less -R -i\n', '/one\r100jq'],
  ] as const) {
    it(`brings ${program} back`, async () => {
      unbroken.terminal.write(start);
      await until(() => unbroken.text.includes(program === 'top' ? 'PID' : 'two'), program);
      await duringCut(5, async () => {
        unbroken.terminal.write(program === 'less' ? 'G200k/two\r' : 'c');
        await sleep(1000);
      });
      if (program === 'less') await comesRight();
      unbroken.terminal.write(quit);
      await sleep(500);
      await comesRight();
    });
  }

  it('brings a flood of colors back, and its last lines', async () => {
    const shown = await duringCut(5, async () => {
      const loop =
        'for ((i = 0; i < 60000; i++)); do printf "\\e[3%dmcolor %d\\e[4%dm \\e[0m\\r\\n" $((i % 8)) $i $((i % 7)); done';
      unbroken.terminal.write(`${loop}\n`);
      await until(() => unbroken.text.includes('color 59999'), 'the loop');
    });
    assert.ok(shown > 1_048_576);
    await comesRight();
    assert.equal(broken.redraws, 1);
    assert.equal(broken.screen.buffer.normal.baseY, scrollbackFor(COLS));
  });

  it('lists the shells of the seat, and shows one to somebody who only watches', async () => {
    const [latest] = await listTerminalSessions({ access, workshopId, seat: 1 }, AbortSignal.timeout(10_000));
    assert.ok(latest !== undefined);
    assert.equal(latest.id, unbroken.terminal.session);
    assert.equal(latest.viewers, 2);
    broken.terminal.dispose();
    broken = new Looker(access, workshopId, latest.id, 'view');
    unbroken.terminal.write('echo watched\n');
    await until(() => broken.text.includes('watched'), 'the view');
    await comesRight();
    assert.throws(() => broken.terminal.write('x'), ForbiddenError);
  });

  it('brings vim back after a minute in which it never stopped', async () => {
    await openVim();
    const shown = await duringCut(60, async () => {
      for (let second = 0; second < 55; second++) {
        unbroken.terminal.write(`\x1b${(second * 37) % 400}G:for i in range(25) | redraw! | endfor\r`);
        await sleep(1000);
      }
      unbroken.terminal.write('\x1b:echo "still here"\r');
      // Typed behind all the rest, so shown behind it.
      await until(() => unbroken.text.includes('still here'), 'the end of what was typed');
    });
    console.log(`      ${shown} bytes during the cut`);
    assert.ok(shown > 1_048_576);
    await comesRight();
    assert.equal(broken.redraws, 1);
    assert.match(broken.text, /still here/);
    unbroken.terminal.write('\x1b:q!\r');
    await until(() => unbroken.screen.buffer.active.type === 'normal', 'the end of vim');
  });
});
