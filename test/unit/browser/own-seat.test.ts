import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { KeptSeats, type KeptSeat } from '../../../src/browser/kept-seats.ts';
import { OwnSeat } from '../../../src/browser/seat/own-seat.ts';
import { MemoryStore } from './memory-store.ts';

const MINE: KeptSeat = {
  workshop_id: 'ws-1',
  workshop_name: 'Intro',
  seat: 2,
  name: 'Alice',
  code: 'ABCD2345',
  rejoin_code: 'first',
  learner_token: 'token-of-first',
};

function setUp() {
  const store = new MemoryStore();
  const seats = new KeptSeats(() => store);
  seats.put(MINE);
  const own = new OwnSeat({ base: 'http://127.0.0.1:1', kept: MINE, seats, changed: () => undefined });
  return { seats, own };
}

describe('what a page keeps of its seat', () => {
  it('has the shell and the names that were last', () => {
    const { seats, own } = setUp();
    own.keepSession('shell');
    own.keepNames({ workshop_name: 'Intro II', name: 'Alice B.' });
    assert.deepEqual(seats.get('ws-1'), { ...MINE, workshop_name: 'Intro II', name: 'Alice B.', session: 'shell' });
    own.keepSession(undefined);
    assert.equal(seats.get('ws-1')?.session, undefined);
    own.forget();
    assert.equal(seats.get('ws-1'), undefined);
  });

  it('leaves alone what another page has forgotten', () => {
    const { seats, own } = setUp();
    seats.forget('ws-1');
    own.keepSession('shell');
    assert.equal(seats.get('ws-1'), undefined);
  });

  it('does not take away the way back to the seat that another page has joined since', () => {
    const { seats, own } = setUp();
    const other: KeptSeat = { ...MINE, seat: 3, rejoin_code: 'second', learner_token: 'token-of-second' };
    seats.put(other);
    own.keepSession('shell');
    own.keepNames({ workshop_name: 'Intro', name: 'Alice' });
    own.forget();
    assert.deepEqual(seats.get('ws-1'), other);
  });
});
