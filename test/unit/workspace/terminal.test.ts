import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TERMINAL } from '../../../src/protocol/terminal.ts';
import {
  askRaw,
  health,
  isRunning,
  numbers,
  sha256,
  startWorkspace,
  TestTerminal,
  until,
  type TerminalOptions,
  type TestWorkspace,
} from './support.ts';

describe('a terminal of the workspace server', function () {
  this.timeout(120_000);
  let workspace: TestWorkspace;
  afterEach(() => workspace.stop());
  const open = (options?: TerminalOptions) => new TestTerminal(workspace, options).open();

  describe('as carapace.tty.v1', () => {
    it('is a login shell in the workspace folder, of the size that was asked for', async () => {
      workspace = await startWorkspace('stty size; echo "$PWD $HOME $TERM $1"; exit');
      const terminal = await open({ query: 'cols=101&rows=37' });
      await terminal.end();
      assert.equal(terminal.text, `37 101\r\n${workspace.root} ${workspace.root} xterm-256color -l\r\n`);
      const { cols, rows, offset, input_offset, skipped } = terminal.last('ready')!;
      assert.deepEqual(
        { cols, rows, offset, input_offset, skipped },
        { cols: 101, rows: 37, offset: 0, input_offset: 0, skipped: 0 },
      );
    });

    it('answers what is typed, and acknowledges it', async () => {
      workspace = await startWorkspace();
      const terminal = await open();
      terminal.type('echo $((6 * 7))\n');
      await terminal.shows('42');
      await until(() => terminal.last('ack')?.bytes === 16, 'acknowledged input');
    });

    it('tells the exit after the last byte, then closes with 1000', async () => {
      workspace = await startWorkspace('seq 1 5000; exit 9');
      const terminal = await open();
      assert.equal((await terminal.end()).code, 1000);
      assert.equal(terminal.text, numbers(5000));
      assert.deepEqual(terminal.control.at(-1), { type: 'exit', code: 9, signal: null });
    });

    it('tells a signal by its name', async () => {
      workspace = await startWorkspace('kill -KILL $$');
      const terminal = await open();
      await terminal.end();
      assert.deepEqual(terminal.last('exit'), { type: 'exit', code: 137, signal: 'SIGKILL' });
    });

    it('drains 10 MB before the exit although the client acknowledges slowly', async () => {
      workspace = await startWorkspace('head -c 10000000 /dev/zero; exit 3');
      const terminal = await open({ acknowledges: false });
      let most = 0;
      let acknowledged = 0;
      while (terminal.closed === undefined) {
        await sleep(2);
        most = Math.max(most, terminal.offset - acknowledged);
        acknowledged = terminal.offset;
        terminal.acknowledge();
      }
      assert.equal(terminal.received, 10_000_000);
      assert.equal(terminal.last('exit')?.code, 3);
      assert.ok(most < TERMINAL.pauseAtBytes + 2 * TERMINAL.frameBytes, `${most} bytes were not acknowledged`);
    });

    it('stops the program at 100,000 unacknowledged bytes, and lets it go on', async () => {
      workspace = await startWorkspace('seq 1 200000');
      const terminal = await open({ acknowledges: false });
      await until(() => terminal.received >= TERMINAL.pauseAtBytes, 'the first 100,000 bytes');
      await sleep(300);
      await terminal.caughtUp();
      const stopped = terminal.received;
      assert.ok(stopped < TERMINAL.pauseAtBytes + 2 * TERMINAL.frameBytes, `${stopped} bytes came`);
      terminal.acknowledge(stopped - TERMINAL.resumeBelowBytes);
      await sleep(100);
      await terminal.caughtUp();
      assert.equal(terminal.received, stopped);
      terminal.acknowledge(stopped - TERMINAL.resumeBelowBytes + 1);
      await until(() => terminal.received > stopped, 'more output');
    });

    it('sends no frame over 64 KiB, also in a replay', async () => {
      workspace = await startWorkspace('head -c 700000 /dev/zero; sleep 60');
      const first = await open();
      await until(() => first.received === 700_000, 'all output');
      const second = await open({ query: `session=${first.last('ready')!.session}` });
      await until(() => second.received === 700_000, 'the replay');
      assert.equal((await second.ready()).replayed, 700_000);
      for (const frame of [...first.frames, ...second.frames]) assert.ok(frame.length <= TERMINAL.frameBytes);
    });

    it('refuses a frame over 64 KiB', async () => {
      workspace = await startWorkspace();
      const terminal = await open();
      terminal.type(Buffer.alloc(TERMINAL.frameBytes + 1, 'x'));
      assert.equal((await terminal.end()).code, 1009);
    });

    it('answers pings, resizes, and ignores control that it does not know', async () => {
      workspace = await startWorkspace('trap "stty size; exit 0" WINCH; echo go; while :; do sleep 0.05; done');
      const terminal = await open();
      await terminal.shows('go');
      terminal.socket.send('not json');
      terminal.send({ type: 'unheard-of' });
      terminal.send({ type: 'resize', cols: 0, rows: -1 });
      terminal.send({ type: 'ack', bytes: 1e15 });
      terminal.send({ type: 'ping', t: 123.5 });
      await until(() => terminal.last('pong')?.t === 123.5, 'pong');
      terminal.send({ type: 'resize', cols: 90, rows: 20 });
      await terminal.end();
      assert.match(terminal.text, /20 90/);
    });

    it('takes input that the program does not read, and gives it whole later', async () => {
      const input = randomBytes(2_000_000);
      workspace = await startWorkspace(`stty raw -echo; echo ready; sleep 0.5; head -c ${input.length} | sha256sum`);
      const terminal = await open();
      await terminal.shows('ready');
      for (let at = 0; at < input.length; at += 50_000) terminal.type(input.subarray(at, at + 50_000));
      await terminal.end();
      assert.match(terminal.text, new RegExp(sha256(input)));
      // The last acknowledgement may be overtaken by the exit.
      assert.ok(terminal.all('ack').every(({ bytes }, index, acks) => index === 0 || bytes > acks[index - 1]!.bytes));
    });

    it('does not lock up when much input makes much output and the client sends without waiting', async () => {
      const input = randomBytes(3_000_000).toString('hex');
      workspace = await startWorkspace(`stty raw -echo; echo -n ready; head -c ${input.length}`);
      const terminal = await open();
      await terminal.shows('ready');
      for (let at = 0; at < input.length; at += 60_000) terminal.type(input.slice(at, at + 60_000));
      await terminal.end();
      assert.equal(sha256(terminal.text), sha256(`ready${input}`));
    });
  });

  it('has its health, and nothing else', async () => {
    workspace = await startWorkspace('exec sleep 60');
    assert.deepEqual(await health(workspace), {
      ...(await health(workspace)),
      status: 'ok',
      sessions: 0,
      connections: 0,
      viewers: 0,
    });
    const writer = await open();
    await writer.ready();
    await (await open({ query: 'mode=view' })).ready();
    assert.deepEqual(await health(workspace), {
      ...(await health(workspace)),
      sessions: 1,
      connections: 2,
      viewers: 1,
    });
    const missing = await askRaw(
      workspace.terminalSocket,
      'GET /nothing HTTP/1.1\r\nHost: seat\r\nConnection: close\r\n\r\n',
    );
    assert.match(missing, /^HTTP\/1\.1 404 [\s\S]*"code":"NOT_FOUND"/);
  });

  it('says goodbye when the server stops, and leaves no shell', async () => {
    workspace = await startWorkspace('trap "" HUP; echo $$; while :; do sleep 0.1; done');
    const terminal = await open();
    await terminal.shows('\r\n');
    await workspace.stop();
    assert.equal((await terminal.end()).code, 1001);
    assert.equal(isRunning(Number(terminal.text)), false);
  });

  it('ends a connection whose other side is silent, and no other', async () => {
    workspace = await startWorkspace('exec sleep 60', { aliveCheckMs: 1_000 });
    const silent = await open({ query: 'client=client-1' });
    await silent.ready();
    const quiet = await open({ query: 'client=client-2' });
    await quiet.ready();
    silent.socket.pause();
    while ((await health(workspace)).connections > 1) await sleep(20);
    await sleep(2_300);
    assert.equal((await health(workspace)).connections, 1);
    assert.equal(quiet.closed, undefined);
    silent.cut();
  });

  it('stops although a client does not answer its goodbye', async function () {
    this.timeout(120_000);
    workspace = await startWorkspace('exec sleep 60');
    const terminal = await open();
    await terminal.ready();
    terminal.socket.pause();
    await workspace.stop();
    terminal.cut();
  });
});
