import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { seatSubject, workshopSubject } from '../../../src/protocol/operation.ts';
import {
  EMPTY_STATE,
  linesOf,
  MAX_ENDED_OPERATIONS,
  operationsOf,
  seatOf,
  seatsOf,
  withEvent,
  withSnapshot,
  workshopOf,
  workshopsOf,
  type ModelState,
} from '../../../src/providers/model/state.ts';
import {
  at,
  deletedEvent,
  operation,
  operationEvent,
  progressEvent,
  seat,
  seatEvent,
  workshop,
  workshopEvent,
} from './fixtures.ts';

function after(...events: Parameters<typeof withEvent>[1][]): ModelState {
  return events.reduce(withEvent, EMPTY_STATE);
}

describe('the state of the extension', () => {
  it('is made by events alone', () => {
    const state = after(
      workshopEvent({ status: 'provisioning' }),
      seatEvent({ seat: 2, status: 'booting' }),
      seatEvent({ seat: 1 }),
      workshopEvent({ status: 'running' }),
      seatEvent({ seat: 2, status: 'ready', learner: 'Alice' }),
    );
    assert.equal(workshopOf(state, 'ws-one')?.status, 'running');
    assert.deepEqual(
      seatsOf(state, 'ws-one').map(({ seat: number, learner }) => [number, learner]),
      [
        [1, null],
        [2, 'Alice'],
      ],
    );
  });

  it('does not change the object that it was made from', () => {
    const before = after(workshopEvent());
    withEvent(before, workshopEvent({ status: 'deleting' }));
    withEvent(before, deletedEvent(workshopSubject('ws-one')));
    assert.equal(workshopOf(before, 'ws-one')?.status, 'running');
  });

  it('loses the seats of a deleted workshop, and no others', () => {
    const state = after(
      workshopEvent(),
      workshopEvent({ id: 'ws-one-more' }),
      seatEvent(),
      seatEvent({ workshop_id: 'ws-one-more' }),
      deletedEvent(workshopSubject('ws-one')),
    );
    assert.deepEqual(
      workshopsOf(state).map(({ id }) => id),
      ['ws-one-more'],
    );
    assert.equal(seatOf(state, 'ws-one', 1), undefined);
    assert.notEqual(seatOf(state, 'ws-one-more', 1), undefined);
  });

  it('loses one seat alone', () => {
    const state = after(
      workshopEvent(),
      seatEvent({ seat: 1 }),
      seatEvent({ seat: 11 }),
      deletedEvent(seatSubject('ws-one', 1)),
    );
    assert.deepEqual(
      seatsOf(state, 'ws-one').map(({ seat: number }) => number),
      [11],
    );
  });

  it('shows workshops in the order in which they were made', () => {
    const state = after(
      workshopEvent({ id: 'ws-b', created_at: at(2) }),
      workshopEvent({ id: 'ws-a', created_at: at(3) }),
      workshopEvent({ id: 'ws-c', created_at: at(1) }),
    );
    assert.deepEqual(
      workshopsOf(state).map(({ id }) => id),
      ['ws-c', 'ws-b', 'ws-a'],
    );
  });

  it('keeps the lines of an operation in order, each once', () => {
    const state = after(
      operationEvent(),
      progressEvent('seats', 'second', 20),
      progressEvent('worker', 'first', 10),
      progressEvent('seats', 'second', 20),
    );
    assert.deepEqual(
      linesOf(state, 'op-one').map(({ message }) => message),
      ['first', 'second'],
    );
  });

  it('returns the same object for an event that says nothing new', () => {
    const state = after(progressEvent('seats', 'line', 1));
    assert.equal(withEvent(state, progressEvent('seats', 'line', 1)), state);
    assert.equal(withEvent(state, { timestamp: at(0), type: 'complete', message: 'Done', subject: 'x' }), state);
  });

  it('takes the whole truth from a snapshot, but keeps the lines of what is still known', () => {
    const before = after(
      workshopEvent({ id: 'ws-gone' }),
      seatEvent({ workshop_id: 'ws-gone' }),
      operationEvent(),
      progressEvent('seats', 'line', 1),
    );
    const state = withSnapshot(before, { workshops: [workshop()], seats: [seat()], operations: [operation()] });
    assert.deepEqual(
      workshopsOf(state).map(({ id }) => id),
      ['ws-one'],
    );
    assert.equal(seatOf(state, 'ws-gone', 1), undefined);
    assert.equal(linesOf(state, 'op-one').length, 1);
    const none = withSnapshot(state, { workshops: [], seats: [], operations: [] });
    assert.equal(linesOf(none, 'op-one').length, 0);
  });

  it('forgets the oldest operations that have ended, and none that runs', () => {
    const ended = Array.from({ length: MAX_ENDED_OPERATIONS + 5 }, (_none, index) =>
      operationEvent({ id: `op-${index}`, status: 'succeeded', started_at: at(index * 1_000) }),
    );
    const state = after(operationEvent({ id: 'op-old', started_at: at(-1) }), ...ended);
    const ids = operationsOf(state).map(({ id }) => id);
    assert.equal(ids.length, MAX_ENDED_OPERATIONS + 1);
    assert.equal(ids[0], `op-${MAX_ENDED_OPERATIONS + 4}`);
    assert.equal(ids.at(-1), 'op-old');
    assert.ok(!ids.includes('op-4'));
  });
});
