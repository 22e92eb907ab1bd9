import { deepEqual, equal } from 'node:assert/strict';
import { MAX_SLOTS } from '../../../../src/agent/network/seat-network.ts';
import { SlotTable } from '../../../../src/agent/network/slot-table.ts';

const NOBODY = new Set<number>();

describe('The choice of a slot', () => {
  it('is the preferred one where nobody has it', () => {
    const table = new SlotTable();
    table.set(3, 'ready');
    equal(table.choose(17, NOBODY), 17);
    equal(table.choose(3, NOBODY), 3);
  });

  it('is else a prepared one, the lowest first', () => {
    const table = new SlotTable();
    table.set(17, 'held');
    table.set(9, 'ready');
    table.set(4, 'ready');
    equal(table.choose(17, NOBODY), 4);
    equal(table.choose(18, new Set([18])), 4);
  });

  it('is else the first that neither this agent nor another has', () => {
    const table = new SlotTable();
    table.set(1, 'held');
    table.set(2, 'busy');
    equal(table.choose(1, new Set([3, 4])), 5);
    table.clear(2);
    equal(table.choose(1, NOBODY), 2);
  });

  it('is none outside the range, and none where all are taken', () => {
    const table = new SlotTable();
    equal(table.choose(0, NOBODY), 1);
    equal(table.choose(MAX_SLOTS + 1, NOBODY), 1);
    for (let slot = 1; slot <= MAX_SLOTS; slot += 1) table.set(slot, 'held');
    equal(table.choose(1, NOBODY), undefined);
    deepEqual(table.all('ready'), []);
  });
});
