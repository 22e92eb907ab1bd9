import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ConflictError,
  DiskFullError,
  NoCapacityError,
  NotFoundError,
  NotRunningError,
  UnavailableError,
} from '../../../src/protocol/errors.ts';
import { OperationEngine } from '../../../src/provisioning/operations/engine.ts';
import type {
  OperationContext,
  OperationHandler,
  OperationHandlers,
  RunningKind,
} from '../../../src/provisioning/operations/handler.ts';
import { OperationJournal } from '../../../src/provisioning/operations/journal.ts';
import { openStore, SILENT, type TestStore } from './fixtures.ts';

const KINDS: readonly RunningKind[] = [
  'workshop.create',
  'workshop.start',
  'workshop.stop',
  'workshop.delete',
  'workshop.repair',
  'seat.reset',
];

/** Waits for the signal's abort and throws its reason, as work does that is interrupted. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

describe('the operations', () => {
  let test: TestStore;
  let journal: OperationJournal;
  let engines: OperationEngine[];
  beforeEach(() => {
    test = openStore();
    journal = new OperationJournal(test.store, test.events);
    engines = [];
  });
  afterEach(async () => {
    for (const engine of engines) await engine.close();
    test.dispose();
  });

  function engineWith(
    changes: Partial<Record<RunningKind, Partial<OperationHandler>>>,
    crashPoint: (step: string, place: 'before' | 'after') => void = () => undefined,
  ): OperationEngine {
    const idle: OperationHandler = {
      deadlineMs: 5_000,
      run: () => Promise.resolve('done'),
      failed: (_operation, error) => error,
    };
    const handlers = Object.fromEntries(KINDS.map((kind) => [kind, { ...idle, ...changes[kind] }]));
    const options = { store: test.store, journal, crashPoint, log: SILENT };
    const engine = new OperationEngine({ ...options, handlers: handlers as unknown as OperationHandlers });
    engines.push(engine);
    return engine;
  }

  function request(kind: RunningKind) {
    return { kind, subject: 'workshop/ws-1', scope: 'ws-1', title: `${kind} of one` };
  }

  async function ended(id: string) {
    while (journal.find(id).status === 'running') await sleep(2);
    return journal.find(id);
  }

  function lines(id: string): string[] {
    return test
      .told()
      .filter((event) => event.operation_id === id)
      .map(({ type, message }) => `${type}: ${message}`);
  }

  it('are in the store before they begin, and tell their way and their end', async () => {
    let seen: string | undefined;
    const engine = engineWith({
      'workshop.create': {
        run: async ({ operation, progress, step }) => {
          seen = journal.find(operation.id).status;
          await step('first', () => undefined);
          progress('phase', 'half way');
          return 'all is well';
        },
      },
    });
    const { id } = engine.begin(request('workshop.create'), () => undefined);
    const row = await ended(id);
    assert.equal(seen, 'running');
    assert.deepEqual([row.status, row.step, row.error], ['succeeded', 'first', null]);
    assert.deepEqual(lines(id), ['state: workshop.create of one', 'progress: half way', 'complete: all is well']);
    assert.deepEqual(test.told().at(-1)?.resource, { operation: { ...pick(row), status: 'succeeded' } });
  });

  it('leave nothing where what belongs to them cannot be written', () => {
    const engine = engineWith({ 'workshop.create': { run: () => assert.fail('must not run') } });
    const full = (): never => {
      throw new DiskFullError('full');
    };
    assert.throws(() => engine.begin(request('workshop.create'), full), DiskFullError);
    assert.deepEqual(test.store.operations.all(), []);
    assert.deepEqual(test.told(), []);
  });

  it('run one at a time for a workshop, and name the one in the way', async () => {
    const engine = engineWith({ 'workshop.stop': { run: ({ signal }) => untilAborted(signal) } });
    const first = engine.begin(request('workshop.stop'), () => undefined);
    assert.throws(
      () => engine.begin(request('workshop.start'), () => undefined),
      (error) =>
        error instanceof ConflictError &&
        error.message.includes(first.title) &&
        error.details?.['operation_id'] === first.id,
    );
    const elsewhere = engine.begin({ ...request('workshop.start'), scope: 'ws-2' }, () => undefined);
    assert.equal((await ended(elsewhere.id)).status, 'succeeded');
  });

  it('take back what they did when they are cancelled', async () => {
    const did: string[] = [];
    const engine = engineWith({
      'workshop.create': {
        run: async ({ signal }) => {
          did.push('began');
          return untilAborted(signal);
        },
        undo: async ({ signal }) => {
          assert.equal(signal.aborted, false);
          did.push('undone');
          return Promise.resolve('nothing is left');
        },
      },
    });
    const { id } = engine.begin(request('workshop.create'), () => undefined);
    assert.equal(engine.cancel(id).cancel_requested, true);
    engine.cancel(id);
    assert.equal((await ended(id)).status, 'cancelled');
    assert.deepEqual(did, ['began', 'undone']);
    assert.deepEqual(lines(id).slice(1), ['progress: Cancelling.', 'complete: nothing is left']);
    assert.throws(() => engine.cancel(id), NotRunningError);
    assert.throws(() => engine.cancel('op-unknown'), NotFoundError);
  });

  it('fail when what they did cannot be taken back, and cannot be cancelled without a way back', async () => {
    const engine = engineWith({
      'workshop.create': {
        run: ({ signal }) => untilAborted(signal),
        undo: () => Promise.reject(new UnavailableError('the agent is away')),
        failed: (_operation, error) => ({ ...error, message: `${error.message}; seat 1 is left` }),
      },
      'workshop.stop': { run: ({ signal }) => untilAborted(signal) },
    });
    const { id } = engine.begin(request('workshop.create'), () => undefined);
    engine.cancel(id);
    const row = await ended(id);
    assert.equal(row.status, 'failed');
    assert.deepEqual(row.error, { code: 'UNAVAILABLE', message: 'the agent is away; seat 1 is left' });
    const stop = engine.begin(request('workshop.stop'), () => undefined);
    assert.throws(() => engine.cancel(stop.id), ConflictError);
    assert.equal(journal.find(stop.id).cancel_requested, false);
  });

  it('fail by themselves at their deadline', async () => {
    const engine = engineWith({
      'workshop.stop': { deadlineMs: 20, run: ({ signal }) => untilAborted(signal).catch(() => 'never mind') },
      'workshop.create': { deadlineMs: 20, run: ({ signal }) => untilAborted(signal) },
    });
    const late = await ended(engine.begin(request('workshop.create'), () => undefined).id);
    assert.equal(late.error?.code, 'TIMED_OUT');
    assert.match(late.error.message, /did not end within 0\.02 s/);
  });

  it('tell a failure, and nothing of the inside of a defect', async () => {
    let error: Error = new NoCapacityError('no room');
    const engine = engineWith({ 'workshop.start': { run: () => Promise.reject(error) } });
    const told = async () => (await ended(engine.begin(request('workshop.start'), () => undefined).id)).error;
    assert.deepEqual(await told(), { code: 'NO_CAPACITY', message: 'no room' });
    error = new TypeError('password of the database');
    assert.equal((await told())?.code, 'INTERNAL');
    assert.ok(!JSON.stringify(test.told()).includes('password'));
  });

  it('of deletion cancel a creation, wait for its end, and are begun once', async () => {
    const did: string[] = [];
    const engine = engineWith({
      'workshop.create': {
        run: ({ signal }) => untilAborted(signal),
        undo: async () => {
          await sleep(20);
          did.push('undone');
          return 'gone';
        },
      },
      'workshop.delete': {
        run: () => {
          did.push('deleted');
          return Promise.resolve('gone');
        },
      },
    });
    const create = engine.begin(request('workshop.create'), () => undefined);
    const remove = engine.begin(request('workshop.delete'), () => undefined);
    assert.equal(engine.begin(request('workshop.delete'), () => undefined).id, remove.id);
    assert.equal((await ended(remove.id)).status, 'succeeded');
    assert.equal(journal.find(create.id).status, 'cancelled');
    assert.deepEqual(did, ['undone', 'deleted']);
  });

  it('of deletion wait for what cannot be cancelled', async () => {
    const did: string[] = [];
    const engine = engineWith({
      'workshop.stop': {
        run: async () => {
          await sleep(20);
          did.push('stopped');
          return 'stopped';
        },
      },
      'workshop.delete': {
        run: () => {
          did.push('deleted');
          return Promise.resolve('gone');
        },
      },
    });
    const stop = engine.begin(request('workshop.stop'), () => undefined);
    await ended(engine.begin(request('workshop.delete'), () => undefined).id);
    assert.equal(journal.find(stop.id).status, 'succeeded');
    assert.deepEqual(did, ['stopped', 'deleted']);
  });

  it('go on under their own id after the control plane has ended, cancelled ones with their cancelling', async () => {
    const hanging = { run: ({ signal }: OperationContext) => untilAborted(signal) };
    const undo = ({ signal }: OperationContext) => untilAborted(signal);
    const before = engineWith({ 'workshop.create': hanging, 'workshop.start': { ...hanging, undo } });
    const going = before.begin(request('workshop.create'), () => undefined);
    const cancelled = before.begin({ ...request('workshop.start'), scope: 'ws-2' }, () => undefined);
    before.cancel(cancelled.id);
    await before.close();
    assert.equal(journal.find(going.id).status, 'running');
    assert.throws(() => before.begin(request('seat.reset'), () => undefined), UnavailableError);

    const after = engineWith({
      'workshop.create': { run: () => Promise.resolve('done at last') },
      'workshop.start': { run: () => assert.fail('it was cancelled'), undo: () => Promise.resolve('taken back') },
    });
    after.resume();
    assert.equal((await ended(going.id)).status, 'succeeded');
    assert.equal((await ended(cancelled.id)).status, 'cancelled');
    assert.ok(lines(going.id).includes('progress: Carapace was started again: going on with it.'));
    assert.ok(lines(cancelled.id).includes('progress: Carapace was started again: finishing its cancelling.'));
    assert.ok(journal.find(going.id).deadline > going.deadline, 'they get their whole time again');
  });

  it('are not begun again by going on with those that run already', async () => {
    let runs = 0;
    const engine = engineWith({
      'workshop.create': {
        run: async () => {
          runs += 1;
          await sleep(10);
          return 'done';
        },
      },
    });
    const { id } = engine.begin(request('workshop.create'), () => undefined);
    engine.resume();
    await ended(id);
    await engine.close();
    assert.equal(runs, 1);
    assert.deepEqual(lines(id), ['state: workshop.create of one', 'complete: done']);
  });

  it('reach each named step once before and once after', async () => {
    const reached: string[] = [];
    const engine = engineWith(
      {
        'workshop.create': {
          run: async ({ step }) => {
            await step('one', () => reached.push('work'));
            return 'done';
          },
        },
      },
      (step, place) => reached.push(`${step}:${place}`),
    );
    await ended(engine.begin(request('workshop.create'), () => undefined).id);
    while (!reached.includes('finish:after')) await sleep(1);
    const finish = ['finish:before', 'finish:after'];
    assert.deepEqual(reached, ['begin:before', 'begin:after', 'one:before', 'work', 'one:after', ...finish]);
  });
});

function pick({
  id,
  kind,
  subject,
  title,
  status,
  started_at,
  ended_at,
  deadline,
  error,
}: ReturnType<OperationJournal['find']>) {
  return { id, kind, subject, title, status, started_at, ended_at, deadline, error };
}
