import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { SeatTerminal } from '../../../src/client/terminal/seat-terminal.ts';
import { JsonWorker } from '../../fakes/json-worker.ts';

const DEADLINE_MS = 8_000;

describe('a terminal of a worker that speaks JSON', () => {
  let worker: JsonWorker;
  let endpoint = '';
  let told: { shown: string; states: string[]; uncertain: number; exits: unknown[]; failed: Error[] };
  let terminal: SeatTerminal;

  beforeEach(async () => {
    worker = new JsonWorker();
    endpoint = await worker.listen();
    told = { shown: '', states: [], uncertain: 0, exits: [], failed: [] };
    const decoder = new TextDecoder();
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    terminal = new SeatTerminal(
      {
        getAccess: () => Promise.resolve({ endpoint, token: 'seat-token', expires_at }),
        workshopId: 'ws-old',
        seat: 3,
        cols: 100,
        rows: 30,
      },
      {
        onData: (bytes) => (told.shown += decoder.decode(bytes, { stream: true })),
        onState: (state) => void told.states.push(state),
        onSkipped: () => assert.fail('nothing is counted'),
        onUncertain: () => (told.uncertain += 1),
        onExit: (exit) => void told.exits.push(exit),
        onFailed: (error) => void told.failed.push(error),
      },
    );
  });
  afterEach(async () => {
    terminal.dispose();
    await worker.close();
  });

  async function until(condition: () => boolean): Promise<void> {
    const end = Date.now() + DEADLINE_MS;
    while (!condition()) {
      assert.ok(Date.now() < end, JSON.stringify(told));
      await sleep(5);
    }
  }

  it('shows and types, has its size, and ends with the exit code', async () => {
    await until(() => told.shown === 'welcome žlutý 🐚\r\n');
    terminal.write('ls');
    await until(() => told.shown.endsWith('<ls>'));
    terminal.resize(90, 20);
    // Half a character is kept until its other half comes.
    const shell = Buffer.from('🐚');
    terminal.write(shell.subarray(0, 2));
    terminal.write(shell.subarray(2));
    await until(() => told.shown.endsWith('<🐚>'));
    await until(() => terminal.inputWaiting === 0);
    terminal.write('exit 3');
    await until(() => told.exits.length === 1);
    assert.deepEqual(told.exits, [{ code: 3, signal: null }]);
    assert.deepEqual(told.states, ['connecting', 'connected', 'closed']);
    assert.deepEqual(told.failed, []);
    assert.ok(worker.received.every((message) => ['input', 'resize'].includes((message as { type: string }).type)));
    assert.deepEqual(worker.received[0], { type: 'resize', cols: 100, rows: 30 });
    assert.ok(worker.received.some((message) => JSON.stringify(message) === '{"type":"resize","cols":90,"rows":20}'));
  });

  it('is asked first for our subprotocol, then without, each time with the token', async () => {
    await until(() => told.states.includes('connected'));
    assert.deepEqual(
      worker.asked.map(({ subprotocols }) => subprotocols),
      ['carapace.tty.v1', undefined],
    );
    for (const { authorization, path } of worker.asked) {
      assert.equal(authorization, 'Bearer seat-token');
      assert.match(path, /^\/proxy\/ws-old\/3\/terminal\?/);
    }
    assert.equal(terminal.session, undefined);
  });

  it('comes back after a drop, and says that the shell may be a new one', async () => {
    await until(() => told.shown.includes('welcome'));
    terminal.write('before');
    await until(() => told.shown.includes('<before>'));
    assert.equal(told.uncertain, 0);
    worker.drop();
    await until(() => told.states.includes('reconnecting'));
    await until(() => told.states.at(-1) === 'connected');
    assert.equal(told.uncertain, 1);
    terminal.write('after');
    await until(() => told.shown.endsWith('<after>'));
    assert.equal(told.shown.split('<before>').length, 2);
    // It is known now how to speak with it.
    assert.equal(worker.asked.length, 3);
    assert.equal(worker.asked[2]?.subprotocols, undefined);
  });
});
