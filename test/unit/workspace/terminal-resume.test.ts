import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TERMINAL } from '../../../src/protocol/terminal.ts';
import {
  ask,
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

    for (const client of ['client=client-1&', ''])
      it(`gives the exit to a client ${client === '' ? 'without an id ' : ''}that was cut before it came`, async () => {
        workspace = await startWorkspace('while [ ! -e end ]; do sleep 0.02; done; echo bye; exit 6');
        const first = await open({ query: client });
        const { session } = await first.ready();
        first.cut();
        assert.equal((await ask(workspace, 'PUT', '/files/end')).status, 201);
        while ((await health(workspace)).sessions > 0) await sleep(5);
        const again = await open({ query: `${client}session=${session}&offset=${first.offset}` });
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
      workspace = await startWorkspace('echo $$; exec sleep 60', { sessionKeepMs: 1_000 });
      const first = await open({ query: 'client=client-1' });
      await first.shows('\r\n');
      const pid = Number(first.text);
      const { session } = await first.ready();
      first.close();
      await first.end();
      const back = await open({ query: `session=${session}&client=client-1` });
      await back.ready();
      await sleep(1_500);
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
});
