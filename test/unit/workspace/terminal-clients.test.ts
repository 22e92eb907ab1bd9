import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { TERMINAL } from '../../../src/protocol/terminal.ts';
import {
  ask,
  askRaw,
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
        /\r\n\r\n/,
      );
      assert.match(answer, /^HTTP\/1\.1 101 /);
      assert.doesNotMatch(answer, /sec-websocket-protocol|secret/i);
    });
  });
});
