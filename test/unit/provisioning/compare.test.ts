import assert from 'node:assert/strict';
import type { Vm } from '../../../src/protocol/agent.ts';
import { compareSeats } from '../../../src/provisioning/monitor/compare.ts';
import { Repairs } from '../../../src/provisioning/monitor/repairs.ts';
import { seatRow, workshopRow } from './fixtures.ts';

const workshop = workshopRow();

function vm(seat: number, change: Partial<Vm> = {}): Vm {
  const made = { ip: null, started_in_ms: 1, from_snapshot: false, created_at: workshop.created_at };
  return { workshop_id: workshop.id, seat_id: seat, status: 'ready', connections: 0, ...made, ...change };
}

const settled = (): boolean => true;

describe('the comparison of store and agent', () => {
  it('finds nothing where both say the same', () => {
    const seats = [seatRow(workshop, 1), seatRow(workshop, 2, { connected: true })];
    const difference = compareSeats(seats, [vm(1), vm(2, { connections: 3 })], settled);
    assert.deepEqual(difference, { changes: [], unknown: [], broken: [] });
  });

  it('tells what changed, what is broken and what nobody knows', () => {
    const seats = [1, 2, 3, 4].map((seat) => seatRow(workshop, seat));
    const vms = [vm(1, { connections: 1 }), vm(2, { status: 'unhealthy' }), vm(3), vm(9)];
    const { changes, unknown, broken } = compareSeats(seats, vms, settled);
    assert.deepEqual(
      changes.map(({ seat, change }) => [seat.seat, change.status, change.connected]),
      [
        [1, 'ready', true],
        [2, 'unhealthy', false],
        [4, 'lost', false],
      ],
    );
    assert.deepEqual(
      unknown.map(({ seat_id }) => seat_id),
      [9],
    );
    assert.deepEqual(
      broken.map(({ seat }) => seat),
      [2, 4],
    );
  });

  it('leaves alone what an operation is working on', () => {
    const difference = compareSeats([seatRow(workshop, 1)], [vm(2)], () => false);
    assert.deepEqual(difference, { changes: [], unknown: [], broken: [] });
  });

  it('keeps the reason of a seat that could not be made', () => {
    const error = { code: 'NO_CAPACITY', message: 'Seat 1 could not be made: full.' } as const;
    const seat = seatRow(workshop, 1, { status: 'unhealthy', error });
    const { changes, broken } = compareSeats([seat], [], settled);
    assert.deepEqual(changes, []);
    assert.deepEqual(broken, [seat]);
  });

  it('finds a seat healthy again', () => {
    const seat = seatRow(workshop, 1, { status: 'lost', error: { code: 'UNAVAILABLE', message: 'gone' } });
    const { changes, broken } = compareSeats([seat], [vm(1)], settled);
    assert.deepEqual(changes[0]?.change, { status: 'ready', connected: false, ip: null, error: null });
    assert.deepEqual(broken, []);
  });
});

describe('the repairs of seats', () => {
  it('begin at once for lost seats, later for unhealthy ones, and ever more seldom', () => {
    const repairs = new Repairs(30_000);
    assert.equal(repairs.isDue('a', false, 0), false);
    assert.equal(repairs.isDue('a', false, 29_999), false);
    assert.equal(repairs.isDue('a', false, 30_000), true);
    assert.equal(repairs.isDue('b', true, 0), true);
    repairs.begun('b', 0);
    assert.equal(repairs.isDue('b', true, 14_999), false);
    assert.equal(repairs.isDue('b', true, 15_000), true);
    repairs.begun('b', 15_000);
    assert.equal(repairs.isDue('b', true, 74_999), false);
    assert.equal(repairs.isDue('b', true, 75_000), true);
  });

  it('are forgotten once the workshop is well', () => {
    const repairs = new Repairs(30_000);
    repairs.isDue('a', true, 0);
    repairs.begun('a', 0);
    repairs.keepOnly(new Set(['b']));
    assert.equal(repairs.isDue('a', true, 1), true);
  });
});
