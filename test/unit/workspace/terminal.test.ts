import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TERMINAL } from '../../../src/protocol/terminal.ts';
import {
  ask,
  askRaw,
  isRunning,
  startWorkspace,
  TestTerminal,
  until,
  type TerminalOptions,
  type TestWorkspace,
} from './support.ts';

/** Numbers that a terminal shows as `seq` prints them. */
const numbers = (last: number) => Array.from({ length: last }, (_, index) => `${index + 1}\r\n`).join('');
const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');

describe('a terminal of the workspace server', function () {
  this.timeout(60_000);
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
      const stopped = terminal.received;
      assert.ok(stopped < TERMINAL.pauseAtBytes + 2 * TERMINAL.frameBytes, `${stopped} bytes came`);
      terminal.acknowledge(stopped - TERMINAL.resumeBelowBytes);
      await sleep(100);
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

  describe('across connections', () => {
    it('gives what was missed, and nothing twice', async () => {
      workspace = await startWorkspace('stty -echo; seq 1 100000; read -r; seq 1 50; exit 4');
      let terminal = await open({ query: 'client=client-1' });
      const { session } = await terminal.ready();
      const parts: string[] = [];
      for (let cut = 1; cut <= 10; cut++) {
        await until(() => terminal.received > 20_000 || terminal.offset >= 588_895, 'some output');
        terminal.cut();
        parts.push(terminal.text);
        const { offset } = terminal;
        terminal = await open({ query: `client=client-1&session=${session}&offset=${offset}` });
        assert.equal((await terminal.ready()).offset, offset);
        assert.equal((await terminal.ready()).skipped, 0);
      }
      terminal.type('\n');
      await terminal.end();
      parts.push(terminal.text);
      assert.equal(sha256(parts.join('')), sha256(numbers(100_000) + numbers(50)));
      assert.equal(terminal.last('exit')?.code, 4);
    });

    it('takes input on where it was cut, nothing lost and nothing twice', async () => {
      const input = randomBytes(1_000_000);
      workspace = await startWorkspace(`stty raw -echo; echo ready; head -c ${input.length} | sha256sum; sleep 1`);
      let terminal = await open({ query: 'client=client-1' });
      await terminal.shows('ready');
      const { session } = await terminal.ready();
      let sent = 0;
      for (let cut = 1; cut <= 10; cut++) {
        for (let frame = 0; frame < 10; frame++) {
          terminal.type(input.subarray(sent, sent + 9000));
          sent = Math.min(sent + 9000, input.length);
        }
        await sleep(cut * 3);
        terminal.cut();
        const { offset } = terminal;
        terminal = await open({ query: `client=client-1&session=${session}&offset=${offset}` });
        const ready = await terminal.ready();
        assert.ok(ready.input_offset <= sent);
        sent = ready.input_offset;
      }
      for (; sent < input.length; sent += 9000) terminal.type(input.subarray(sent, sent + 9000));
      await terminal.shows(sha256(input));
    });

    it('joins a client to the session that it started, where it never learned its name', async () => {
      workspace = await startWorkspace('echo only; exec sleep 60');
      const first = await open({ query: 'client=client-1' });
      const { session } = await first.ready();
      first.cut();
      const again = await open({ query: 'client=client-1' });
      assert.equal((await again.ready()).session, session);
      await again.shows('only');
      const other = await open({ query: 'client=client-2' });
      assert.notEqual((await other.ready()).session, session);
    });

    it('closes the older connection of a client with 4009, and takes nothing from it any more', async () => {
      workspace = await startWorkspace('stty raw -echo; echo -n go; cat');
      const older = await open({ query: 'client=client-1' });
      const { session } = await older.ready();
      await older.shows('go');
      const newer = await open({ query: `client=client-1&session=${session}` });
      assert.equal((await older.end()).code, 4009);
      newer.type('hello');
      await newer.shows('hello');
      assert.equal(newer.text, 'gohello');
    });

    it('closes with 4004 where there is no such session, or not so much of it', async () => {
      workspace = await startWorkspace('echo hello; exec sleep 60');
      const living = await open({ query: 'client=client-1' });
      await living.shows('hello');
      const { session } = await living.ready();
      for (const query of [
        'session=unknown',
        `session=${session}&offset=8`,
        `session=${session}&offset=9007199254740991`,
        'offset=1',
        'mode=view&session=unknown',
      ]) {
        const terminal = await open({ query });
        assert.equal((await terminal.end()).code, 4004, query);
      }
      const end = await open({ query: `session=${session}&offset=7` });
      assert.equal((await end.ready()).replayed, 0);
    });

    it('refuses a query that is not valid before the upgrade', async () => {
      workspace = await startWorkspace();
      for (const query of [
        'session=a/b',
        'client=short',
        'offset=-1',
        'offset=x',
        'cols=0',
        'rows=1001',
        'mode=write2',
      ]) {
        const terminal = new TestTerminal(workspace, { query });
        await until(() => terminal.status !== undefined, 'an answer');
        assert.equal(terminal.status, 400, query);
      }
    });

    it('gives the exit to a client that was cut before it came', async () => {
      workspace = await startWorkspace('while [ ! -e end ]; do sleep 0.02; done; echo bye; exit 6');
      const first = await open({ query: 'client=client-1' });
      const { session } = await first.ready();
      first.cut();
      assert.equal((await ask(workspace, 'PUT', '/files/end')).status, 201);
      while ((await health()).sessions > 0) await sleep(5);
      const again = await open({ query: `client=client-1&session=${session}&offset=${first.offset}` });
      assert.equal((await again.end()).code, 1000);
      assert.equal(again.last('exit')?.code, 6);
      assert.equal(first.text + again.text, 'bye\r\n');
    });

    it('forgets an ended session once a client has got all of it', async () => {
      workspace = await startWorkspace('echo bye; exit 6');
      const first = await open({ query: 'client=client-1' });
      await first.end();
      const { session } = first.last('ready')!;
      const again = await open({ query: `session=${session}` });
      assert.equal((await again.end()).code, 4004);
    });

    it('ends a session some time after the last client has left', async () => {
      workspace = await startWorkspace('echo $$; exec sleep 60', { sessionKeepMs: 150 });
      const first = await open({ query: 'client=client-1' });
      await first.shows('\r\n');
      const pid = Number(first.text);
      const { session } = await first.ready();
      first.close();
      await first.end();
      const back = await open({ query: `session=${session}&client=client-1` });
      await back.ready();
      await sleep(300);
      assert.equal(isRunning(pid), true);
      back.close();
      await until(() => !isRunning(pid), 'the end of the shell');
      const late = await open({ query: `session=${session}` });
      assert.equal((await late.end()).code, 4004);
    });

    it('fills the ring without a writer, waits, and goes on when one comes back', async () => {
      workspace = await startWorkspace('seq 1 400000; echo done; sleep 60');
      const first = await open({ query: 'client=client-1' });
      await until(() => first.received > 0, 'output');
      const { session } = await first.ready();
      first.cut();
      await sleep(500);
      const again = await open({ query: `client=client-1&session=${session}&offset=${first.offset}` });
      await again.shows('done');
      assert.equal(again.last('ready')!.skipped, 0);
      assert.ok(again.last('ready')!.replayed < TERMINAL.ringBytes);
      assert.equal(sha256(first.text + again.text), sha256(`${numbers(400_000)}done\r\n`));
    });

    it('goes on without a writer after a while, overwriting, and says how much was skipped', async () => {
      workspace = await startWorkspace('seq 1 400000; echo done; sleep 60', { fullRingPauseMs: 50 });
      const first = await open({ query: 'client=client-1' });
      await until(() => first.received > 0, 'output');
      const { session } = await first.ready();
      first.cut();
      const all = `${numbers(400_000)}done\r\n`;
      const watcher = await open({ query: `session=${session}&mode=view`, acknowledges: false });
      await watcher.shows('done');
      const again = await open({ query: `client=client-1&session=${session}&offset=${first.offset}` });
      const { offset, skipped } = await again.ready();
      assert.equal(offset, all.length - TERMINAL.ringBytes);
      assert.equal(skipped, offset - first.offset);
      await again.shows('done');
      assert.equal(sha256(again.text), sha256(all.slice(offset)));
    });
  });

  describe('for several clients', () => {
    it('shows the same to all, and takes input from all writers', async () => {
      workspace = await startWorkspace('stty raw -echo; echo -n go; cat');
      const one = await open({ query: 'client=client-1' });
      await one.shows('go');
      const two = await open({ query: `client=client-2&session=${(await one.ready()).session}` });
      one.type('a');
      await two.shows('a');
      two.type('b');
      await one.shows('ab');
      assert.equal(two.text, 'goab');
      await until(() => one.last('ack')?.bytes === 1 && two.last('ack')?.bytes === 1, 'acknowledgements');
    });

    it('tells who is there as clients come and go', async () => {
      workspace = await startWorkspace('exec sleep 60');
      const one = await open({ query: 'client=client-1', name: 'Ada Lovelace' });
      const { session } = await one.ready();
      const two = await open({ query: `session=${session}&mode=view`, name: 'Žofie 🐚' });
      await until(() => one.last('viewers')?.count === 2, 'two');
      assert.deepEqual(one.last('viewers')!.names, ['Ada Lovelace', 'Žofie 🐚']);
      await until(() => two.last('viewers')?.count === 2, 'two');
      two.close();
      await until(() => one.last('viewers')?.count === 1, 'one');
      assert.deepEqual(one.last('viewers')!.names, ['Ada Lovelace']);
    });

    it('lets a viewer watch, and nothing else', async () => {
      workspace = await startWorkspace('stty raw -echo; echo -n start; cat');
      const writer = await open({ query: 'client=client-1&cols=80&rows=24' });
      await writer.shows('start');
      const viewer = await open({ query: 'mode=view&cols=10&rows=10' });
      await viewer.shows('start');
      assert.equal((await viewer.ready()).session, (await writer.ready()).session);
      assert.equal((await viewer.ready()).cols, 80);
      viewer.type('no');
      viewer.send({ type: 'resize', cols: 10, rows: 10 });
      viewer.send({ type: 'ping', t: 1 });
      await until(() => viewer.last('pong') !== undefined, 'pong');
      writer.type('yes');
      await viewer.shows('startyes');
      const sized = await open({ query: `session=${(await writer.ready()).session}&mode=view` });
      assert.equal((await sized.ready()).cols, 80);
    });

    it('has nothing to watch where nobody works', async () => {
      workspace = await startWorkspace();
      const viewer = await open({ query: 'mode=view' });
      assert.equal((await viewer.end()).code, 4004);
    });

    it('does not wait for a viewer that reads nothing, and tells it later what it has missed', async () => {
      workspace = await startWorkspace('read -r; head -c 30000000 /dev/zero; echo done; sleep 60');
      const writer = await open({ query: 'client=client-1' });
      const viewer = await open({ query: 'mode=view', acknowledges: false });
      await viewer.ready();
      viewer.socket.pause();
      writer.type('\n');
      await writer.shows('done');
      viewer.socket.resume();
      await viewer.shows('done');
      const skips = viewer.all('ready').slice(1);
      assert.ok(skips.length > 0);
      const skipped = skips.reduce((sum, ready) => sum + ready.skipped, 0);
      assert.equal(viewer.received + skipped, writer.received);
      assert.equal(viewer.offset, writer.offset);
    });

    it('waits for the slowest writer', async () => {
      workspace = await startWorkspace('read -r; seq 1 100000; sleep 60');
      const one = await open({ query: 'client=client-1' });
      const two = await open({ query: `client=client-2&session=${(await one.ready()).session}`, acknowledges: false });
      await two.ready();
      one.type('\n');
      await until(() => one.received >= TERMINAL.pauseAtBytes, 'the first 100,000 bytes');
      await sleep(200);
      assert.ok(one.received < TERMINAL.pauseAtBytes + 2 * TERMINAL.frameBytes);
      two.cut();
      await until(() => one.received > 500_000, 'the rest');
    });
  });

  describe('for a plain client', () => {
    it('gives bytes, takes bytes and text, and closes with 1000', async () => {
      workspace = await startWorkspace(
        'stty -echo; echo go; read -r a; read -r b; read -r c; echo "<$a|$b|$c>"; exit 2',
      );
      const terminal = await open({ plain: true });
      await terminal.shows('go');
      terminal.type('binary\n');
      terminal.socket.send('{"type":"text"}\n');
      terminal.socket.send(JSON.stringify({ type: 'input', data: 'control é\n' }));
      assert.equal((await terminal.end()).code, 1000);
      assert.deepEqual(terminal.control, []);
      assert.match(terminal.text, /<binary\|\{"type":"text"\}\|control é>\r\n$/);
    });

    it('resizes by a control message', async () => {
      workspace = await startWorkspace('trap "stty size; exit 0" WINCH; echo go; while :; do sleep 0.05; done');
      const terminal = await open({ plain: true });
      await terminal.shows('go');
      terminal.socket.send(JSON.stringify({ type: 'resize', cols: 99, rows: 11 }));
      await terminal.end();
      assert.match(terminal.text, /11 99/);
    });

    it('stops the program while the client reads nothing, without acknowledgements', async () => {
      workspace = await startWorkspace('head -c 20000000 /dev/zero; echo done >marker; exit 0');
      const terminal = await open({ plain: true });
      await until(() => terminal.received > 0, 'output');
      terminal.socket.pause();
      await sleep(500);
      assert.equal((await ask(workspace, 'GET', '/files/marker')).status, 404);
      terminal.socket.resume();
      await terminal.end();
      assert.equal(terminal.received, 20_000_000);
    });

    it('is what a client gets that offers only other protocols, and none is selected', async () => {
      workspace = await startWorkspace();
      const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';
      const offer = 'Sec-WebSocket-Protocol: carapace.bearer.secret, other\r\n';
      const answer = await askRaw(
        workspace.terminalSocket,
        `GET /terminal HTTP/1.1\r\nHost: seat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}${offer}\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 101 /);
      assert.doesNotMatch(answer, /sec-websocket-protocol|secret/i);
    });
  });

  it('has its health, and nothing else', async () => {
    workspace = await startWorkspace('exec sleep 60');
    assert.deepEqual(await health(), { ...(await health()), status: 'ok', sessions: 0, connections: 0, viewers: 0 });
    const writer = await open();
    await writer.ready();
    await (await open({ query: 'mode=view' })).ready();
    assert.deepEqual(await health(), { ...(await health()), sessions: 1, connections: 2, viewers: 1 });
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

  async function health(): Promise<{ sessions: number }> {
    return (await ask(workspace, 'GET', '/health')).json() as { sessions: number };
  }
});
