import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type * as vscode from 'vscode';
import type { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import { REASON, UnreachableError } from '../../../src/client/unreachable.ts';
import { DiskFullError, InternalError, NotRunningError, UnavailableError } from '../../../src/protocol/errors.ts';
import type { NumberedEvent } from '../../../src/protocol/event.ts';
import type { Operation } from '../../../src/protocol/operation.ts';
import { OperationRunner } from '../../../src/providers/operation-runner.ts';
import { fakeVscode } from './fake-vscode.ts';
import { at, operation, progressEvent } from './fixtures.ts';

/** An operation that ends as the test says, once somebody has asked for its end. */
class FakeOperations {
  readonly cancelled: string[] = [];
  readonly end = Promise.withResolvers<Partial<Operation>>();
  drops = 0;

  readonly client = {
    operationEvents: () => this.#events(),
    getOperation: async () => operation({ ended_at: at(1), ...(await this.end.promise) }),
    cancelOperation: (id: string) => {
      this.cancelled.push(id);
      this.end.resolve({ status: 'cancelled' });
      return Promise.resolve(operation());
    },
  } as unknown as ControlPlaneClient;

  /** The client that is found when one is asked for. */
  next(): ControlPlaneClient {
    return this.client;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a generator that has all it needs
  async *#events(): AsyncGenerator<NumberedEvent> {
    yield { id: 1, event: progressEvent('worker', 'Starting the agent', 0) };
    if (this.drops-- > 0) throw new UnavailableError('The stream broke.');
    yield { id: 2, event: progressEvent('seats', 'Seat 1 of 1', 5) };
  }
}

function setUp(operations = new FakeOperations(), isByHand = false) {
  const cancel = new fakeVscode.EventEmitter<undefined>();
  const token = { isCancellationRequested: false, onCancellationRequested: cancel.event };
  const reported: string[] = [];
  const logged: string[] = [];
  const titles: unknown[] = [];
  const warned = Promise.withResolvers<string>();
  const window = {
    withProgress: (
      options: vscode.ProgressOptions,
      task: (progress: unknown, one: typeof token) => Promise<unknown>,
    ) => {
      titles.push([options.title, options.cancellable]);
      return task({ report: ({ message }: { message: string }) => reported.push(message) }, token);
    },
    showWarningMessage: (text: string) => {
      warned.resolve(text);
      return Promise.resolve(undefined);
    },
  } as unknown as typeof vscode.window;
  let connections = 0;
  let looks = 0;
  const service = {
    client: (signal?: AbortSignal) => {
      connections += 1;
      signal?.throwIfAborted();
      return Promise.resolve(operations.next());
    },
    isByHand,
    current: () => {
      looks += 1;
      if (looks > 1) operations.drops = 0;
      return looks > 1 ? Promise.resolve(operations.client) : Promise.reject(new UnavailableError('None runs.'));
    },
  };
  const log = { info: (line: string) => logged.push(line), warn: (line: string) => logged.push(line) };
  const runner = new OperationRunner({ ...fakeVscode, window }, service, log);
  return {
    runner,
    operations,
    cancel,
    reported,
    logged,
    titles,
    warned: warned.promise,
    connections: () => connections,
    looks: () => looks,
  };
}

/** Each control plane that is found goes on with the operation, says the same as before, and dies of it. */
class DeadlyOperation extends FakeOperations {
  found = 0;

  override next(): ControlPlaneClient {
    const number = (this.found += 1);
    const script = [this.#told(number, 'resume'), this.#told(number + 0.5, 'worker')];
    // eslint-disable-next-line @typescript-eslint/require-await -- a generator that has all it needs
    const operationEvents = async function* (): AsyncGenerator<NumberedEvent> {
      yield* script.splice(0);
      throw new UnavailableError('The stream broke.');
    };
    return { operationEvents } as unknown as ControlPlaneClient;
  }

  #told(id: number, phase: string): NumberedEvent {
    return { id, event: { ...progressEvent(phase, 'Starting the agent', 0) } };
  }
}

/** A first try without an answer, and a second one that ends as the test says. */
function beginAgain() {
  const second = Promise.withResolvers<{ operation: Operation | null }>();
  const asked = Promise.withResolvers<undefined>();
  let tries = 0;
  const attempt = () => {
    tries += 1;
    if (tries === 1) return Promise.reject(new UnreachableError('The connection broke.', 'ECONNRESET'));
    asked.resolve(undefined);
    return second.promise;
  };
  return { attempt, second, askedAgain: asked.promise };
}

const begin = () => Promise.resolve({ operation: operation() });

describe('an operation under a notification', () => {
  it('shows its phases, here and in the log, and ends well', async () => {
    const { runner, operations, reported, logged, titles } = setUp();
    operations.end.resolve({ status: 'succeeded' });
    const outcome = await runner.run('Creating "Intro"', begin);
    assert.equal(outcome.status, 'ok');
    assert.deepEqual(titles, [['Creating "Intro"', true]]);
    assert.deepEqual(reported, ['connecting…', 'Starting the agent', 'Seat 1 of 1']);
    assert.ok(logged.some((line) => line.endsWith('Seat 1 of 1')));
  });

  it('needs no wait where nothing was begun', async () => {
    const { runner } = setUp();
    assert.deepEqual(await runner.run('x', () => Promise.resolve({ operation: null, more: 1 })), {
      status: 'ok',
      value: { operation: null, more: 1 },
    });
  });

  it('throws the error of a failed operation', async () => {
    const { runner, operations } = setUp();
    const error = { code: 'DISK_FULL' as const, message: 'The disk is full.' };
    operations.end.resolve({ status: 'failed', error });
    await assert.rejects(runner.run('x', begin), (thrown) => thrown instanceof DiskFullError);
  });

  it('is cancelled at the control plane, and its end waited for', async () => {
    const { runner, operations, cancel, reported } = setUp();
    const running = runner.run('x', begin);
    await new Promise((resolve) => setImmediate(resolve));
    cancel.fire(undefined);
    assert.deepEqual(await running, { status: 'cancelled' });
    assert.deepEqual(operations.cancelled, ['op-one']);
    assert.ok(reported.includes('cancelling…'));
  });

  it('is cancelled, too, when Cancel came while it was being begun', async () => {
    const { runner, operations, cancel } = setUp();
    const begun = Promise.withResolvers<{ operation: Operation }>();
    const running = runner.run('x', () => {
      cancel.fire(undefined);
      return begun.promise;
    });
    begun.resolve({ operation: operation() });
    assert.deepEqual(await running, { status: 'cancelled' });
    assert.deepEqual(operations.cancelled, ['op-one']);
  });

  it('is never begun when Cancel came before', async () => {
    const { runner, cancel } = setUp();
    let begins = 0;
    const running = runner.run('x', () => {
      begins += 1;
      return begin();
    });
    cancel.fire(undefined);
    await assert.rejects(running, { name: 'AbortError' });
    assert.equal(begins, 0);
  });

  it('tells each line once, however often the connection drops', async () => {
    const operations = new FakeOperations();
    operations.drops = 2;
    operations.end.resolve({ status: 'succeeded' });
    const { runner, reported } = setUp(operations);
    await runner.run('x', begin);
    assert.deepEqual(reported, ['connecting…', 'Starting the agent', 'Seat 1 of 1']);
  });

  it('is waited for, and no control plane started, where a person had started the one that died', async () => {
    const operations = new FakeOperations();
    // Until the next one is found.
    operations.drops = 5;
    operations.end.resolve({ status: 'succeeded' });
    const { runner, connections, looks } = setUp(operations, true);
    assert.equal((await runner.run('x', begin)).status, 'ok');
    assert.deepEqual([connections(), looks()], [1, 2]);
  });

  it('is begun again where no answer came, by the next control plane, if that is the same as once', async () => {
    const { runner, operations, connections } = setUp();
    operations.end.resolve({ status: 'succeeded' });
    let tries = 0;
    const lost = () => {
      tries += 1;
      return tries === 1 ? Promise.reject(new UnreachableError('The connection broke.', 'ECONNRESET')) : begin();
    };
    await assert.rejects(runner.run('Stopping "Intro"', lost), UnreachableError);
    assert.equal(tries, 1);
    tries = 0;
    assert.equal((await runner.run('Creating "Intro"', lost, { isRepeatable: true })).status, 'ok');
    assert.deepEqual([tries, connections()], [2, 3]);
    for (const answer of [
      new DiskFullError('The disk is full.'),
      new UnavailableError('No agent answers.'),
      new UnreachableError('It shows another certificate.', REASON.notPinned),
    ]) {
      const refused = () => Promise.reject(answer);
      await assert.rejects(runner.run('Creating "Intro"', refused, { isRepeatable: true }), answer);
    }
  });

  it('is cancelled at once while it is begun again, and ended behind that where it had begun', async () => {
    const { runner, operations, cancel, logged } = setUp();
    const { attempt, second, askedAgain } = beginAgain();
    const running = runner.run('Creating "Intro"', attempt, { isRepeatable: true });
    await askedAgain;
    cancel.fire(undefined);
    // The second try has no answer yet.
    await assert.rejects(running, { name: 'AbortError' });
    assert.deepEqual(operations.cancelled, []);
    second.resolve({ operation: operation() });
    await operations.end.promise;
    assert.deepEqual(operations.cancelled, ['op-one']);
    assert.ok(!logged.some((line) => line.includes('not cancelled')));
  });

  it('is told of where it cannot be found out whether it began, or it had ended already', async () => {
    const ends: [{ operation: Operation | null } | Error, RegExp][] = [
      [new DiskFullError('The disk is full.'), /^Creating "Intro": this may go on .* The disk is full\.$/],
      [{ operation: null }, /^Creating "Intro": this had ended already when you cancelled it\.$/],
      [{ operation: operation() }, /^Creating "Intro": this had ended already when you cancelled it\.$/],
    ];
    for (const [end, told] of ends) {
      const operations = new FakeOperations();
      operations.client.cancelOperation = () => Promise.reject(new NotRunningError('It has ended already.'));
      const { runner, cancel, warned } = setUp(operations);
      const { attempt, second, askedAgain } = beginAgain();
      const running = runner.run('Creating "Intro"', attempt, { isRepeatable: true });
      await askedAgain;
      cancel.fire(undefined);
      await assert.rejects(running, { name: 'AbortError' });
      if (end instanceof Error) second.reject(end);
      else second.resolve(end);
      assert.match(await warned, told);
    }
  });

  it('is waited for no more where the control plane dies of it each time', async function () {
    this.timeout(60_000);
    const operations = new DeadlyOperation();
    const { runner } = setUp(operations);
    const running = runner.run('Creating "Intro"', begin);
    await assert.rejects(
      running,
      (error) =>
        error instanceof InternalError && /^Creating "Intro": this gets no further.* 3 times/.test(error.message),
    );
    // The first, and what was started in its place.
    assert.equal(operations.found, 4);
  });
});
