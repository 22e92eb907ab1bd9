import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admission, Gate } from '../../../src/agent/proxy/gate.ts';
import { onceSeatGone } from '../../../src/agent/proxy/seat-gone.ts';
import { NotFoundError } from '../../../src/protocol/errors.ts';

/** Longer than it takes to notice. */
const NOTICED_MS = 1_500;

describe('a long answer of a seat', () => {
  const seat = {};

  /** Whether the answer is ended soon after the seat is in that state. */
  async function ends(changes: { status?: string; seat?: object } | undefined): Promise<boolean> {
    const state = { status: 'ready', seat, ...changes };
    let ended = false;
    const seats = {
      get: () => {
        if (changes === undefined) throw new NotFoundError('There is no such seat.');
        return state;
      },
      ready: () => state.seat,
    } as unknown as Gate['seats'];
    const admission = { target: { key: { workshopId: 'w', seatId: 1 } }, seat } as unknown as Admission;
    const forget = onceSeatGone({ seats }, admission, () => (ended = true));
    await sleep(NOTICED_MS);
    forget();
    return ended;
  }

  it('goes on while the seat is the same, even when it is unhealthy', async () => {
    assert.deepEqual(await Promise.all([ends({}), ends({ status: 'unhealthy' })]), [false, false]);
  });

  it('ends with a seat that is being reset, is another one, or is gone', async () => {
    const all = await Promise.all([ends({ status: 'resetting' }), ends({ seat: {} }), ends(undefined)]);
    assert.deepEqual(all, [true, true, true]);
  });
});
