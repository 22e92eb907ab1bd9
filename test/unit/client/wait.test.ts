import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { EndedAtStartError } from '../../../src/client/daemon.ts';
import { CrashLoopError } from '../../../src/client/restarts.ts';
import { waitForOperation } from '../../../src/client/wait.ts';
import { NotFoundError, TimedOutError, UnavailableError } from '../../../src/protocol/errors.ts';
import { RESUME_PHASE, type NumberedEvent } from '../../../src/protocol/event.ts';
import type { Operation, OperationStatus } from '../../../src/protocol/operation.ts';

function operation(status: OperationStatus): Operation {
  const at = '2026-01-01T00:00:00Z';
  const times = { started_at: at, ended_at: null, deadline: at };
  return { id: 'op-1', kind: 'workshop.create', subject: 's', title: 'T', status, ...times, error: null };
}

function event(id: number, message = `m${id}`): NumberedEvent {
  return { id, event: { timestamp: '2026-01-01T00:00:00Z', type: 'progress', message, subject: 's' } };
}

function resumed(id: number): NumberedEvent {
  return { id, event: { ...event(id).event, phase: RESUME_PHASE } };
}

/** Each connection tells the events of its script, and then ends or breaks. */
function client(scripts: (NumberedEvent | Error)[][], statuses: OperationStatus[]) {
  let connection = 0;
  return {
    async *operationEvents(): AsyncGenerator<NumberedEvent> {
      for (const step of scripts[connection++] ?? []) {
        await Promise.resolve();
        if (step instanceof Error) throw step;
        yield step;
      }
    },
    getOperation: () => Promise.resolve(operation(statuses.shift() ?? 'succeeded')),
  };
}

describe('waitForOperation', () => {
  const signal = new AbortController().signal;

  it('tells each event once over connections that break', async () => {
    const lost = new UnavailableError('cut');
    const scripts = [
      [event(1), event(2), lost],
      [event(1), event(2), event(3)],
      [event(3), event(4)],
    ];
    const told: string[] = [];
    const ended = await waitForOperation(client(scripts, ['running', 'failed']), 'op-1', {
      signal,
      onEvent: ({ message }) => told.push(message),
    });
    assert.equal(ended.status, 'failed');
    assert.deepEqual(told, ['m1', 'm2', 'm3', 'm4']);
  });

  it('goes on with the control plane that takes the place of one out of reach', async () => {
    const lost = new UnavailableError('cut');
    const told: string[] = [];
    const renewals = [
      () => Promise.reject(new UnavailableError('not yet')),
      () => Promise.reject(new TimedOutError('not in time')),
      () => Promise.resolve(client([[event(2), event(3)]], ['succeeded'])),
    ];
    const gone = client([[event(1), event(2), lost], [lost], [lost], [lost]], []);
    const ended = await waitForOperation(gone, 'op-1', {
      signal,
      onEvent: ({ message }) => told.push(message),
      renew: () => renewals.shift()?.() ?? Promise.reject(new Error('asked too often')),
    });
    assert.equal(ended.status, 'succeeded');
    assert.deepEqual(told, ['m1', 'm2', 'm3']);
    const disk = new Error('no room to start one');
    const never = waitForOperation(client([[lost]], []), 'op-1', { signal, renew: () => Promise.reject(disk) });
    await assert.rejects(never, (error) => error === disk);
  });

  it('gives up when the control plane dies of the operation each time, whatever it tells of it', async () => {
    const lost = new UnavailableError('cut');
    const first = [event(1), event(2), resumed(3), lost];
    // It tells the same lines again; it dies before it can tell any; it dies at its start; and where nobody here starts it.
    const again = (id: number) => client([[event(1), event(2), resumed(id), event(id + 1, 'm2'), lost]], []);
    const mute = () => client([[lost]], []);
    const ended = () => Promise.reject(new EndedAtStartError('SIGKILL'));
    for (const successor of [again, mute, ended]) {
      let renewals = 0;
      const renew = async () => successor((renewals += 1) * 10);
      const waiting = waitForOperation(client([first, [lost], [lost], [lost]], []), 'op-1', { signal, renew });
      await assert.rejects(waiting, CrashLoopError);
      assert.equal(renewals, 3);
    }
    const scripts = [10, 20, 30].map((id) => [event(1), resumed(id), lost]);
    await assert.rejects(waitForOperation(client([first, ...scripts], []), 'op-1', { signal }), CrashLoopError);
  });

  it('goes on over any number of restarts while the operation moves on', async () => {
    const lost = new UnavailableError('cut');
    const told: string[] = [];
    const moving = [10, 20, 30, 40, 50].map((id) => [resumed(id), event(id + 1), lost]);
    const earlier = [1, 2, 3, 4].map((id) => resumed(id));
    const ended = await waitForOperation(client([[...earlier, lost], ...moving, [event(60)]], []), 'op-1', {
      signal,
      onEvent: ({ message }) => told.push(message),
    });
    assert.equal(ended.status, 'succeeded');
    assert.equal(told.at(-1), 'm60');
  });

  it('gives up when the control plane stays away, and at once on what is for good', async () => {
    const lost = new UnavailableError('cut');
    const forever = client(
      Array.from({ length: 100 }, () => [lost]),
      [],
    );
    await assert.rejects(waitForOperation(forever, 'op-1', { signal, patienceMs: 0 }), (error) => error === lost);
    const missing = client([[new NotFoundError('no')]], []);
    await assert.rejects(waitForOperation(missing, 'op-1', { signal }), NotFoundError);
  });

  it('ends with the reason of who waits no longer', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const waiting = waitForOperation(client([[event(1)]], Array<OperationStatus>(50).fill('running')), 'op-1', {
      signal: stop.signal,
      onEvent: () => stop.abort(reason),
    });
    await assert.rejects(waiting);
    assert.ok(stop.signal.aborted);
  });
});
