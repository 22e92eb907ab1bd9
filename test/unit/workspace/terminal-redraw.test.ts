import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_REDRAW_BYTES, TERMINAL, terminalSessionsSchema } from '../../../src/protocol/terminal.ts';
import { scrollbackFor } from '../../../src/workspace/terminal/screen.ts';
import { look, newScreen, show } from '../../support/terminal-screen.ts';
import { askRaw, startWorkspace, TestTerminal, until, type TerminalOptions, type TestWorkspace } from './support.ts';

/** Writes far more than the ring keeps, then a screen with a program's modes. */
const FLOOD =
  'read -r; for ((i = 0; i < 24000; i++)); do printf "\\e[3%dmline %d of a lot of colored text, and more of it\\e[m\\n" $((i % 8)) $i; done; ' +
  'printf "\\e[?1049h\\e[?2004h\\e[?1h\\e[5;7Hfull screen\\e[?25l"; read -r; printf "\\e[Hafter"; exec sleep 60';

/** What a client shows, which begins anew with each redraw. */
function screenOf(client: TestTerminal) {
  const screen = newScreen(80, 24, scrollbackFor(80));
  for (const frame of client.frames) show(screen, frame);
  return screen;
}

describe('a client that has missed output', function () {
  this.timeout(120_000);
  let workspace: TestWorkspace;
  afterEach(() => workspace.stop());
  const open = (options?: TerminalOptions) => new TestTerminal(workspace, options).open();

  /** A session whose ring no longer has its beginning. */
  async function flooded(): Promise<{ session: string; writer: TestTerminal; end: number }> {
    workspace = await startWorkspace(FLOOD);
    const writer = await open({ query: 'client=client-1&cols=80&rows=24' });
    const { session } = await writer.ready();
    writer.type('\n');
    await writer.shows('full screen\x1b[?25l');
    assert.ok(writer.received > TERMINAL.ringBytes);
    return { session, writer, end: writer.offset };
  }

  it('gets the screen drawn, directly behind ready, and then what comes next', async () => {
    const { session, writer, end } = await flooded();
    for (const offset of ['', '&offset=5']) {
      const late = await open({ query: `session=${session}&redraw=1${offset}`, acknowledges: false });
      const ready = await late.ready();
      const [first, second] = late.control;
      assert.equal(first, ready);
      assert.equal(second?.type, 'redraw');
      const redraw = late.last('redraw');
      assert.ok(redraw !== undefined && redraw.bytes > 0);
      assert.deepEqual([redraw.cols, redraw.rows], [80, 24]);
      assert.deepEqual([ready.offset, ready.replayed], [end, 0]);
      assert.equal(ready.skipped, end - (offset === '' ? 0 : 5));
      await until(() => late.received === redraw.bytes, 'the redraw');
      assert.deepEqual(look(screenOf(late)), look(screenOf(writer)));
      late.close();
    }
    const viewer = await open({ query: `session=${session}&redraw=1&mode=view` });
    await until(() => viewer.received === viewer.last('redraw')?.bytes, 'the redraw');
    writer.type('\n');
    await viewer.shows('after');
    await writer.shows('after');
    assert.deepEqual(look(screenOf(viewer)), look(screenOf(writer)));
  });

  it('gets what the ring has where it does not understand redraws, or asked for none', async () => {
    const { session, end } = await flooded();
    const late = await open({ query: `session=${session}` });
    const ready = await late.ready();
    assert.deepEqual([ready.offset, ready.skipped], [end - TERMINAL.ringBytes, end - TERMINAL.ringBytes]);
    const plain = await open({ query: `session=${session}&redraw=1`, plain: true });
    await until(() => late.received === TERMINAL.ringBytes && plain.received === TERMINAL.ringBytes, 'the ring');
    assert.deepEqual(late.all('redraw'), []);
  });

  it('gets no redraw where nothing is missing', async () => {
    const { session, end } = await flooded();
    const back = await open({ query: `session=${session}&redraw=1&offset=${end - 1000}` });
    const ready = await back.ready();
    assert.deepEqual([ready.offset, ready.skipped, ready.replayed], [end - 1000, 0, 1000]);
    await until(() => back.received === 1000, 'the rest');
    assert.deepEqual(back.all('redraw'), []);
  });

  it('is drawn the screen at the size of the terminal, also when that has changed', async () => {
    const { session, writer } = await flooded();
    writer.send({ type: 'resize', cols: 100, rows: 30 });
    writer.send({ type: 'ping', t: 1 });
    await until(() => writer.last('pong') !== undefined, 'pong');
    const late = await open({ query: `session=${session}&redraw=1&mode=view&cols=20&rows=10` });
    await until(() => late.last('redraw') !== undefined, 'redraw');
    assert.deepEqual([late.last('redraw')!.cols, late.last('redraw')!.rows], [100, 30]);
    assert.deepEqual([(await late.ready()).cols, (await late.ready()).rows], [100, 30]);
  });

  it('is drawn the screen anew when the size changes, where it only watches', async () => {
    workspace = await startWorkspace('printf "some text\\r\\n"; exec cat');
    const writer = await open({ query: 'client=client-1&cols=80&rows=24&redraw=1' });
    const { session } = await writer.ready();
    await writer.shows('some text');
    const viewer = await open({ query: `session=${session}&mode=view&redraw=1` });
    const plain = await open({ query: `session=${session}&mode=view` });
    await viewer.shows('some text');
    for (const cols of [85, 90]) writer.send({ type: 'resize', cols, rows: 20 });
    await until(() => viewer.last('redraw') !== undefined, 'redraw');
    writer.type('more');
    for (const client of [viewer, plain, writer]) await client.shows('more');
    assert.deepEqual(
      viewer.all('redraw').map(({ cols, rows }) => [cols, rows]),
      [[90, 20]],
    );
    const ready = viewer.all('ready').at(-1);
    assert.deepEqual([ready?.cols, ready?.rows, ready?.skipped], [90, 20, 0]);
    assert.deepEqual([...plain.all('redraw'), ...writer.all('redraw')], []);
  });

  it('is drawn the screen when it was too slow', async () => {
    workspace = await startWorkspace(
      'read -r; yes "$(printf "\\033[31mred\\033[0m and plain")" | head -c 8000000; printf "\\e[m\\ndone"; exec sleep 60',
    );
    const writer = await open({ query: 'client=client-1&cols=80&rows=24' });
    const { session } = await writer.ready();
    const slow = await open({ query: `session=${session}&mode=view&redraw=1`, acknowledges: false });
    await slow.ready();
    slow.socket.pause();
    writer.type('\n');
    await writer.shows('done');
    slow.socket.resume();
    await slow.shows('done');
    const redraws = slow.all('redraw');
    assert.ok(redraws.length > 0);
    assert.ok(redraws.every(({ bytes }) => bytes <= MAX_REDRAW_BYTES));
    // Each one directly follows the ready that tells its gap.
    for (const redraw of redraws) {
      const before = slow.control[slow.control.indexOf(redraw) - 1];
      assert.ok(before?.type === 'ready' && before.skipped > 0);
    }
  });

  it('is let go where it asks on and on and takes no answer', async () => {
    workspace = await startWorkspace('exec sleep 60');
    for (const ask of ['message', 'ping'] as const) {
      const client = await open();
      await client.ready();
      client.socket.pause();
      const question = JSON.stringify({ type: 'ping', t: Number.MAX_SAFE_INTEGER });
      for (let sent = 0; client.closed === undefined && sent < 120_000; sent += 500) {
        for (let one = 0; one < 500; one += 1) {
          if (ask === 'ping') client.socket.ping('x'.repeat(125));
          else client.socket.send(question);
        }
        await until(() => client.socket.bufferedAmount === 0 || client.closed !== undefined, 'it is taken');
      }
      // One that reads nothing does not always see at once that it was let go.
      client.socket.resume();
      await until(() => client.closed !== undefined, `it is let go (${ask})`);
      assert.equal(client.closed?.code, 1006, ask);
    }
  });

  it('learns which shells there are, by a request beside', async () => {
    workspace = await startWorkspace('printf "\\e]2;my title\\a"; [[ $COLUMNS ]] || read -r; exec sleep 60');
    assert.deepEqual(await sessions(), []);
    const before = Date.now();
    const one = await open({ query: 'client=client-1' });
    await one.ready();
    await sleep(10);
    const two = await open({ query: 'client=client-2' });
    const viewer = await open({ query: `session=${(await one.ready()).session}&mode=view` });
    await viewer.ready();
    await until(() => (one.last('viewers')?.count ?? 0) === 2, 'viewers');
    let listed = await sessions();
    // A title is known once the program has set it.
    while (listed.some(({ title }) => title !== 'my title')) listed = await sessions();
    assert.deepEqual(
      listed.map(({ id, viewers, title }) => [id, viewers, title]),
      [
        [(await one.ready()).session, 2, 'my title'],
        [(await two.ready()).session, 1, 'my title'],
      ],
    );
    for (const { created_at } of listed) assert.ok(Math.abs(Date.parse(created_at) - before) < 60_000);
  });

  async function sessions() {
    const answer = await askRaw(
      workspace.terminalSocket,
      'GET /sessions HTTP/1.1\r\nHost: seat\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 200 /);
    return terminalSessionsSchema.parse(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).sessions;
  }
});
