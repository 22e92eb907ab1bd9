import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NoCapacityError } from '../../../src/protocol/errors.ts';
import { placeSeats } from '../../../src/provisioning/workshop/placement.ts';

describe('the placement of seats', () => {
  it('fills the workers in order', () => {
    const rooms = [
      { worker: 'a', free: 2 },
      { worker: 'b', free: 0 },
      { worker: 'c', free: 5 },
    ];
    const placed = [...placeSeats([1, 2, 3, 4], rooms)];
    assert.deepEqual(placed, [
      [1, 'a'],
      [2, 'a'],
      [3, 'c'],
      [4, 'c'],
    ]);
  });

  it('places every seat once within the room there is, or none', () => {
    const rooms = fc.array(fc.record({ worker: fc.uuid(), free: fc.integer({ min: -3, max: 20 }) }), { maxLength: 5 });
    const seats = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 60 });
    fc.assert(
      fc.property(seats, rooms, (wanted, given) => {
        const total = given.reduce((sum, { free }) => sum + Math.max(0, free), 0);
        if (total < wanted.length) {
          assert.throws(() => placeSeats(wanted, given), NoCapacityError);
          return;
        }
        const placed = placeSeats(wanted, given);
        assert.deepEqual([...placed.keys()], wanted);
        for (const { worker, free } of given) {
          const there = [...placed.values()].filter((name) => name === worker).length;
          assert.ok(there <= Math.max(0, free));
        }
      }),
    );
  });
});
