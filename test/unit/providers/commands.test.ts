import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { ConflictError, InvalidInputError } from '../../../src/protocol/errors.ts';
import { parseCreateArgument, parseTarget } from '../../../src/providers/commands/arguments.ts';
import { COMMAND_IDS } from '../../../src/providers/commands/command-ids.ts';
import { Context } from '../../../src/providers/commands/context-keys.ts';
import { ok, type Outcome } from '../../../src/providers/commands/outcome.ts';
import { connectionCommands } from '../../../src/providers/commands/connection-commands.ts';
import { registerCommands, type CommandHandlers } from '../../../src/providers/commands/register.ts';

const noError = (error: unknown) => assert.ifError(error);

type Run = (argument?: unknown) => Promise<Outcome>;

/** VS Code's commands, as far as they are used here. */
class FakeCommands {
  readonly registered = new Map<string, Run>();
  readonly executed: unknown[][] = [];

  readonly commands = {
    registerCommand: (id: string, run: Run) => {
      assert.ok(!this.registered.has(id), `${id} is registered twice`);
      this.registered.set(id, run);
      return { dispose: () => this.registered.delete(id) };
    },
    executeCommand: (...all: unknown[]) => {
      this.executed.push(all);
      return Promise.resolve(undefined);
    },
  } as never;
}

function handlers(run: (id: string, argument: unknown) => Promise<Outcome>): CommandHandlers {
  return Object.fromEntries(
    COMMAND_IDS.map((id) => [id, (argument: unknown) => run(id, argument)]),
  ) as unknown as CommandHandlers;
}

describe('the commands', () => {
  it('are registered, all of them, and go with the extension', () => {
    const vs = new FakeCommands();
    const registered = registerCommands(
      vs,
      handlers(() => Promise.resolve(ok(1))),
      noError,
    );
    assert.deepEqual([...vs.registered.keys()].sort(), [...COMMAND_IDS].sort());
    registered.dispose();
    assert.equal(vs.registered.size, 0);
  });

  it('hand on what they are given, and what comes of it', async () => {
    const vs = new FakeCommands();
    registerCommands(
      vs,
      handlers((id, argument) => Promise.resolve(ok([id, argument]))),
      noError,
    );
    const outcome = await vs.registered.get('carapace.refresh')?.({ workshop: 'ws-one' });
    assert.deepEqual(outcome, ok(['carapace.refresh', { workshop: 'ws-one' }]));
  });

  it('tell a typed error, and how to run the command again with its questions', async () => {
    const vs = new FakeCommands();
    const told: { error: unknown; runAgain: () => void }[] = [];
    const seen: unknown[] = [];
    registerCommands(
      vs,
      handlers((_id, argument) => {
        seen.push(argument);
        return Promise.reject(new ConflictError('It is being deleted.'));
      }),
      (error, runAgain) => told.push({ error, runAgain }),
    );
    const outcome = await vs.registered.get('carapace.stopWorkshop')?.({ workshop: 'ws-one' });
    assert.deepEqual(outcome, { status: 'error', error: { code: 'CONFLICT', message: 'It is being deleted.' } });
    assert.ok(told[0]?.error instanceof ConflictError);
    told[0].runAgain();
    assert.deepEqual(seen, [{ workshop: 'ws-one' }, undefined]);
  });

  it('say nothing where somebody gave up', async () => {
    const vs = new FakeCommands();
    const abort = new DOMException('given up', 'AbortError');
    registerCommands(
      vs,
      handlers(() => Promise.reject(abort)),
      noError,
    );
    assert.deepEqual(await vs.registered.get('carapace.tryLocal')?.(), { status: 'cancelled' });
  });
});

describe('connecting again', () => {
  function setUp(kind: 'absent' | 'asleep', joined: number) {
    const seen = { starts: 0, pokes: 0 };
    const service = {
      status: { kind },
      url: undefined,
      connected: () => Promise.resolve((seen.starts += 1)),
      refresh: () => Promise.resolve(),
    };
    const vs = {
      l10n: { t: (text: string) => text },
      window: { withProgress: (_: unknown, work: () => unknown) => work() },
    };
    const learners = { all: Array.from({ length: joined }), poke: () => (seen.pokes += 1) };
    const parts: unknown = { vs, service, learners };
    return { seen, commands: connectionCommands(parts as Parameters<typeof connectionCommands>[0]) };
  }

  it('looks for joined workshops, and starts no control plane for somebody who has none', async () => {
    const learner = setUp('absent', 1);
    await learner.commands['carapace.retryConnection'](undefined);
    await learner.commands['carapace.refresh'](undefined);
    assert.deepEqual(learner.seen, { starts: 0, pokes: 2 });
    for (const both of [setUp('asleep', 1), setUp('absent', 0)]) {
      await both.commands['carapace.retryConnection'](undefined);
      assert.equal(both.seen.starts, 1);
    }
  });
});

describe('the arguments of commands', () => {
  it('are those of a tree row', () => {
    assert.deepEqual(parseTarget({ kind: 'seat', workshop: 'ws-one', seat: 2 }), { workshop: 'ws-one', seat: 2 });
    assert.deepEqual(parseTarget(undefined), {});
  });

  it('are checked', () => {
    const wrong = [{ workshop: '../x' }, { seat: 0 }, { seat: 501 }, { seat: '1' }, { confirmed: 'yes' }, 'ws-one'];
    for (const argument of wrong)
      assert.throws(() => parseTarget(argument), InvalidInputError, JSON.stringify(argument));
  });

  it('make a workshop without asking only where seats are named', () => {
    assert.equal(parseCreateArgument(undefined), undefined);
    assert.equal(parseCreateArgument({ name: 'x' }), undefined);
    assert.deepEqual(parseCreateArgument({ name: 'x', seats: 2, confirmed: true }), { name: 'x', seats: 2 });
  });

  it('are refused by the schema of the protocol', () => {
    const wrong = [
      { seats: 0 },
      { seats: 501 },
      { seats: 'x' },
      { seats: 1, name: 'x'.repeat(65) },
      { seats: 1, colour: 'red' },
    ];
    for (const argument of wrong) {
      assert.throws(() => parseCreateArgument(argument), InvalidInputError, JSON.stringify(argument));
    }
  });
});

describe('the context keys', () => {
  it('begin with their defaults, and are set only when they change', () => {
    const vs = new FakeCommands();
    const context = new Context(vs);
    context.set({ 'carapace.connection': 'live' });
    context.set({ 'carapace.connection': 'live' });
    context.set({ 'carapace.connection': 'lost' });
    assert.deepEqual(vs.executed, [
      ['setContext', 'carapace.connection', 'searching'],
      ['setContext', 'carapace.serverStatus', 'unknown'],
      ['setContext', 'carapace.hasJoined', false],
      ['setContext', 'carapace.hasWorkshops', false],
      ['setContext', 'carapace.connection', 'live'],
      ['setContext', 'carapace.connection', 'lost'],
    ]);
  });
});
