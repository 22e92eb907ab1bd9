import assert from 'node:assert/strict';
import { Seats } from '../../../src/providers/model/seats.ts';
import { seat } from './fixtures.ts';

describe('the seats that the extension knows', () => {
  const all = Seats.of([
    seat({ workshop_id: 'ws-1', seat: 10 }),
    seat({ workshop_id: 'ws-1', seat: 2 }),
    seat({ workshop_id: 'ws-10', seat: 2 }),
  ]);
  const numbers = (seats: Seats, workshop: string): number[] => seats.inWorkshop(workshop).map(({ seat }) => seat);

  it('are found by their subjects, and in their workshop by their numbers', () => {
    assert.equal(all.size, 3);
    assert.equal(all.get('workshop/ws-10/seat/2')?.workshop_id, 'ws-10');
    assert.equal(all.get('workshop/ws-10/seat/10'), undefined);
    assert.deepEqual([all.has('workshop/ws-1/seat/10'), all.has('workshop/ws-1'), all.has('')], [true, false, false]);
    assert.deepEqual([numbers(all, 'ws-1'), numbers(all, 'ws-10'), numbers(all, 'ws-2')], [[2, 10], [2], []]);
    assert.equal([...all.values()].length, 3);
  });

  it('change into others, and stay as they are', () => {
    const changed = all
      .with(seat({ workshop_id: 'ws-1', seat: 2, learner: 'Ada' }))
      .with(seat({ workshop_id: 'ws-2' }));
    assert.equal(changed.get('workshop/ws-1/seat/2')?.learner, 'Ada');
    assert.deepEqual([changed.size, all.size], [4, 3]);
    assert.equal(all.get('workshop/ws-1/seat/2')?.learner, null);
  });

  it('go one by one, or with their workshop', () => {
    assert.deepEqual(numbers(all.without('workshop/ws-1/seat/2'), 'ws-1'), [10]);
    assert.deepEqual(numbers(all.without('workshop/ws-1/seat/1'), 'ws-1'), [2, 10]);
    const left = all.without('workshop/ws-1');
    assert.deepEqual([left.size, numbers(left, 'ws-10')], [1, [2]]);
    assert.equal(all.without('operation/ws-1').size, 3);
    assert.equal(left.without('workshop/ws-10/seat/2').groups.size, 0);
  });
});
